//! Services in the simulation: what users want of them, what is promised of them, and the clients of their ports.

mod answers;
mod finished;
mod ports;
mod rollouts;
pub(crate) mod users;
mod view;
pub(crate) mod wishes;
mod written;

pub(crate) use ports::Ports;
pub(crate) use rollouts::{STEPS, Trials};
pub(crate) use written::check_member;
