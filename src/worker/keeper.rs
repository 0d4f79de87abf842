//! The one owner of a worker's state: takes in what the engine and the manager say, decides, writes down, acts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::calls::Calls;
use super::files::Files;
use super::ports::Ports;
use super::telling::view;
use super::{Bundle, Receipt, Said, Worker};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::model::container::Owner;
use crate::model::id::{InstanceId, NodeName, TaskId};
use crate::model::node::{Life, NodeFacts};
use crate::plan::host::action::Action;
use crate::plan::host::call::Call;
use crate::plan::host::reconcile::{next_look, reconcile};
use crate::plan::host::tell::Told;
use crate::plan::host::{Dirty, Host};
use crate::store::Error;
use crate::store::worker::{WorkerBatch, WorkerEvent, WorkerMeta, WorkerReader, WorkerStore};

/// The most that is taken in before anything is decided.
const GROUP: usize = 256;

/// Decisions that lead to decisions come to rest long before this.
const ROUNDS: usize = 16;

/// The store is looked after so often.
const TEND_EVERY: Duration = Duration::from_secs(5);

/// A write that found no room is tried again so often.
const RETRY_WRITE: Duration = Duration::from_secs(1);

/// The owner. Consumed by [`Keeper::run`].
pub struct Keeper<E> {
    pub(super) host: Host,
    store: WorkerStore,
    pub(super) reader: WorkerReader,
    meta: WorkerMeta,
    next_event: u64,
    clock: Clock,
    calls: Calls<E>,
    said: mpsc::Receiver<Said>,
    /// What is not written yet.
    pub(super) dirty: Dirty,
    /// What is called once it is.
    held: Vec<Call>,
    /// Who waits to hear what there is to tell.
    pub(super) asked: Vec<oneshot::Sender<Bundle>>,
    /// Changes that the manager has not taken in, by task.
    pub(super) untold: BTreeMap<TaskId, u64>,
    /// Its own events that the manager has.
    pub(super) events_told: u64,
    pruned: u64,
    news: watch::Sender<u64>,
    owner: watch::Sender<Option<Owner>>,
    ports: Arc<Ports>,
    files: Arc<Files>,
    distrusted: Option<String>,
}

/// What a worker begins with.
pub struct Start<E> {
    /// Its name, when its store has none.
    pub node: NodeName,
    /// Its state.
    pub store: WorkerStore,
    /// Its engine.
    pub engine: Arc<E>,
    /// Which boot of the machine this is: `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
    /// What is said of its machine.
    pub facts: watch::Receiver<NodeFacts>,
    /// Secrets and configs for its containers.
    pub files: Arc<Files>,
    /// Where its calls run.
    pub tracker: TaskTracker,
}

impl<E: Engine> Keeper<E> {
    /// Reads the store and takes it over.
    pub async fn open(start: Start<E>) -> Result<(Self, Worker), Error> {
        let clock = Clock;
        let mut store = start.store;
        let state = store.load().await?;
        for row in &state.unreadable {
            tracing::error!(task.id = row.id, "forgotten, because its record cannot be read: {}", row.reason);
        }
        let node = state.meta.node.clone().unwrap_or_else(|| start.node.clone());
        let knowledge = state.meta.cluster.map(|cluster| (cluster, state.meta.epoch, state.meta.revision));
        // Whoever lost a record must be told everything again.
        let whole = state.unreadable.is_empty();
        let untold = state.records.iter().map(|record| (record.assignment.id, record.observed.seq)).collect();
        let mut host = Host::restore(node.clone(), knowledge, state.records, clock.now());
        host.manager_start = state.meta.start;
        if !whole {
            host.revision = None;
        }
        if state.meta.boot_id.as_ref().is_some_and(|boot| *boot != start.boot) {
            host.machine_was_restarted();
        }
        let meta = WorkerMeta { node: Some(node), boot_id: Some(start.boot), ..state.meta };
        let (send, said) = mpsc::channel(4 * GROUP);
        let (news, news_receiver) = watch::channel(0);
        let (owner, owner_receiver) = watch::channel(host.owner());
        let calls = Calls::new(start.engine, start.files.clone(), send.clone(), start.tracker);
        let ports = Arc::new(Ports::new(host.node.clone()));
        let keeper = Self {
            host,
            reader: store.reader(),
            store,
            meta,
            next_event: state.next_event_seq,
            clock,
            calls,
            said,
            dirty: Dirty { knowledge: true, ..Dirty::default() },
            held: Vec::new(),
            asked: Vec::new(),
            untold,
            events_told: 0,
            pruned: 0,
            news,
            owner,
            ports,
            files: start.files,
            distrusted: None,
        };
        let life =
            Life { instance: InstanceId::generate(), database: state.created_at, starts: state.starts };
        let worker =
            Worker { life, said: send, news: news_receiver, owner: owner_receiver, facts: start.facts };
        Ok((keeper, worker))
    }

    /// Its name: the one that its store remembers.
    pub fn node(&self) -> &NodeName {
        &self.host.node
    }

    /// The ports of services here.
    pub fn ports(&self) -> Arc<Ports> {
        self.ports.clone()
    }

    /// Serves until `stop`. An error means that the store can no longer be trusted: the process must end.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut said = Vec::with_capacity(GROUP);
        let mut tend_at = tokio::time::Instant::now() + TEND_EVERY;
        loop {
            self.decide().await?;
            self.answer().await;
            let wait = self.wait();
            tokio::select! {
                // Cancel-safe: `recv_many` takes nothing out before it is ready, and a timer has no state.
                biased;
                () = stop.cancelled() => break,
                count = self.said.recv_many(&mut said, GROUP) => if count == 0 { break },
                () = tokio::time::sleep(wait) => {}
            }
            for said in said.drain(..) {
                self.take(said);
            }
            if tend_at <= tokio::time::Instant::now() {
                tend_at = tokio::time::Instant::now() + TEND_EVERY;
                self.tend().await?;
            }
        }
        self.store.close().await
    }

    fn wait(&self) -> Duration {
        if !self.held.is_empty() || !self.dirty.is_empty() {
            return RETRY_WRITE;
        }
        let now = self.clock.now().moment;
        next_look(&self.host, now).since(now)
    }

    fn take(&mut self, said: Said) {
        let now = self.clock.now();
        match said {
            Said::Outcome(outcome) => self.host.note(outcome, now),
            Said::Hint(hint) => self.host.hint(hint, now.moment),
            Said::EngineMayBeGone => self.host.engine_may_be_gone(),
            Said::Described(result) => self.host.described(result.err().as_ref()),
            Said::Told { told, receipt } => self.told(*told, &receipt),
            Said::AnotherSpeaks => self.host.another_speaks(now.moment),
            Said::Bundle(reply) => self.asked.push(reply),
            Said::Tasks(reply) => {
                // Whoever asked may have gone.
                _ = reply.send(self.host.slots().map(|slot| view(slot, &self.host.node, now)).collect());
            }
        }
    }

    /// Decides until nothing is left to decide, writes that down, and only then calls the engine.
    async fn decide(&mut self) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let actions = reconcile(&self.host, now.moment);
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.host.apply(&action, now);
                if let Action::Call(call) = action {
                    self.held.push(call);
                }
            }
        }
        self.ports.locate(self.host.addresses());
        self.collect();
        if !self.write().await? {
            return Ok(());
        }
        let owner = self.host.owner();
        self.owner.send_if_modified(|known| {
            let changed = *known != owner;
            known.clone_from(&owner);
            changed
        });
        if let Some(owner) = owner {
            for call in self.held.drain(..) {
                self.calls.make(&owner, call);
            }
        }
        Ok(())
    }

    /// Adds what changed to what is to be written.
    fn collect(&mut self) {
        let dirty = self.host.take_dirty();
        for task in &dirty.dropped {
            self.dirty.records.remove(task);
            self.untold.remove(task);
        }
        for task in &dirty.records {
            self.dirty.dropped.remove(task);
        }
        self.dirty.records.extend(dirty.records);
        self.dirty.dropped.extend(dirty.dropped);
        self.dirty.knowledge |= dirty.knowledge;
        self.dirty.events.extend(dirty.events);
    }

    /// Writes what is to be written; whether it is.
    async fn write(&mut self) -> Result<bool, Error> {
        if self.dirty.is_empty() {
            return Ok(true);
        }
        self.meta.cluster = self.host.cluster;
        self.meta.epoch = self.host.epoch;
        self.meta.start = self.host.manager_start;
        self.meta.revision = self.host.revision.unwrap_or(0);
        let records = self.dirty.records.iter().filter_map(|id| self.host.slot(*id));
        let numbers = self.next_event..;
        let batch = WorkerBatch {
            meta: self.dirty.knowledge.then(|| self.meta.clone()),
            records: records.map(|slot| slot.record.clone()).collect(),
            dropped: self.dirty.dropped.iter().copied().collect(),
            events: numbers.zip(&self.dirty.events).map(|(seq, event)| self.numbered(seq, event)).collect(),
        };
        match self.store.commit(&batch).await {
            Ok(()) => {}
            Err(error) if error.must_exit() => return Err(error),
            Err(error) => {
                tracing::error!("nothing is begun on the engine before it can be written down: {error}");
                return Ok(false);
            }
        }
        for event in &batch.events {
            log(event);
        }
        self.next_event += batch.events.len() as u64;
        let seqs = batch.records.iter().map(|record| (record.assignment.id, record.observed.seq));
        self.untold.extend(seqs);
        self.dirty = Dirty::default();
        if !batch.records.is_empty() || !batch.events.is_empty() {
            self.news.send_modify(|count| *count += 1);
        }
        Ok(true)
    }

    fn numbered(&self, seq: u64, event: &crate::model::event::Event) -> WorkerEvent {
        let task = event.task.and_then(|task| self.host.slot(task));
        let task_name = task.map(|slot| slot.record.assignment.spec.name.clone()).unwrap_or_default();
        WorkerEvent { seq, task_name, event: event.clone() }
    }

    fn told(&mut self, told: Told, receipt: &Receipt) {
        if let Err(distrust) = self.host.tell(told) {
            let why = distrust.to_string();
            if self.distrusted.as_ref() != Some(&why) {
                tracing::error!("{why}");
            }
            self.distrusted = Some(why);
            return;
        }
        self.distrusted = None;
        self.events_told = self.events_told.max(receipt.events);
        // Numbers that a lost store had given are not given again: the manager would take them for repetitions.
        self.next_event = self.next_event.max(receipt.newest_event + 1);
        for (task, placement, seq) in &receipt.reports {
            let same =
                self.host.slot(*task).is_none_or(|slot| slot.record.assignment.placement == *placement);
            if same && self.untold.get(task).is_some_and(|untold| untold <= seq) {
                self.untold.remove(task);
            }
        }
    }

    async fn tend(&mut self) -> Result<(), Error> {
        self.files.sweep(&self.host);
        self.store.tend().await?;
        if self.events_told > self.pruned {
            self.pruned = self.events_told;
            match self.store.prune_events(self.events_told).await {
                Err(error) if error.must_exit() => return Err(error),
                Err(error) => tracing::warn!("events that the manager has could not be pruned: {error}"),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

fn log(event: &WorkerEvent) {
    tracing::info!(
        task.id = event.event.task.map(tracing::field::display),
        task.name = event.task_name,
        task.attempt = event.event.attempt,
        event.kind = event.event.kind.word(),
        "{}",
        event.event.message
    );
}
