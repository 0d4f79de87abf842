//! All decisions: pure functions over plain data, with the time as an argument.
//!
//! Nothing here awaits, fails on the outside world, asks the time, or goes through anything in hash order.
//! [`cluster`] decides for the manager, [`host`] for a worker, [`schedule`] where a task goes.

pub mod schedule;
