//! All JSON: what comes in over HTTP and what goes out.

pub mod access;
pub mod authority;
mod checks;
mod duration;
pub mod event;
mod image;
mod log_config;
mod mount;
pub mod network;
pub mod node;
pub mod node_patch;
pub mod options;
pub mod placement;
pub mod policy;
pub mod probe;
pub mod rebalance;
mod reserve;
mod restarts;
mod said;
pub mod service;
pub mod state;
pub mod stats;
pub mod strict;
pub mod submission;
pub mod sync;
pub mod task;
pub mod why;
