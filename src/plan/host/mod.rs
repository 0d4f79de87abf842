//! What a worker knows: what is wanted of it, what it did about it, and what its engine showed last.
//!
//! [`Host`] changes in four ways: [`Host::tell`] (the manager spoke), [`Host::note`] (the engine answered),
//! [`Host::hint`] (the engine called), and [`Host::apply`] (a decision of [`reconcile`](reconcile::reconcile)).
//! The worker's actor writes [`Host::take_dirty`] to its store before it makes any [`Call`](call::Call), so
//! that whatever the engine does was written down before.

pub mod action;
pub mod call;
mod files;
mod health;
pub mod hint;
pub mod images;
mod listed;
pub mod networks;
pub mod note;
pub mod probe;
pub mod reconcile;
mod slot;
mod standing;
mod step;
pub mod tell;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::model::container::{Container, Owner};
use crate::model::event::{Event, EventKind};
use crate::model::id::{ClusterId, ContainerId, InstanceId, NodeName, TaskId};
use crate::model::probe::Probes;
use crate::model::record::Record;
use crate::model::time::{Moment, Now};
use crate::plan::restart::Ending;
use health::Watch;
use hint::Interruption;
use images::Pull;
use networks::Networks;
use standing::Standing;

/// All that a worker knows.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub node: NodeName,
    /// Whose it is; `None` before it ever heard a manager.
    pub cluster: Option<ClusterId>,
    /// The newest epoch that it heard of.
    pub epoch: u64,
    /// Which start of the manager that was; `None` = not known.
    pub manager_start: Option<InstanceId>,
    /// The revision of what it knows to be wanted; `None` = must be told everything.
    pub revision: Option<u64>,
    /// Whether a manager of this cluster has spoken since this worker started (rule R11).
    heard_manager: bool,
    standing: Standing,
    /// Until when what may run only once may run.
    lease_until: Moment,
    /// Tasks that the manager cannot read.
    leave_alone: BTreeSet<TaskId>,
    slots: BTreeMap<TaskId, Slot>,
    /// As last seen, ours alone, by the task of their labels.
    containers: BTreeMap<(TaskId, ContainerId), Container>,
    /// Tasks about which a call is under way: one at a time each.
    lanes: BTreeSet<TaskId>,
    /// The number of the first list that may speak about a task: one that was asked for after the last call
    /// about it had ended.
    trusted_from: BTreeMap<TaskId, u64>,
    /// Tasks about which nothing is decided before a trusted list has come (rule R2).
    doubts: BTreeSet<TaskId>,
    /// Containers to look at one by one, because something called.
    recheck: BTreeSet<(TaskId, ContainerId)>,
    /// Containers that a stranger or an engine's restart ended, and when that was heard.
    interrupted: BTreeMap<ContainerId, Interruption>,
    /// Containers whose creation, and each start, this process asked for and was told the end of: none may come late.
    answered: BTreeSet<ContainerId>,
    /// Containers of which only a hint said that they have ended, and when that was heard.
    called_dead: BTreeMap<ContainerId, Moment>,
    lists: Lists,
    /// Why the engine does not say what it is, though it may list containers; `None` when it does.
    mute: Option<String>,
    pulls: BTreeMap<String, Pull>,
    networks: Networks,
    dirty: Dirty,
}

/// One task on this worker.
#[derive(Debug, Clone)]
pub struct Slot {
    /// What is durable of it.
    pub record: Record,
    /// Of its spec.
    fingerprint: String,
    /// When its retry is due.
    retry_at: Option<Moment>,
    /// The image must be fetched at or after this moment before the next create.
    image_wanted: Option<Moment>,
    /// Its name is taken, as far as known: look whose it is.
    name_clash: bool,
    /// Its plain name belongs to a stranger: its containers get a suffix.
    plain_name_taken: bool,
    /// The container that is proven to be gone.
    gone: Option<ContainerId>,
    /// The engine refused to create or start the attempt under way.
    refused: Option<Ending>,
    /// Calls about it that failed in a row, and until when it is left alone for that.
    troubles: u32,
    quiet_until: Option<Moment>,
    /// What says how it is.
    probes: Probes,
    watch: Watch,
    /// Since when it has been ready without a break, as far as this process knows.
    ready_since: Option<Moment>,
}

/// The state of listing.
#[derive(Debug, Clone, Default)]
struct Lists {
    /// The number of the next one.
    next: u64,
    /// The one under way.
    under_way: Option<u64>,
    /// When the last good one came; `None` = nothing is known yet (rule R7).
    seen: Option<Moment>,
    /// A new one is wanted at once.
    wanted: bool,
    /// Not before, after one that failed.
    retry_at: Option<Moment>,
    failures: u32,
    /// Why the engine does not answer; `None` when it does.
    trouble: Option<String>,
    /// Its connection broke since the last good one: what ended meanwhile was not to blame.
    gone: bool,
    /// The running container that was looked at closely last.
    rechecked: Option<(TaskId, ContainerId)>,
}

/// What has changed since it was last asked, for the store to write.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dirty {
    /// Records to write.
    pub records: BTreeSet<TaskId>,
    /// Records to drop.
    pub dropped: BTreeSet<TaskId>,
    /// Whether cluster, epoch or revision changed.
    pub knowledge: bool,
    /// Lines of history.
    pub events: Vec<Event>,
}

impl Dirty {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A worker that starts goes on for so long with what may run only once before it has heard its manager.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

impl Host {
    /// A worker as its store knew it.
    pub fn restore(
        node: NodeName,
        knowledge: Option<(ClusterId, u64, u64)>,
        records: Vec<Record>,
        now: Now,
    ) -> Self {
        let specs = records.iter().map(|record| &*record.assignment.spec);
        let networks = Networks::unseen(specs, now.moment);
        let slots =
            records.into_iter().map(|record| (record.assignment.id, Slot::restore(record, now))).collect();
        Self {
            node,
            cluster: knowledge.map(|(cluster, _, _)| cluster),
            epoch: knowledge.map_or(0, |(_, epoch, _)| epoch),
            manager_start: None,
            revision: knowledge.map(|(_, _, revision)| revision),
            heard_manager: false,
            standing: Standing::unheard(now.moment),
            // How old the last answer is, is not known: soon.
            lease_until: now.moment + FIRST_ANSWER,
            leave_alone: BTreeSet::new(),
            slots,
            containers: BTreeMap::new(),
            lanes: BTreeSet::new(),
            trusted_from: BTreeMap::new(),
            doubts: BTreeSet::new(),
            recheck: BTreeSet::new(),
            interrupted: BTreeMap::new(),
            answered: BTreeSet::new(),
            called_dead: BTreeMap::new(),
            lists: Lists::default(),
            mute: None,
            pulls: BTreeMap::new(),
            networks,
            dirty: Dirty::default(),
        }
    }

    /// Whose containers are its own; `None` before it ever heard a manager.
    pub fn owner(&self) -> Option<Owner> {
        self.cluster.map(|cluster| Owner { cluster, node: self.node.clone() })
    }

    /// Its tasks, by ID.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values()
    }

    /// Where the containers of its tasks are that run, on a network of the engine.
    pub fn addresses(&self) -> BTreeMap<TaskId, IpAddr> {
        let address = |slot: &Slot| {
            let container = slot.record.observed.container.clone()?;
            Some((slot.id(), self.containers.get(&(slot.id(), container))?.address?))
        };
        self.slots.values().filter_map(address).collect()
    }

    /// One of its tasks.
    pub fn slot(&self, id: TaskId) -> Option<&Slot> {
        self.slots.get(&id)
    }

    /// Its containers as last seen, by ID.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.containers.values()
    }

    /// Why its engine does not answer, or not to all; `None` when it does.
    pub fn engine_trouble(&self) -> Option<&str> {
        self.lists.trouble.as_deref().or(self.mute.as_deref())
    }

    /// Tasks of which there are containers, or may be, and which are not assigned to it; `None` while that cannot be
    /// known.
    pub fn leftovers(&self) -> Option<Vec<TaskId>> {
        if self.lists.seen.is_none() || self.lists.trouble.is_some() {
            return None;
        }
        let tasks = self.containers.keys().map(|(task, _)| task).chain(&self.lanes).chain(&self.doubts);
        let left: BTreeSet<TaskId> = tasks.filter(|task| !self.slots.contains_key(task)).copied().collect();
        Some(left.into_iter().collect())
    }

    /// When its containers were seen last.
    pub fn seen(&self) -> Option<Moment> {
        self.lists.seen
    }

    /// What has changed since the last call.
    pub fn take_dirty(&mut self) -> Dirty {
        std::mem::take(&mut self.dirty)
    }

    /// This process follows one that the whole machine took down with it: what ended meanwhile was not to blame.
    pub fn machine_was_restarted(&mut self) {
        self.lists.gone = true;
    }

    /// The containers of a task.
    fn containers_of(&self, task: TaskId) -> impl Iterator<Item = &Container> {
        let lowest = (task, ContainerId(String::new()));
        self.containers
            .range(lowest..)
            .take_while(move |((of, _), _)| *of == task)
            .map(|(_, container)| container)
    }

    /// The container of a task's attempt under way.
    fn current(&self, slot: &Slot) -> Option<&Container> {
        let attempt = slot.record.attempt.as_ref()?;
        self.containers_of(slot.id()).find(|container| {
            container.identity.attempt == attempt.number && container.identity.spec == slot.fingerprint
        })
    }

    /// The number of a task's next attempt: above any that was given.
    fn next_attempt(&self, slot: &Slot) -> u32 {
        let record = &slot.record;
        let seen = self.containers_of(slot.id()).map(|container| container.identity.attempt).max();
        record.observed.attempt.max(record.assignment.observed.attempt).max(seen.unwrap_or(0)) + 1
    }

    /// Whether more will be known of a container soon.
    fn is_being_looked_at(&self, container: &Container) -> bool {
        let task = container.identity.task;
        self.lanes.contains(&task)
            || self.doubts.contains(&task)
            || self.recheck.contains(&(task, container.id.clone()))
    }

    fn event(&mut self, slot: TaskId, kind: EventKind, exit_code: Option<i64>, message: String, now: Now) {
        let attempt = self.slots.get(&slot).map_or(0, |slot| slot.record.observed.attempt);
        let node = Some(self.node.clone());
        self.dirty.events.push(Event {
            at: now.wall,
            task: Some(slot),
            node,
            attempt,
            kind,
            exit_code,
            message,
        });
    }

    /// Notes that a record changed in a way that the manager must hear of.
    fn changed(&mut self, task: TaskId) {
        if let Some(slot) = self.slots.get_mut(&task) {
            slot.record.observed.seq += 1;
            self.dirty.records.insert(task);
        }
    }
}
