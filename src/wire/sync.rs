//! The one conversation between a worker and its manager: `POST /nodes/{name}/sync`.
//!
//! What the worker sees goes out, what is wanted of it comes back. Both sides repeat what was not acknowledged,
//! so a lost message costs time and nothing else.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::stats::Stats;
use crate::model::event::Event;
use crate::model::id::{ClusterId, InstanceId, TaskId};
use crate::model::node::{Life, NodeFacts, NodeLoad};
use crate::model::routes::Routes;
use crate::model::task::{Assignment, Report};
use crate::model::time::Timestamp;

/// What a worker says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SyncRequest {
    /// Which life of the worker speaks.
    #[serde(flatten)]
    pub life: Life,
    /// The cluster and epoch that its knowledge is of; `None` = knows nothing.
    pub known: Option<Known>,
    /// What its clock on the wall shows: for people alone, who are told when it is not what the manager's shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Timestamp>,
    /// Its machine.
    pub facts: NodeFacts,
    /// How loaded that is.
    pub load: NodeLoad,
    /// Why its engine does not answer; `None` when it does.
    pub engine_trouble: Option<String>,
    /// What `/stats` of the worker shows; sent now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
    /// Tasks of which it has containers, or may have, and which are not assigned to it; `None` = it cannot say.
    #[serde(default)]
    pub leftovers: Option<Vec<TaskId>>,
    /// What has changed of its tasks since the manager acknowledged last.
    pub reports: Vec<Report>,
    /// Its lines of history that the manager has not acknowledged, oldest first.
    pub events: Vec<NumberedEvent>,
    /// The routes that it knows, 0 = none; `None` = it wants to hear of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<u64>,
    /// Tasks to which it has connections open, beside those that are routed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<TaskId>,
    /// How long the manager may wait for news before it answers, milliseconds.
    pub wait_ms: u64,
}

/// More than any machine has, of bytes and of anything that is counted: an exbibyte. The databases hold it and sums of it.
const MOST: u64 = 1 << 60;
/// More processors than any machine has.
const MOST_CORES: u32 = 1 << 16;

/// More named volumes than any machine has.
const MOST_VOLUMES: usize = 10_000;

impl SyncRequest {
    /// Whether each number is one that can be counted and written down; else a sentence that names one which is not. A
    /// worker may be in anybody's hands, and one bad row would cost everybody else's write.
    pub fn check(&self) -> Result<(), String> {
        let Self { life, known, facts, load, .. } = self;
        let known = known.map_or([("Known.Epoch", 0), ("Known.Revision", 0)], |known| {
            [("Known.Epoch", known.epoch), ("Known.Revision", known.revision)]
        });
        let of_machine = [("Facts.Memory", facts.memory), ("Facts.Disk", facts.disk)];
        let in_use = [("Load.Memory", load.memory), ("Load.Disk", load.disk)];
        let of_reports = self.reports.iter().map(|report| ("Reports[].Observed.Seq", report.observed.seq));
        let of_events = self.events.iter().map(|event| ("Events[].Seq", event.seq));
        let all = [("Starts", life.starts)].into_iter().chain(known).chain(of_machine).chain(in_use);
        if let Some((field, number)) =
            all.chain(of_reports).chain(of_events).find(|(_, number)| *number > MOST)
        {
            return Err(format!("{field} is {number}: {MOST} is more than there can be of anything"));
        }
        let volumes = facts.volumes.as_ref().map_or(0, BTreeSet::len);
        if volumes > MOST_VOLUMES {
            return Err(format!("Facts.Volumes are {volumes}: {MOST_VOLUMES} are more than any machine has"));
        }
        if facts.cores > MOST_CORES {
            return Err(format!("Facts.Cores is {}: {MOST_CORES} is more than any machine has", facts.cores));
        }
        if !(0.0..=1.0).contains(&load.cpu) {
            return Err(format!("Load.Cpu is {}: a share from 0 to 1 is wanted", load.cpu));
        }
        Ok(())
    }
}

/// What a worker knows of what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Known {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Of which life of its manager.
    pub epoch: u64,
    /// Up to which change.
    pub revision: u64,
    /// Which start of the manager that life was; not said by an orc that does not know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<InstanceId>,
}

/// A line of a worker's history under the worker's own number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NumberedEvent {
    /// Counted up by the worker.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What a manager answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SyncAnswer {
    /// Its cluster, its life, and the change up to which the worker knows all after this.
    pub known: Known,
    /// What its clock on the wall shows, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Timestamp>,
    /// The revision on which this builds; `None` = on nothing.
    pub base: Option<u64>,
    /// Whether `assignments` is all that is wanted of the worker.
    pub whole: bool,
    /// What is wanted.
    pub assignments: Vec<Assignment>,
    /// Tasks that the manager cannot read: whatever there is of them stays as it is.
    #[serde(default)]
    pub leave_alone: Vec<TaskId>,
    /// From when it asked, the worker may go on for so long with what may run only once, milliseconds.
    pub lease_ms: u64,
    /// The worker's events up to this number are stored, and the reports that came with them.
    pub events_seen: u64,
    /// Outputs that somebody wants to read.
    pub streams: Vec<StreamRequest>,
    /// What is behind the ports of services, where that is not what the worker knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Routes>,
}

/// Somebody wants to read a task's output: the worker sends it to `POST /nodes/{name}/streams/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamRequest {
    /// Under which number to send it.
    pub id: u64,
    /// Of which task.
    pub task: TaskId,
    /// Go on with what it will write.
    pub follow: bool,
    /// Only so many last lines.
    pub tail: Option<u64>,
    /// Only what was written since, seconds since 1970.
    pub since: Option<i64>,
    /// Begin each line with its time.
    pub timestamps: bool,
}
