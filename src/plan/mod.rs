//! All decisions: pure functions over plain data, with the time as an argument.
//!
//! Nothing here awaits, fails on the outside world, asks the time, or goes through anything in hash order.
//! [`cluster`] decides for the manager, [`host`] for a worker, [`schedule`] where a task goes, [`restart`]
//! whether an attempt is followed by another.

pub mod cluster;
pub mod host;
pub mod restart;
pub mod schedule;
