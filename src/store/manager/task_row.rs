//! A task as its table holds it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;

use crate::model::service::Membership;
use crate::model::task::{Observed, Predecessor, Task};
use crate::store::column::{checksum, json, optional, ready, text, time, to_json, verify, word};
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// One row of `tasks`, columns as in its migration.
///
/// The checksum is over the JSON of this struct. A later column must be left out of it while it has the value
/// that its migration gives to old rows (`skip_serializing_if`), or these would not match theirs any more.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct TaskRow {
    seq: u64,
    id: String,
    name: String,
    image: String,
    spec: String,
    pinned: Option<String>,
    desired: String,
    node: Option<String>,
    placement: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_placement: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_wanted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    revision: u64,
    state: String,
    attempt: u32,
    restarts: u32,
    container: Option<String>,
    host_ports: Option<String>,
    exit_code: Option<i64>,
    health: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_ready: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    observed_seq: u64,
    message: String,
    created_at: String,
    updated_at: String,
    checksum: Option<i64>,
}

/// What never changes of a task is not written again.
pub(super) const UPSERT: Insert = Insert {
    table: "tasks",
    columns: "\
        seq, id, name, image, spec, pinned, desired, node, placement, former_node, former_placement, \
        former_why, former_wanted, moved_at, ended_ms, service, slot, version, revision, state, attempt, restarts, container, \
        host_ports, exit_code, health, ready, not_ready, ready_ms, ready_at, \
        started_at, finished_at, observed_seq, message, created_at, \
        updated_at, checksum",
    on_conflict: "\
        ON CONFLICT (seq) DO UPDATE SET desired = excluded.desired, node = excluded.node, placement \
        = excluded.placement, former_node = excluded.former_node, former_placement = \
        excluded.former_placement, former_why = excluded.former_why, former_wanted = \
        excluded.former_wanted, moved_at = excluded.moved_at, ended_ms = excluded.ended_ms, \
        revision = excluded.revision, state = excluded.state, attempt = excluded.attempt, restarts = \
        excluded.restarts, container = excluded.container, host_ports = excluded.host_ports, \
        exit_code = excluded.exit_code, health = excluded.health, ready = excluded.ready, \
        not_ready = excluded.not_ready, ready_ms = excluded.ready_ms, ready_at = excluded.ready_at, \
        started_at = excluded.started_at, finished_at = excluded.finished_at, \
        observed_seq = excluded.observed_seq, message = excluded.message, updated_at = \
        excluded.updated_at, checksum = excluded.checksum",
};

impl From<&Task> for TaskRow {
    fn from(task: &Task) -> Self {
        let observed = &task.observed;
        let former = task.predecessor.as_ref();
        let mut row = Self {
            seq: task.seq,
            id: task.id.to_string(),
            name: task.spec.name.clone(),
            image: task.spec.image.clone(),
            spec: to_json(&task.spec),
            pinned: text(task.pinned.as_ref()),
            desired: task.desired.word().to_owned(),
            node: text(task.node.as_ref()),
            placement: task.placement,
            former_node: former.map(|former| former.node.to_string()),
            former_placement: former.map(|former| former.placement),
            former_why: former.map(|former| former.why.word().to_owned()),
            former_wanted: former.map(|former| former.wanted.word().to_owned()),
            moved_at: text(task.moved_at.as_ref()),
            ended_ms: task.ended.map(|ended| u64::try_from(ended.as_millis()).unwrap_or(u64::MAX)),
            service: task.membership.as_ref().map(|membership| membership.service.to_string()),
            slot: task.membership.as_ref().map(|membership| to_json(&membership.slot)),
            version: task.membership.as_ref().map(|membership| membership.version),
            revision: task.revision,
            state: task.state.word().to_owned(),
            attempt: observed.attempt,
            restarts: observed.restarts,
            container: text(observed.container.as_ref()),
            host_ports: observed.host_ports.as_ref().map(to_json),
            exit_code: observed.exit_code,
            health: observed.health.word().to_owned(),
            ready: observed.ready.as_ref().map(|ready| ready.word().to_owned()),
            not_ready: observed.ready.as_ref().and_then(|ready| ready.why_not().map(str::to_owned)),
            ready_ms: task.ready_since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            ready_at: text(task.ready_at.as_ref()),
            started_at: text(observed.started_at.as_ref()),
            finished_at: text(observed.finished_at.as_ref()),
            observed_seq: observed.seq,
            message: task.message.clone(),
            created_at: task.created_at.to_string(),
            updated_at: task.updated_at.to_string(),
            checksum: None,
        };
        row.checksum = Some(checksum(&row));
        row
    }
}

impl TaskRow {
    fn predecessor(&self) -> Result<Option<Predecessor>, String> {
        let (Some(node), Some(placement), Some(why), Some(wanted)) =
            (&self.former_node, self.former_placement, &self.former_why, &self.former_wanted)
        else {
            return Ok(None);
        };
        Ok(Some(Predecessor {
            node: word("former_node", node)?,
            placement,
            why: word("former_why", why)?,
            wanted: word("former_wanted", wanted)?,
        }))
    }
}

impl TaskRow {
    fn membership(&self) -> Result<Option<Membership>, String> {
        let (Some(service), Some(slot), Some(version)) = (&self.service, &self.slot, self.version) else {
            return Ok(None);
        };
        Ok(Some(Membership { service: word("service", service)?, slot: json("slot", slot)?, version }))
    }
}

impl Stored for TaskRow {
    type Item = Task;

    fn decode(mut self) -> Result<Task, String> {
        verify(self.checksum.take(), &self)?;
        let (predecessor, membership) = (self.predecessor()?, self.membership()?);
        Ok(Task {
            seq: self.seq,
            id: word("id", &self.id)?,
            spec: Arc::new(json("spec", &self.spec)?),
            pinned: optional("pinned", self.pinned.as_ref(), word)?,
            membership,
            desired: word("desired", &self.desired)?,
            node: optional("node", self.node.as_ref(), word)?,
            placement: self.placement,
            predecessor,
            moved_at: optional("moved_at", self.moved_at.as_ref(), time)?,
            ended: self.ended_ms.map(Duration::from_millis),
            ready_since: self.ready_ms.map(Duration::from_millis),
            ready_at: optional("ready_at", self.ready_at.as_ref(), time)?,
            revision: self.revision,
            state: word("state", &self.state)?,
            observed: Observed {
                attempt: self.attempt,
                restarts: self.restarts,
                container: optional("container", self.container.as_ref(), word)?,
                host_ports: optional("host_ports", self.host_ports.as_ref(), json)?,
                exit_code: self.exit_code,
                health: word("health", &self.health)?,
                ready: ready(self.ready.as_ref(), self.not_ready.as_ref())?,
                started_at: optional("started_at", self.started_at.as_ref(), time)?,
                finished_at: optional("finished_at", self.finished_at.as_ref(), time)?,
                seq: self.observed_seq,
            },
            message: self.message,
            created_at: time("created_at", &self.created_at)?,
            updated_at: time("updated_at", &self.updated_at)?,
        })
    }
}
