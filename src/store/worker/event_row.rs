//! An event as a worker's table holds it.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::event::Event;
use crate::store::event::EventRow;
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// An event that a worker saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerEvent {
    /// The worker's number for it, from 1.
    pub seq: u64,
    /// The name of the task that it is about; empty = none.
    pub task_name: String,
    /// What happened.
    pub event: Event,
}

/// One row of `events`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct WorkerEventRow {
    seq: u64,
    #[serde(flatten)]
    #[sqlx(flatten)]
    event: EventRow,
}

pub(super) const INSERT: Insert = Insert {
    table: "events",
    columns: "seq, at, task, task_name, node, attempt, kind, exit_code, message",
    on_conflict: "",
};

impl From<&WorkerEvent> for WorkerEventRow {
    fn from(event: &WorkerEvent) -> Self {
        Self { seq: event.seq, event: EventRow::new(&event.event, &event.task_name) }
    }
}

impl Stored for WorkerEventRow {
    type Item = WorkerEvent;

    fn decode(self) -> Result<WorkerEvent, String> {
        let (event, task_name) = self.event.decode()?;
        Ok(WorkerEvent { seq: self.seq, task_name, event })
    }
}
