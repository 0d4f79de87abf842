//! A proxy before a real engine that delays, loses and spoils requests and answers.
