//! Every change that can come over the cluster, and what can come of it. What each means is in `apply`.

use std::sync::Arc;
use std::time::Duration;

pub use super::file_change::{FileChange, Means, Put};
pub use super::image_change::ImageChange;
pub use super::refusal::Refusal;
pub use super::service_change::{Expected, Pace, ServiceChange, Steer, Word};
use crate::model::decision::Reasoning;
use crate::model::event::Event;
use crate::model::id::{InstanceId, NodeName, RequestId, TaskId};
use crate::model::node::{Availability, Life, NodeFacts, NodeLoad, Reserved};
use crate::model::spec::TaskSpec;
use crate::model::task::{Move, Report};
use crate::model::time::{Moment, Timestamp};

/// One change: a user's word, a worker's word, or a decision of [`super::reconcile`].
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A user wants a task to run.
    Submit(Submission),
    /// A user wants a task to stop.
    Stop {
        /// Which one.
        task: TaskId,
        /// The `TaskEvent` that says so, when it was one: its ID and digest.
        request: Option<(RequestId, String)>,
    },
    /// A worker speaks.
    Heard(Box<Heard>),
    /// An operator changes a node.
    SetNode {
        /// Which one.
        node: NodeName,
        /// What is to be different.
        patch: NodePatch,
    },
    /// An operator takes a node out of the cluster.
    RemoveNode {
        /// Which one.
        node: NodeName,
        /// Whether it may be one that is still heard of, or that has tasks.
        force: Force,
    },
    /// An operator wants tasks moved to where they stand clearly better.
    Rebalance {
        /// How many moves that may take: as many as were proposed.
        moves: u32,
    },
    /// The planner finds nothing left to do of a rebalance.
    Balanced,
    /// An operator has this manager's history go on, although workers know a later one.
    AcceptState,
    /// The manager itself stood still for so long that it may have missed every worker's word.
    Awoke,
    /// A worker tells what it sees of a task.
    Report {
        /// Which worker.
        node: NodeName,
        /// What it sees.
        report: Report,
    },
    /// A worker's events up to a number are being stored.
    EventsSeen {
        /// Whose.
        node: NodeName,
        /// The last one's number.
        upto: u64,
    },
    /// The planner gives a pending task to a node.
    Place {
        /// Which task.
        task: TaskId,
        /// Which node.
        node: NodeName,
        /// Why that one.
        why: Arc<Reasoning>,
    },
    /// The planner finds no room for a pending task.
    Unplaceable {
        /// Which task.
        task: TaskId,
        /// Why.
        why: Arc<Reasoning>,
    },
    /// The planner gives a task to another node, while its present one goes on with it until it runs there.
    Move {
        /// Which task.
        task: TaskId,
        /// Where to.
        to: NodeName,
        /// Why.
        why: Move,
        /// Why there.
        chosen: Arc<Reasoning>,
    },
    /// The planner wants another task of the same service in the place of this one, which goes when that is ready and
    /// nothing is connected to this one any more.
    GiveWay {
        /// Which task.
        task: TaskId,
        /// Where it would stand better.
        to: NodeName,
    },
    /// The planner takes a task off its node; it is placed anew once that has let go of it.
    Recall {
        /// Which task.
        task: TaskId,
        /// Why.
        why: Move,
    },
    /// A recalled task's node has let go of it, or must have.
    Released {
        /// Which task.
        task: TaskId,
        /// How that is known, in words.
        how: String,
    },
    /// The planner leaves a task where it was, before it runs where it was to go.
    TakeBack {
        /// Which task.
        task: TaskId,
        /// Why, in words.
        why: String,
    },
    /// The planner finds nowhere to move a task to.
    Immovable {
        /// Which task.
        task: TaskId,
        /// Why, in words.
        why: String,
    },
    /// The planner ends a task that was stopped before it had a node.
    Cancel {
        /// Which task.
        task: TaskId,
    },
    /// The planner has not heard of a node for its lease.
    Lose {
        /// Which node.
        node: NodeName,
        /// For how long, in whole seconds.
        silent_seconds: u64,
    },
    /// Something about a service.
    Service(ServiceChange),
    /// Something about a secret or a config.
    File(FileChange),
    /// Something about an image that this manager hands out.
    Image(ImageChange),
    /// The planner lets go of a task that finished long ago.
    Forget {
        /// Which task.
        task: TaskId,
    },
}

/// A task to run, as checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The `TaskEvent`'s ID.
    pub request: RequestId,
    /// Digest of what was asked.
    pub digest: String,
    /// The task's ID.
    pub task: TaskId,
    /// What to run.
    pub spec: Arc<TaskSpec>,
    /// The only node that it may run on.
    pub pinned: Option<NodeName>,
    /// When it was accepted.
    pub at: Timestamp,
}

/// A question of a worker that was not answered: it waits for news, or its connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hanging {
    /// Of which life of the worker.
    pub instance: InstanceId,
    /// Since when nobody waits for the answer; `None` = somebody does.
    pub broke_off: Option<Moment>,
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Which one.
    pub node: NodeName,
    /// Which life of it.
    pub life: Life,
    /// The question of that node which hangs here at this moment, if any.
    pub hanging: Option<Hanging>,
    /// What it says of its machine.
    pub facts: NodeFacts,
    /// How loaded that is.
    pub load: NodeLoad,
    /// Why its engine does not answer; `None` when it does.
    pub engine_trouble: Option<String>,
    /// The epoch and the revision of this cluster's history that it has taken in; `None` = nothing.
    pub known: Option<(u64, u64)>,
    /// Which start of the manager that epoch was; `None` = it does not know.
    pub start: Option<InstanceId>,
    /// Tasks of which it has containers, or may have, and which are not assigned to it; `None` = it cannot say.
    pub leftovers: Option<Vec<TaskId>>,
    /// The lease that the answer to this gives.
    pub lease: Duration,
    /// The routes that it knows; `None` = it wants to hear of none.
    pub routed: Option<u64>,
    /// Tasks to which connections are open there, beside those that are routed to.
    pub open: Vec<TaskId>,
}

/// What an operator changes of a node; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodePatch {
    /// What it may do.
    pub availability: Option<Availability>,
    /// Labels to set, and with `None` to take away.
    pub labels: Vec<(String, Option<String>)>,
    /// What tasks may not have of it.
    pub reserved: ReservedPatch,
    /// Whether the last node that takes tasks may be closed.
    pub force: Force,
}

/// What an operator changes of what tasks may not have of a node; what is `None` stays.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ReservedPatch {
    /// Cores.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Bytes.
    pub disk: Option<u64>,
}

impl ReservedPatch {
    /// What is reserved after it.
    pub fn over(self, before: Reserved) -> Reserved {
        Reserved {
            cpu: self.cpu.unwrap_or(before.cpu),
            memory: self.memory.unwrap_or(before.memory),
            disk: self.disk.unwrap_or(before.disk),
        }
    }
}

/// Whether an operator insists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Force {
    /// What would do harm is refused.
    #[default]
    No,
    /// The operator answers for it.
    Yes,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// It was made; these are its lines of history.
    Changed(Vec<Event>),
    /// It was a repetition of an accepted request, whose answer is in the store.
    Repeated,
    /// It was out of date or changed nothing.
    Ignored,
}
