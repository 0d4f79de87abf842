//! The one owner of the cluster's state: takes words in, decides, writes down, answers.
//!
//! Everything that came in while the last write was under way goes into the next one together (group commit), and with
//! it what follows from that: a task is accepted and placed by one write.
//! Memory is changed first and answered last: what cannot be written is read back from the store, and nobody
//! was told that it had happened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::archives::Archives;
use super::message::{Answer, Message, Refused, Word};
use super::polls::Poll;
use super::restore::{open_archives, open_seal, restore};
use crate::clock::Clock;
use crate::model::decision::Decision;
use crate::model::id::{ClusterId, NodeName, TaskId};
use crate::model::managed_file::{AtRest, FileKey, FileVersion};
use crate::model::node::SchedulerKind;
use crate::model::time::Moment;
use crate::plan::cluster::Cluster;
use crate::plan::cluster::reconcile::Patience;
use crate::store::Error;
use crate::store::manager::{ManagerState, ManagerStore, StoredEvent};
use crate::trust::{Registry, Seal};
use crate::wire::stats::Stats;
use crate::wire::sync::StreamRequest;

/// The most words that go into one write.
const GROUP: usize = 1024;

/// Leases are looked at so often.
const TICK: Duration = Duration::from_millis(500);

/// The store is looked after so often.
const TEND_EVERY: Duration = Duration::from_secs(5);

/// Old events are pruned so often.
const PRUNE_EVERY: Duration = Duration::from_mins(10);

/// Lines of history on their way to those who follow them.
pub type EventFeed = broadcast::Sender<Arc<[StoredEvent]>>;

/// Nodes that are not heard of, with what is said of them.
pub type Silent = Arc<BTreeMap<NodeName, String>>;

/// Tasks that should leave their nodes and cannot, and why.
pub type Stuck = Arc<BTreeMap<TaskId, String>>;

/// The owner. Consumed by [`Keeper::run`].
pub struct Keeper {
    pub(super) cluster: Cluster,
    pub(super) store: ManagerStore,
    pub(super) next_event: u64,
    pub(super) patience: Patience,
    pub(super) clock: Clock,
    /// When it decided last.
    pub(super) decided_at: Moment,
    inbox: mpsc::Receiver<Word>,
    pub(super) polls: BTreeMap<NodeName, Poll>,
    pub(super) streams: BTreeMap<NodeName, Vec<StreamRequest>>,
    pub(super) stats: BTreeMap<NodeName, Stats>,
    /// Nodes whose clocks on the wall are not what this machine's is, and by how much.
    pub(super) skews: BTreeMap<NodeName, String>,
    feed: EventFeed,
    silent: watch::Sender<Silent>,
    stuck: watch::Sender<Stuck>,
    routed: watch::Sender<u64>,
    /// Who may speak with this manager.
    pub(super) registry: Registry,
    /// The same, as far as it is durable.
    standing: watch::Sender<Arc<Registry>>,
    /// What encrypts secrets.
    pub(super) seal: Seal,
    /// What is in images.
    archives: Archives,
    pub(super) draft: Draft,
}

/// What goes into the next write beside the dirty rows.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) events: Vec<StoredEvent>,
    pub(super) decisions: Vec<Decision>,
    /// What is in new versions of secrets and configs.
    pub(super) contents: Vec<(FileKey, FileVersion, AtRest)>,
    /// Files of images that are in none any more, once that is written.
    pub(super) archives_gone: Vec<String>,
    pub(super) requests: Vec<crate::model::request::Request>,
}

/// What others hold of a keeper.
pub struct Ends {
    /// Where words go.
    pub inbox: mpsc::Sender<Word>,
    /// Where history comes out.
    pub feed: EventFeed,
    /// Which nodes are not heard of.
    pub silent: watch::Receiver<Silent>,
    /// Which tasks cannot leave their nodes.
    pub stuck: watch::Receiver<Stuck>,
    /// The revision of the routes.
    pub routed: watch::Receiver<u64>,
    /// Who may speak with this manager.
    pub standing: watch::Receiver<Arc<Registry>>,
    /// What decrypts secrets.
    pub seal: Seal,
    /// What is in images.
    pub archives: Archives,
    /// Tasks that cannot be read.
    pub unreadable: Arc<[TaskId]>,
    /// How long a worker may go on with what may run only once after it asked, milliseconds.
    pub lease_ms: u64,
}

impl Keeper {
    /// Reads the store and takes it over. The key of the secrets is in `data_dir`.
    pub async fn open(
        mut store: ManagerStore,
        data_dir: &Path,
        scheduler: SchedulerKind,
        patience: Patience,
    ) -> Result<(Self, Ends), Error> {
        let clock = Clock;
        let mut state = store.load().await?;
        for row in state.unreadable.iter().chain(&state.unreadable_services) {
            tracing::error!(
                task.id = row.id,
                task.name = row.name,
                "left alone, because its row cannot be read: {}",
                row.reason
            );
        }
        let seal = open_seal(data_dir, &state);
        let archives = open_archives(data_dir, &state);
        let registry = registry_of(&mut state);
        let next_event = state.next_event_seq;
        let cluster = restore(state, scheduler, clock.now());
        let unreadable = cluster.unreadable().collect();
        let (send, inbox) = mpsc::channel(4 * GROUP);
        let (feed, _) = broadcast::channel(4096);
        let (silent, silent_receiver) = watch::channel(Silent::default());
        let (stuck, stuck_receiver) = watch::channel(Stuck::default());
        let (routed, routed_receiver) = watch::channel(cluster.routes().revision);
        let (standing, standing_receiver) = watch::channel(Arc::new(registry.clone()));
        let keeper = Self {
            cluster,
            store,
            next_event,
            patience,
            clock,
            decided_at: clock.now().moment,
            inbox,
            polls: BTreeMap::new(),
            streams: BTreeMap::new(),
            stats: BTreeMap::new(),
            skews: BTreeMap::new(),
            feed: feed.clone(),
            silent,
            stuck,
            routed,
            registry,
            standing,
            seal: seal.clone(),
            archives: archives.clone(),
            draft: Draft::default(),
        };
        let ends = Ends {
            inbox: send,
            feed,
            silent: silent_receiver,
            stuck: stuck_receiver,
            routed: routed_receiver,
            standing: standing_receiver,
            seal,
            archives,
            unreadable,
            lease_ms: keeper.lease_ms(),
        };
        Ok((keeper, ends))
    }

    /// Whose state this is.
    pub const fn cluster(&self) -> ClusterId {
        self.cluster.id
    }

    /// Serves until `stop`. An error means that the store can no longer be trusted: the process must end.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut words = Vec::with_capacity(GROUP);
        let mut plan_at = Some(tokio::time::Instant::now());
        let mut tend_at = tokio::time::Instant::now() + TEND_EVERY;
        let mut prune_at = tokio::time::Instant::now() + TEND_EVERY;
        loop {
            let wake = plan_at.unwrap_or_else(|| tokio::time::Instant::now() + TICK);
            tokio::select! {
                // Cancel-safe: `recv_many` takes nothing out before it is ready, and a timer has no state.
                biased;
                () = stop.cancelled() => break,
                count = self.inbox.recv_many(&mut words, GROUP) => if count == 0 { break },
                () = tokio::time::sleep_until(wake) => plan_at = Some(wake),
            }
            if !words.is_empty() {
                let more = self.take_in(std::mem::take(&mut words)).await?;
                plan_at = plan_at.or_else(|| more.then(tokio::time::Instant::now));
            }
            let now = tokio::time::Instant::now();
            if plan_at.is_some_and(|at| at <= now) {
                let more = self.plan().await?;
                plan_at = more.then(tokio::time::Instant::now);
            }
            if tend_at <= now {
                self.store.tend().await?;
                tend_at = now + TEND_EVERY;
            }
            if prune_at <= now {
                let full = self.prune().await?;
                if self.tend_images() {
                    plan_at = Some(now);
                }
                prune_at = now + if full { TEND_EVERY } else { PRUNE_EVERY };
            }
        }
        self.store.close().await
    }

    /// Takes words in together, and one by one when the store does not take them together; whether there is more to
    /// decide at once.
    async fn take_in(&mut self, words: Vec<Word>) -> Result<bool, Error> {
        match self.write(&words).await {
            Ok((answers, more)) => {
                self.answer(words, answers);
                Ok(more)
            }
            Err(error) if error.must_exit() => Err(error),
            Err(error) => {
                tracing::warn!("a write failed and is taken apart: {error}");
                for word in words {
                    let word = [word];
                    let answers = match self.write(&word).await {
                        Err(error) if error.must_exit() => return Err(error),
                        Err(error) => vec![Answer::Refused(Refused::from(error))],
                        Ok((answers, _)) => answers,
                    };
                    self.answer(Vec::from(word), answers);
                }
                Ok(true)
            }
        }
    }

    /// Applies words and what follows from them, and writes that; one answer for each, and whether there is more to
    /// decide at once. When that fails, nothing has changed.
    async fn write(&mut self, words: &[Word]) -> Result<(Vec<Answer>, bool), Error> {
        let now = self.clock.now();
        self.notice_standstill(now);
        let answers = words.iter().map(|word| self.take(&word.message, now)).collect();
        let more = self.decide_pass(now);
        self.commit().await?;
        Ok((answers, more))
    }

    /// Writes all that changed. When that fails, memory is what the store has.
    pub(super) async fn commit(&mut self) -> Result<(), Error> {
        let archives_gone = std::mem::take(&mut self.draft.archives_gone);
        let batch = self.take_batch();
        if batch.is_empty() {
            self.tell_stuck();
            return Ok(());
        }
        if let Err(error) = self.store.commit(&batch).await {
            if !error.must_exit() {
                let mut state = self.store.load().await?;
                self.next_event = state.next_event_seq;
                self.registry = registry_of(&mut state);
                let routed = self.cluster.routes().revision;
                self.cluster = restore(state, self.cluster.scheduler, self.clock.now());
                self.cluster.number_routes_after(routed);
            }
            return Err(error);
        }
        for file in &archives_gone {
            self.archives.remove(file);
        }
        if !batch.nodes.is_empty() || !batch.removed.is_empty() {
            self.tell_silence();
        }
        self.tell_stuck();
        if !batch.tokens.is_empty() || !batch.admissions.is_empty() {
            self.standing.send_replace(Arc::new(self.registry.clone()));
        }
        if !batch.events.is_empty() {
            // Nobody following is no error.
            let _ = self.feed.send(batch.events.into());
        }
        Ok(())
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.patience.lease.as_millis()).unwrap_or(u64::MAX)
    }

    fn tell_silence(&self) {
        use crate::model::node::NodeState::Unreachable;
        let silent = self.cluster.nodes().filter(|member| member.node.state == Unreachable);
        let silent = silent.map(|member| (member.node.name.clone(), member.node.message.clone())).collect();
        self.silent.send_replace(Arc::new(silent));
    }

    fn tell_stuck(&self) {
        let routed = self.cluster.routes().revision;
        self.routed.send_if_modified(|known| std::mem::replace(known, routed) != routed);
        let stuck = self.cluster.stuck();
        if **self.stuck.borrow() != *stuck {
            self.stuck.send_replace(Arc::new(stuck.clone()));
        }
    }

    fn answer(&mut self, words: Vec<Word>, answers: Vec<Answer>) {
        for (word, answer) in words.into_iter().zip(answers) {
            match (word.message, answer) {
                (Message::Sync { node, request, taken_in }, Answer::Synced) => {
                    // Whoever asked may have gone.
                    _ = taken_in.send(());
                    self.synced(&node, &request, word.reply);
                }
                // Whoever asked may have gone.
                (_, answer) => _ = word.reply.send(answer),
            }
        }
        self.answer_polls();
    }
}

/// Takes what the store has of tokens and admissions out of the state.
fn registry_of(state: &mut ManagerState) -> Registry {
    Registry::restore(std::mem::take(&mut state.tokens), std::mem::take(&mut state.admissions))
}
