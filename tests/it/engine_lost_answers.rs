//! What orc makes of answers that get lost between it and a real engine.
