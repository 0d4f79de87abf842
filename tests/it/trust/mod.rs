//! Who may speak with whom, held against the real binary: joining by TLS, and everybody who is not let in.

mod authority;
mod clocks;
mod containers;
mod escapes;
mod flood;
mod hostile_worker;
mod house;
mod joining;
mod matrix;
mod people;
mod strangers;
