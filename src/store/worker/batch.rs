//! What a worker writes at a time.

use serde_json::{Value, json};

use crate::model::id::{ClusterId, InstanceId, NodeName, TaskId};
use crate::model::record::Record;
use crate::store::column::text;
use crate::store::insert::{Statement, rows};

use super::event_row::{self, WorkerEvent, WorkerEventRow};
use super::record_row::{self, RecordRow};

/// What a worker knows of itself and of the manager that it obeys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerMeta {
    /// Its name, once it has one.
    pub node: Option<NodeName>,
    /// The cluster that it has joined.
    pub cluster: Option<ClusterId>,
    /// The highest epoch of a manager that it has obeyed.
    pub epoch: u64,
    /// Which start of that manager this was.
    pub start: Option<InstanceId>,
    /// That manager's last change that it has taken over.
    pub revision: u64,
    /// Of the host, when this was written.
    pub boot_id: Option<String>,
}

/// Changes that belong together.
#[derive(Debug, Clone, Default)]
pub struct WorkerBatch {
    /// When it changed.
    pub meta: Option<WorkerMeta>,
    /// Whole records, new or changed.
    pub records: Vec<Record>,
    /// Tasks whose records are not needed any more.
    pub dropped: Vec<TaskId>,
    /// What happened, with numbers that were never used.
    pub events: Vec<WorkerEvent>,
}

impl WorkerBatch {
    pub(super) fn statements(&self) -> Vec<Statement> {
        let records: Vec<RecordRow> = self.records.iter().map(RecordRow::from).collect();
        let events: Vec<WorkerEventRow> = self.events.iter().map(WorkerEventRow::from).collect();
        let mut statements = Vec::new();
        statements.extend(rows(DROP, &self.dropped));
        statements.extend(record_row::UPSERT.all(&records));
        statements.extend(event_row::INSERT.all(&events));
        statements.extend(rows(COUNT, self.events.iter().map(|event| event.seq).max().as_slice()));
        statements.extend(rows(SET_META, self.meta.as_ref().map(WorkerMeta::json).as_slice()));
        statements
    }
}

impl WorkerMeta {
    fn json(&self) -> Value {
        json!({
            "node": text(self.node.as_ref()),
            "cluster": text(self.cluster.as_ref()),
            "epoch": self.epoch,
            "start": text(self.start.as_ref()),
            "revision": self.revision,
            "boot_id": self.boot_id,
        })
    }
}

const DROP: &str = "DELETE FROM records WHERE id IN (SELECT value FROM json_each(?))";

const COUNT: &str = "UPDATE meta SET last_event = max(last_event, value) FROM json_each(?)";

const SET_META: &str = "
    UPDATE meta SET
        node = value ->> 'node', cluster = value ->> 'cluster', epoch = value ->> 'epoch',
        start = value ->> 'start', revision = value ->> 'revision', boot_id = value ->> 'boot_id'
    FROM json_each(?)";
