//! All JSON: what comes in over HTTP and what goes out.

pub mod access;
pub mod authority;
mod checks;
pub mod event;
mod image;
pub mod node;
pub mod node_patch;
pub mod placement;
pub mod probe;
pub mod rebalance;
pub mod service;
pub mod state;
pub mod stats;
pub mod strict;
pub mod submission;
pub mod sync;
pub mod task;
pub mod why;
