//! Every change that can come over the cluster, and what can come of it. What each means is in `apply`.

use std::sync::Arc;

use crate::model::decision::Reasoning;
use crate::model::event::Event;
use crate::model::id::{InstanceId, NodeName, RequestId, TaskId};
use crate::model::node::{NodeFacts, NodeLoad};
use crate::model::spec::TaskSpec;
use crate::model::task::Report;
use crate::model::time::Timestamp;

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
    Heard {
        /// Which one.
        node: NodeName,
        /// Which life of it.
        instance: InstanceId,
        /// What it says of its machine.
        facts: NodeFacts,
        /// How loaded that is.
        load: NodeLoad,
        /// Why its engine does not answer; `None` when it does.
        engine_trouble: Option<String>,
    },
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

/// Why a user's change cannot be made. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another live task has the name.
    #[error(
        "the name {name:?} is in use by the live task {holder}; stop that one first, or choose another name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: TaskId,
    },
    /// There is a task with this ID.
    #[error(
        "a task with the ID {0} exists already; send the TaskEvent that made it again, or choose another Task.ID"
    )]
    TaskExists(TaskId),
    /// The request's ID was used for something else.
    #[error(
        "a TaskEvent with the ID {0} was accepted before and asked for something else; choose another ID"
    )]
    RequestReused(RequestId),
    /// There is no such task.
    #[error("no task has the ID {0}")]
    UnknownTask(TaskId),
    /// There is no such node.
    #[error("no node is called {0}")]
    UnknownNode(NodeName),
}
