//! A task as the manager knows it, what it asks of a worker, and what the worker says back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{ContainerId, NodeName, TaskId};
use super::service::Membership;
use super::spec::{Port, TaskSpec};
use super::state::{Desired, Health, Ready, State};
use super::time::Timestamp;

/// One container to run, and all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The cluster's count of tasks when it was accepted, from 1: the order in which they are placed and listed.
    pub seq: u64,
    /// Stays the same over restarts.
    pub id: TaskId,
    /// What was asked for.
    pub spec: Arc<TaskSpec>,
    /// The only node it may run on, when it was posted to a worker.
    pub pinned: Option<NodeName>,
    /// The service that it belongs to, and its place there; `None` = it was posted by itself. Never changes.
    pub membership: Option<Membership>,
    /// Written by the API alone, and for tasks of services by the planner.
    pub desired: Desired,
    /// Written by the planner alone.
    pub node: Option<NodeName>,
    /// How often it has been placed; a report of an earlier placement is stale. Written by the planner alone.
    pub placement: u32,
    /// The placement before this one, as long as that is not over. Written by the planner alone.
    pub predecessor: Option<Predecessor>,
    /// When it was moved off a lost node last. Written by the planner alone.
    pub moved_at: Option<Timestamp>,
    /// How long managers had run on the cluster's store when it ended, or when anything of it changed after; `None` = it
    /// has not ended, or did before that was counted. Written by the manager alone.
    pub ended: Option<Duration>,
    /// How long managers had run on the cluster's store when it became ready, without a break since; `None` = it is not.
    /// A clock that nobody sets, and that stands still while there is no manager. Written by the manager alone.
    pub ready_since: Option<Duration>,
    /// The same by the clock on the wall, for people alone.
    pub ready_at: Option<Timestamp>,
    /// The cluster's revision at the last change that its worker must hear of.
    pub revision: u64,
    /// Through [`super::state::TRANSITIONS`] alone.
    pub state: State,
    /// What its worker saw last.
    pub observed: Observed,
    /// Why it is as it is, in words.
    pub message: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When anything of it changed last.
    pub updated_at: Timestamp,
}

impl Task {
    /// A task as it is accepted: wanted, and nothing known of it yet.
    pub fn accepted(id: TaskId, spec: Arc<TaskSpec>, pinned: Option<NodeName>, at: Timestamp) -> Self {
        Self {
            seq: 0,
            id,
            spec,
            pinned,
            membership: None,
            desired: Desired::Run,
            node: None,
            placement: 0,
            predecessor: None,
            moved_at: None,
            ended: None,
            ready_since: None,
            ready_at: None,
            revision: 0,
            state: State::Pending,
            observed: Observed::default(),
            message: String::new(),
            created_at: at,
            updated_at: at,
        }
    }

    /// Whether it gets traffic, and counts in a rollout.
    pub fn is_ready(&self) -> bool {
        self.state == State::Running && self.desired == Desired::Run && self.observed.is_ready(&self.spec)
    }

    /// For how long it has been ready without a break, as far as is known; `None` = it is not. `lived` is how long
    /// managers have run on the cluster's store by now.
    pub fn ready_for(&self, lived: Duration) -> Option<Duration> {
        self.is_ready().then(|| lived.saturating_sub(self.ready_since.unwrap_or(lived)))
    }
}

/// An earlier placement of a task that moves: it is not over before the task runs elsewhere, or before its node
/// has let go of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predecessor {
    /// Where.
    pub node: NodeName,
    /// Which one.
    pub placement: u32,
    /// Why it moves.
    pub why: Move,
    /// What is wanted of its node meanwhile.
    pub wanted: Meanwhile,
}

/// Why a task moves from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Move {
    /// Its node is not heard of.
    Lost,
    /// Its node is being drained.
    Drain,
    /// It is to run where there is more room.
    Rebalance,
}

impl Move {
    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Drain => "drain",
            Self::Rebalance => "rebalance",
        }
    }
}

/// What is wanted of the node that a task leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meanwhile {
    /// Keep it running until it runs elsewhere.
    Keep,
    /// Let go of it: it begins elsewhere only after that.
    Release,
}

impl Meanwhile {
    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Release => "release",
        }
    }
}

/// What a worker saw of a task. Written by the worker alone, from what Docker says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Observed {
    /// The try that this is about, from 1; 0 = none yet.
    pub attempt: u32,
    /// How many tries followed another.
    pub restarts: u32,
    /// Its container, as long as there is one.
    pub container: Option<ContainerId>,
    /// Where its ports are published; `None` before anything ran.
    pub host_ports: Option<HostPorts>,
    /// Of the last attempt that ended.
    pub exit_code: Option<i64>,
    /// Of the running container.
    pub health: Health,
    /// Whether the running container gets traffic; `None` = nothing runs, or the worker is of an orc that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// When the last attempt's container started.
    pub started_at: Option<Timestamp>,
    /// When the last attempt's container ended.
    pub finished_at: Option<Timestamp>,
    /// The worker's count of its changes to this task: a lower number is older.
    pub seq: u64,
}

impl Observed {
    /// Whether any container of it was seen: one that could never be made, as its image is nowhere, has left nothing behind.
    pub const fn had_a_container(&self) -> bool {
        self.container.is_some() || self.host_ports.is_some() || self.exit_code.is_some()
    }

    /// Whether a task of this specification that runs so gets traffic.
    pub fn is_ready(&self, spec: &TaskSpec) -> bool {
        match (&self.ready, self.health) {
            (Some(ready), _) => *ready == Ready::Yes,
            // A worker that does not say so does not know of `Readiness` either.
            (None, _) if spec.readiness.is_some() => false,
            (None, Health::None) => spec.health_check.is_none(),
            (None, health) => health == Health::Healthy,
        }
    }
}

/// Published ports as Docker reports them.
pub type HostPorts = BTreeMap<Port, Vec<HostBinding>>;

/// One address of the host at which a container's port can be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostBinding {
    /// `0.0.0.0` or `::` for all of its addresses.
    pub host_ip: String,
    /// The port, as text.
    pub host_port: String,
}

/// What a worker is asked to do about one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Assignment {
    /// The task.
    pub id: TaskId,
    /// What to run.
    pub spec: Arc<TaskSpec>,
    /// Whether to run it or to stop and remove it.
    pub desired: Desired,
    /// Which placement this is; reports carry it back.
    pub placement: u32,
    /// What the manager knows of it. Matters only to a worker that has no record of its own: what is finished
    /// is not begun again, and attempts are counted on.
    pub state: State,
    /// What the manager knows of its attempts, likewise.
    pub observed: Observed,
    /// What the manager says of it, likewise.
    pub message: String,
    /// When the task was accepted, for `GET /tasks` of the worker.
    pub created_at: Timestamp,
}

/// What a worker says about one task: always whole, so that the newest one is enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The task.
    pub task: TaskId,
    /// The placement under which this was seen.
    pub placement: u32,
    /// `Scheduled`, `Running`, `Completed` or `Failed`.
    pub state: State,
    /// What was seen.
    pub observed: Observed,
    /// For how long it had been ready when this was said, milliseconds; `None` = it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_for_ms: Option<u64>,
    /// Why it is as it is, in words.
    pub message: String,
}
