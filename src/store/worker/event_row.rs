//! An event as a worker's table holds it.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::event::Event;
use crate::store::event::EventRow;
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

/// Takes an array of rows.
pub(super) const INSERT: &str = "
    WITH input AS MATERIALIZED (SELECT value FROM json_each(?))
    INSERT INTO events (seq, at, task, task_name, node, attempt, kind, exit_code, message)
    SELECT
        value ->> 'seq', value ->> 'at', value ->> 'task', value ->> 'task_name', value ->> 'node',
        value ->> 'attempt', value ->> 'kind', value ->> 'exit_code', value ->> 'message'
    FROM input";

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
