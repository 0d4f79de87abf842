//! All decisions: pure functions over plain data, with the time as an argument.
//!
//! Nothing here awaits, fails on the outside world, asks the time, or goes through anything in hash order.
//! [`cluster`] decides for the manager, [`host`] for a worker, [`schedule`] where a task goes, [`restart`]
//! whether an attempt is followed by another, [`rollout`] how a service becomes what it should be, [`job`] how tasks are run
//! to their end, [`cron`] which runs of a job by the clock begin.

pub mod cluster;
pub mod cron;
pub mod host;
pub mod job;
pub mod restart;
pub mod rollout;
pub mod schedule;
