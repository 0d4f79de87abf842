//! What a worker asks of its engine, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use crate::model::container::{Container, Failure, Identity};
use crate::model::id::{ContainerId, ExecId, TaskId};
use crate::model::network::{Network, NetworkId};
use crate::model::probe::HttpTest;
use crate::model::spec::TaskSpec;

/// One conversation with the engine, or with a container.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Show all that is ours.
    List {
        /// Its number.
        number: u64,
    },
    /// Fetch an image. Shared by all tasks that want it.
    Pull {
        /// Its reference.
        image: String,
    },
    /// Show all networks that are ours.
    Networks,
    /// Remove one of them.
    RemoveNetwork {
        /// Which one.
        id: NetworkId,
        /// What it is called.
        name: String,
    },
    /// Ask a container how it is.
    Probe {
        /// Whose.
        task: TaskId,
        /// Of which container: an answer about an earlier one is stale.
        container: ContainerId,
        /// Which of the task's probes this is.
        number: usize,
        /// What is asked.
        question: Question,
        /// For the whole answer.
        timeout: Duration,
    },
    /// One thing about one task, in its lane.
    Lane {
        /// Whose lane.
        task: TaskId,
        /// What.
        verb: Verb,
    },
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// An HTTP GET.
    Http {
        /// Host and port.
        address: String,
        /// The rest of it.
        http: HttpTest,
    },
    /// A TCP connection.
    Tcp {
        /// Host and port.
        address: String,
    },
    /// A program in the container.
    Exec {
        /// It and its arguments.
        command: Vec<String>,
        /// The last one, when it was given up: while that runs, no other is begun.
        left: Option<ExecId>,
    },
}

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is well.
    Passed,
    /// It is not.
    Failed {
        /// What was wrong, in words that follow those of [`Test`](crate::model::probe::Test).
        why: String,
        /// A program that was given up and still runs.
        left: Option<ExecId>,
    },
    /// The engine did not let it be asked: nobody knows.
    Unasked {
        /// A program that may still run, or yet begin.
        left: Option<ExecId>,
    },
}

/// What is done in a task's lane.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Look at one container closely.
    Inspect(ContainerId),
    /// Look whose container has a name.
    Find(String),
    /// Create the attempt's container.
    Create {
        /// Its name.
        name: String,
        /// Its labels.
        identity: Identity,
        /// What to run.
        spec: Arc<TaskSpec>,
    },
    /// Start it.
    Start(ContainerId),
    /// Thaw it.
    Unpause(ContainerId),
    /// Ask it to stop, with its own signal and patience.
    Stop(ContainerId, Option<Arc<TaskSpec>>),
    /// Remove it.
    Remove(ContainerId),
    /// Give it a name.
    Rename(ContainerId, String),
    /// Set its limits as they were.
    RestoreLimits(ContainerId, Arc<TaskSpec>),
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Of [`Call::List`].
    Listed {
        /// Its number.
        number: u64,
        /// All that is ours, or why that is not known.
        result: Result<Vec<Container>, Failure>,
    },
    /// Of [`Call::Pull`], while it goes on.
    Pulling {
        /// Its reference.
        image: String,
        /// How far it is, in words.
        progress: String,
    },
    /// Of [`Call::Pull`].
    Pulled {
        /// Its reference.
        image: String,
        /// Whether it is there.
        result: Result<(), Failure>,
    },
    /// Of [`Call::Networks`].
    Networks {
        /// All that are ours, or why that is not known.
        result: Result<Vec<Network>, Failure>,
    },
    /// Of [`Call::RemoveNetwork`].
    NetworkRemoved {
        /// What it is called.
        name: String,
        /// Whether it is gone.
        result: Result<(), Failure>,
    },
    /// Of [`Call::Probe`].
    Probed {
        /// Whose.
        task: TaskId,
        /// Of which container.
        container: ContainerId,
        /// Which of the task's probes this is.
        number: usize,
        /// What came of it.
        reply: Reply,
    },
    /// Of [`Call::Lane`].
    Done {
        /// Whose lane.
        task: TaskId,
        /// What was done.
        verb: Verb,
        /// What came of it.
        result: Result<Answer, Failure>,
    },
}

/// What a call in a lane brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It was created.
    Created(ContainerId),
    /// This is it.
    Container(Box<Container>),
}
