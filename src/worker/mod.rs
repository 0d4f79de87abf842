//! A worker: keeps on its engine what is wanted of it, with or without its manager, and tells what it sees.

pub mod calls;
pub mod describe;
pub mod files;
pub mod hints;
pub mod http;
mod images;
pub mod keeper;
pub mod machine;
pub mod membership;
mod networks;
pub mod output;
pub mod ports;
pub mod probe;
pub mod sync;
mod telling;
mod turn;
mod volumes;

use tokio::sync::{mpsc, oneshot, watch};

use crate::model::container::{Failure, Owner};
use crate::model::id::{ContainerId, TaskId};
use crate::model::node::{Life, NodeFacts};
use crate::model::task::{Report, Task};
use crate::plan::host::call::Outcome;
use crate::plan::host::hint::Hint;
use crate::plan::host::tell::Told;
use crate::wire::sync::{Known, NumberedEvent};

/// What is said to a worker's keeper.
#[derive(Debug)]
pub enum Said {
    /// A call came back.
    Outcome(Outcome),
    /// The engine called something out.
    Hint(Hint),
    /// The engine's connection broke.
    EngineMayBeGone,
    /// The engine was asked what it is, and said it or not.
    Described(Result<(), Failure>),
    /// The manager spoke.
    Told {
        /// What is wanted.
        told: Box<Told>,
        /// What it has taken in.
        receipt: Receipt,
    },
    /// The manager answered that another worker speaks for this one's node.
    AnotherSpeaks,
    /// What is there for the manager?
    Bundle(oneshot::Sender<Bundle>),
    /// What are the tasks?
    Tasks(oneshot::Sender<Vec<Task>>),
}

/// What a manager has durably taken in.
#[derive(Debug, Clone, Default)]
pub struct Receipt {
    /// Reports: of which placement of which task, and the number of the change that they told.
    pub reports: Vec<(TaskId, u32, u64)>,
    /// Events up to this number.
    pub events: u64,
    /// The highest number of an event of this worker that it has: more than this worker ever gave, when that
    /// one lost its store.
    pub newest_event: u64,
}

/// What a worker has to tell.
#[derive(Debug)]
pub struct Bundle {
    /// What it knows of what is wanted.
    pub known: Option<Known>,
    /// Why its engine does not answer.
    pub engine_trouble: Option<String>,
    /// Of what there is more than it was given.
    pub leftovers: Option<Vec<TaskId>>,
    /// What has changed.
    pub reports: Vec<Report>,
    /// What happened.
    pub events: Vec<NumberedEvent>,
    /// Live tasks.
    pub live: usize,
}

/// What others hold of a worker's keeper. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Which life of the worker this is.
    pub life: Life,
    said: mpsc::Sender<Said>,
    /// Changes when there is something new to tell.
    news: watch::Receiver<u64>,
    /// Whose containers are its own.
    owner: watch::Receiver<Option<Owner>>,
    /// What is said of its machine.
    pub facts: watch::Receiver<NodeFacts>,
}

impl Worker {
    async fn say(&self, said: Said) {
        // A keeper that is gone needs no news.
        let _ = self.said.send(said).await;
    }

    /// Its tasks, by ID; empty when it is stopping.
    pub async fn tasks(&self) -> Vec<Task> {
        let (reply, answer) = oneshot::channel();
        self.say(Said::Tasks(reply)).await;
        answer.await.unwrap_or_default()
    }

    /// What it has to tell; `None` when it is stopping.
    pub async fn bundle(&self) -> Option<Bundle> {
        let (reply, answer) = oneshot::channel();
        self.say(Said::Bundle(reply)).await;
        answer.await.ok()
    }

    /// The container of a task, as far as it is known.
    pub async fn container_of(&self, task: TaskId) -> Option<ContainerId> {
        let tasks = self.tasks().await;
        tasks.into_iter().find(|known| known.id == task).and_then(|known| known.observed.container)
    }
}
