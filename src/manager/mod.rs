//! The manager: keeps what is wanted, decides where it runs, tells the workers, and answers people.

pub mod admission;
mod archive_names;
pub mod archives;
pub mod files;
pub mod http;
pub mod images;
pub mod keeper;
mod members;
pub mod message;
pub mod pipes;
mod planning;
mod polls;
mod rebalance;
mod restore;
mod retention;
pub mod rotation;
mod runs;
mod services;
mod words;
mod writing;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::id::{NodeName, RequestId, TaskId};
use crate::model::request::Request;
use crate::model::task::Task;
use crate::store::manager::ManagerReader;
use crate::trust::{Digest, Registry, Seal};
use crate::wire::policy::Policy;
use crate::wire::state::History;
use crate::wire::sync::{StreamRequest, SyncAnswer, SyncRequest};
use crate::wire::task::Task as TaskView;
use admission::Invitation;
use archives::Archives;
use keeper::{Ends, EventFeed, Silent, Stuck};
use message::{Answer, Message, Refused, Word};
use pipes::Pipes;

/// How large the archive of an image may be where nobody says so, bytes.
pub const IMAGE_LIMIT: u64 = 4 << 30;

/// What handlers hold of the manager: one for all of them.
pub struct Manager {
    inbox: mpsc::Sender<Word>,
    feed: EventFeed,
    silent: watch::Receiver<Silent>,
    stuck: watch::Receiver<Stuck>,
    /// The revision of the routes.
    routed: watch::Receiver<u64>,
    standing: watch::Receiver<Arc<Registry>>,
    /// What others are let in with; `None` = this machine alone can reach the manager.
    invitation: Option<Invitation>,
    /// The digest of the token by which this process's own workers are known, when processes of this machine need one;
    /// `None` = they need none.
    own: Option<Digest>,
    /// What decrypts secrets.
    seal: Seal,
    /// What is in images.
    archives: Archives,
    /// How large the archive of one may be, bytes.
    image_limit: u64,
    /// Tasks that cannot be read.
    unreadable: Arc<[TaskId]>,
    /// How long a worker may go on with what may run only once after it asked, milliseconds.
    lease_ms: u64,
    /// What is committed.
    pub reader: ManagerReader,
    /// What its operator lets tasks have.
    pub policy: Policy,
    /// Outputs on their way from workers to readers.
    pub pipes: Pipes,
    /// What time it is.
    pub clock: Clock,
    /// Ends what would go on for ever.
    pub stop: CancellationToken,
}

/// Why the manager did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// It said no, and nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It is stopping: what became of it is unknown.
    #[error("orc is stopping; send the same request again once it is back")]
    Stopping,
}

/// What became of a user's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is durable.
    Now,
    /// It was accepted before.
    Before,
}

impl Manager {
    /// What handlers hold of a keeper.
    pub fn new(ends: Ends, reader: ManagerReader, policy: Policy, stop: CancellationToken) -> Self {
        Self {
            inbox: ends.inbox,
            feed: ends.feed,
            silent: ends.silent,
            stuck: ends.stuck,
            routed: ends.routed,
            standing: ends.standing,
            invitation: None,
            own: None,
            seal: ends.seal,
            archives: ends.archives,
            image_limit: IMAGE_LIMIT,
            unreadable: ends.unreadable,
            lease_ms: ends.lease_ms,
            reader,
            policy,
            pipes: Pipes::default(),
            clock: Clock,
            stop,
        }
    }

    /// One that takes images up to so many bytes.
    #[must_use = "this is another one"]
    pub fn taking_images(self, limit: u64) -> Self {
        Self { image_limit: limit, ..self }
    }

    async fn ask(&self, message: Message) -> Result<Answer, Trouble> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Word { message, reply }).await.map_err(|_| Trouble::Stopping)?;
        match answer.await {
            Ok(Answer::Refused(refused)) => Err(Trouble::Refused(refused)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(Trouble::Stopping),
        }
    }

    /// Writes down that a task is wanted.
    pub async fn submit(
        &self,
        submission: crate::plan::cluster::change::Submission,
        request: Request,
    ) -> Result<Accepted, Trouble> {
        self.ask(Message::Submit { submission, request }).await.map(|answer| accepted(&answer))
    }

    /// Writes down that a task is to stop.
    pub async fn stop_task(&self, task: TaskId, request: Option<Request>) -> Result<Accepted, Trouble> {
        self.ask(Message::Stop { task, request }).await.map(|answer| accepted(&answer))
    }

    /// Which history this is.
    pub async fn history(&self) -> Result<History, Trouble> {
        match self.ask(Message::State).await? {
            Answer::State(history) => Ok(history),
            _ => Err(Trouble::Stopping),
        }
    }

    /// Lets this history go on, although workers know a later one.
    pub async fn accept_state(&self) -> Result<(), Trouble> {
        self.ask(Message::AcceptState).await.map(drop)
    }

    /// Takes in what a worker says, tells that it did, and waits for news for it.
    pub async fn sync(
        &self,
        node: NodeName,
        request: SyncRequest,
        taken_in: oneshot::Sender<()>,
    ) -> Result<SyncAnswer, Trouble> {
        match self.ask(Message::Sync { node, request: Box::new(request), taken_in }).await? {
            Answer::News(news) => Ok(*news),
            _ => Err(Trouble::Stopping),
        }
    }

    /// Asks a worker to send a task's output.
    pub async fn ask_for_stream(&self, node: NodeName, request: StreamRequest) -> Result<(), Trouble> {
        self.ask(Message::Stream { node, request }).await.map(drop)
    }

    /// What was answered to a request that was accepted before.
    pub async fn answered(&self, id: RequestId) -> Result<Option<Request>, crate::store::Error> {
        self.reader.request(id).await
    }

    /// Lines of history as they become durable.
    pub fn feed(&self) -> tokio::sync::broadcast::Receiver<Arc<[crate::store::manager::StoredEvent]>> {
        self.feed.subscribe()
    }

    /// A task as people see it: of one on a node that is not heard of, nobody knows whether it still runs, and one that
    /// should leave its node and cannot says why.
    pub fn view(&self, task: &Task) -> TaskView {
        let mut view = TaskView::from(task);
        let silent = self.silent.borrow();
        if let Some(message) =
            task.node.as_ref().filter(|_| !task.state.is_final()).and_then(|node| silent.get(node))
        {
            view.message = format!("{} is {message}; last known: {}", view.node, task.message);
        }
        if let Some(why) = self.stuck.borrow().get(&task.id).filter(|_| !task.state.is_final()) {
            let known = Some(view.message).filter(|message| !message.is_empty());
            view.message = known.map_or_else(|| why.clone(), |message| format!("{message}; {why}"));
        }
        view
    }
}

fn accepted(answer: &Answer) -> Accepted {
    if matches!(answer, Answer::Repeated) { Accepted::Before } else { Accepted::Now }
}
