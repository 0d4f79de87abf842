//! All SQL: what a manager and a worker keep on disk, each in one SQLite file that people can open too.
//!
//! The store decides nothing and keeps no state of its own: its caller holds the cluster in memory, hands over
//! what changed as one batch, and the batch is durable or has not happened. One connection writes, four read.
//! Nothing but this module speaks with SQLite, and it knows only [`crate::model`].

mod ballast;
mod column;
mod connect;
mod database;
mod error;
mod event;
mod files;
mod insert;
pub mod manager;
#[cfg(test)]
mod samples;
mod scan;
pub mod worker;

pub use database::Health;
pub use error::Error;
pub use manager::{ManagerReader, ManagerStore};
pub use scan::{Page, Unreadable};
pub use worker::{WorkerReader, WorkerStore};
