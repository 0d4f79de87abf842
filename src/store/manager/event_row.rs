//! An event as the manager's table holds it.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::event::Event;
use crate::model::service::ServiceName;
use crate::store::column::{optional, text, word};
use crate::store::event::EventRow;
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// An event with its place in the cluster's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number in the cluster, from 1.
    pub seq: u64,
    /// Who saw it: `manager`, or a worker by its name.
    pub source: String,
    /// That one's own number for it. A worker's event that is already here is not written again.
    pub source_seq: u64,
    /// The name of the task that it is about, which may be gone when it is read; empty = none.
    pub task_name: String,
    /// The service that it is about, or that its task belongs to.
    pub service: Option<ServiceName>,
    /// What happened.
    pub event: Event,
}

/// One row of `events`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct ManagerEventRow {
    seq: u64,
    source: String,
    source_seq: u64,
    service: Option<String>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    event: EventRow,
}

pub(super) const INSERT: Insert = Insert {
    table: "events",
    columns: "seq, source, source_seq, service, at, task, task_name, node, attempt, kind, exit_code, message",
    on_conflict: "ON CONFLICT (source, source_seq) WHERE source <> 'manager' DO NOTHING",
};

impl From<&StoredEvent> for ManagerEventRow {
    fn from(stored: &StoredEvent) -> Self {
        Self {
            seq: stored.seq,
            source: stored.source.clone(),
            source_seq: stored.source_seq,
            service: text(stored.service.as_ref()),
            event: EventRow::new(&stored.event, &stored.task_name),
        }
    }
}

impl Stored for ManagerEventRow {
    type Item = StoredEvent;

    fn decode(self) -> Result<StoredEvent, String> {
        let (event, task_name) = self.event.decode()?;
        Ok(StoredEvent {
            seq: self.seq,
            source: self.source,
            source_seq: self.source_seq,
            task_name,
            service: optional("service", self.service.as_ref(), word)?,
            event,
        })
    }
}
