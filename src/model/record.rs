//! What a worker keeps of each task that it was given: with it, it goes on alone and survives restarts.

use std::fmt;
use std::time::Duration;

use super::id::ContainerId;
use super::state::State;
use super::task::{Assignment, Observed};
use super::time::Timestamp;

/// All that a worker durably knows of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What the manager wants.
    pub assignment: Assignment,
    /// What this worker says of it.
    pub state: State,
    /// What was seen.
    pub observed: Observed,
    /// Why it is as it is, in words.
    pub message: String,
    /// The attempt under way; `None` before the first and between two.
    pub attempt: Option<Attempt>,
    /// Failures in a row that count against the restart policy.
    pub failures: u32,
    /// Restarts in a row, whatever their cause: the exponent of the back-off.
    pub streak: u32,
    /// Not to be tried again before.
    pub retry: Option<Retry>,
}

/// One try of a task: one container. Written down before the engine is asked to create it (rules R1, R5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1, over all restarts; the label `orc.attempt`.
    pub number: u32,
    /// The container's name, chosen once, so that a create whose answer was lost can be repeated.
    pub name: String,
    /// Its container, once the engine has told.
    pub container: Option<ContainerId>,
    /// Whether it was ever seen running.
    pub ran: bool,
    /// Why this worker is ending it, when it is.
    pub ending: Option<Reason>,
}

/// Why a worker ends an attempt that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its health checks failed, in words.
    Unhealthy(String),
    /// The manager was not heard of for its lease, and the task may run only once: it may be started elsewhere.
    LeaseOver,
}

const LEASE_OVER: &str = "the lease is over";

/// As the database has it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unhealthy(why) => f.write_str(why),
            Self::LeaseOver => f.write_str(LEASE_OVER),
        }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        if text == LEASE_OVER { Self::LeaseOver } else { Self::Unhealthy(text) }
    }
}

/// A wait before the next attempt. Measured on the monotonic clock while the worker runs; after a restart of
/// the worker what is left by the wall clock, and never more than all of it (rule R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// When it ends, by the wall clock.
    pub at: Timestamp,
    /// How long it is in all.
    pub delay: Duration,
}
