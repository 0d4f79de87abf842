//! A request that was answered: what makes `POST /tasks` idempotent.

use super::id::{RequestId, TaskId};
use super::time::Timestamp;

/// One accepted `TaskEvent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The event's `ID`, the user's own or one made here.
    pub id: RequestId,
    /// The task that it created or stopped.
    pub task: TaskId,
    /// SHA-256 of what was asked, in hexadecimal: tells a repetition from a second request under one `ID`.
    pub digest: String,
    /// The JSON that was answered, for repetitions.
    pub answer: String,
    /// When it was accepted.
    pub at: Timestamp,
}
