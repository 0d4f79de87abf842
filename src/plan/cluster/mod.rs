//! What the manager knows: every task and node, with the indexes that keep each decision cheap.
//!
//! [`Cluster`] is changed by [`Cluster::apply`] alone. The manager's actor applies what came in
//! and what [`reconcile`](reconcile::reconcile) decided, and writes [`Cluster::take_dirty`] to its store; the
//! simulation does the same without a store.

mod apply;
mod apply_files;
mod apply_moves;
mod apply_nodes;
mod apply_runs;
mod apply_service_tasks;
mod apply_services;
pub mod change;
mod delta;
mod file_change;
mod files;
mod history;
mod image_change;
pub mod images;
mod member;
mod members;
mod moves;
pub mod rebalance;
pub mod reconcile;
mod refusal;
mod rollouts;
mod routes;
mod schedules;
mod service_change;
mod services;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::delta::Delta;
use self::files::Files;
pub use self::files::{FileUser, Using};
use self::images::Images;
pub use self::member::Member;
use self::members::Members;
use self::rebalance::Rebalance;
pub use self::services::Managed;
use self::services::Services;
pub use self::standing::ServiceStanding;
use super::schedule::Pass;
use crate::model::epoch::Epoch;
use crate::model::id::{ClusterId, InstanceId, NodeName, RequestId, TaskId};
use crate::model::image::{ImageName, StoredImage};
use crate::model::managed_file::{FileKey, ManagedFile};
use crate::model::node::{Node, SchedulerKind};
use crate::model::service::{Service, ServiceName};
use crate::model::state::State;
use crate::model::task::Task;
use crate::model::time::{Moment, Now};

/// All that the manager knows.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Made with the store.
    pub id: ClusterId,
    /// Which life of the store this is: counted up at each start.
    pub epoch: u64,
    /// Where this and former epochs began, as far back as that is remembered.
    epochs: BTreeMap<u64, Epoch>,
    /// How long managers had run on the store when this one began, and when it began.
    lived: (Duration, Moment),
    /// The latest epoch and revision that a worker knows, where this history has not got them: the database was restored from
    /// a backup, or copied. Nothing is decided before an operator has said that this history goes on.
    ahead: Option<(u64, u64)>,
    /// Where tasks go.
    pub scheduler: SchedulerKind,
    /// Counted up at each change that a worker must hear of.
    revision: u64,
    next_seq: u64,
    tasks: BTreeMap<TaskId, Task>,
    nodes: Members,
    services: Services,
    /// Secrets and configs, without what is in them.
    files: Files,
    /// Images that this manager hands out.
    images: Images,
    /// Tasks that are there and cannot be read: nothing is done about them.
    unreadable: BTreeSet<TaskId>,
    /// Names of live tasks, and of those that cannot be read.
    names: BTreeMap<String, TaskId>,
    /// Digests of the requests that were accepted.
    requests: BTreeMap<RequestId, String>,
    requests_of: BTreeSet<(TaskId, RequestId)>,
    /// Pending tasks that no pass has looked at since there was more room.
    fresh: BTreeSet<(u64, TaskId)>,
    /// Pending tasks for which there was no room.
    parked: BTreeSet<(u64, TaskId)>,
    /// Tasks whose predecessor is not over.
    leaving: BTreeSet<TaskId>,
    /// Why tasks cannot leave the nodes that they should leave.
    stuck: BTreeMap<TaskId, String>,
    /// When each task was moved off a lost node last, as far as that still matters.
    moved: BTreeMap<TaskId, Moment>,
    /// What an operator's rebalance may still do.
    rebalance: Rebalance,
    /// Finished tasks by how long managers had run when they finished: never by the date, which may be set.
    finished: BTreeSet<(Duration, TaskId)>,
    last_placed: Option<NodeName>,
    /// The last planning pass: the next one goes on from it.
    pass: Option<Pass>,
    dirty: Dirty,
}

/// What has changed since it was last asked, for the store to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Tasks to write.
    pub tasks: BTreeSet<TaskId>,
    /// Nodes to write.
    pub nodes: BTreeSet<NodeName>,
    /// Tasks to forget.
    pub forgotten: BTreeSet<TaskId>,
    /// Nodes to remove.
    pub removed: BTreeSet<NodeName>,
    /// Services to write.
    pub services: BTreeSet<ServiceName>,
    /// New versions of services to write.
    pub versions: BTreeSet<(ServiceName, u64)>,
    /// Versions of services to forget.
    pub pruned: BTreeSet<(ServiceName, u64)>,
    /// Runs of services to write.
    pub runs: BTreeSet<(ServiceName, u32)>,
    /// Runs of services to forget.
    pub pruned_runs: BTreeSet<(ServiceName, u32)>,
    /// Services to forget, with all their versions and runs.
    pub dropped: BTreeSet<ServiceName>,
    /// Secrets and configs to write.
    pub files: BTreeSet<FileKey>,
    /// Versions of secrets and configs to forget.
    pub file_pruned: BTreeSet<(FileKey, u64)>,
    /// Images to write.
    pub images: BTreeSet<ImageName>,
    /// Images to forget.
    pub images_gone: BTreeSet<ImageName>,
    /// The epoch that takes the place of all that were.
    pub accepted: Option<Epoch>,
}

impl Cluster {
    /// A cluster as its store knew it. `now` begins every node's lease.
    pub fn restore(start: Restored, scheduler: SchedulerKind, now: Now) -> Self {
        let mut cluster = Self {
            id: start.id,
            epoch: start.epoch,
            epochs: start.epochs.into_iter().map(|epoch| (epoch.number, epoch)).collect(),
            lived: (start.lived, now.moment),
            ahead: None,
            scheduler,
            revision: start.revision,
            next_seq: start.next_seq,
            tasks: BTreeMap::new(),
            nodes: Members::default(),
            services: Services::new(start.unreadable_services, start.epoch),
            files: start.files.into_iter().map(|file| (file.key.clone(), file)).collect(),
            images: start.images.into_iter().map(|image| (image.name.clone(), image)).collect(),
            unreadable: start.unreadable.iter().map(|(id, _)| *id).collect(),
            names: start.unreadable.into_iter().map(|(id, name)| (name, id)).collect(),
            requests_of: start.requests.iter().map(|(id, task, _)| (*task, *id)).collect(),
            requests: start.requests.into_iter().map(|(id, _, digest)| (id, digest)).collect(),
            fresh: BTreeSet::new(),
            parked: BTreeSet::new(),
            leaving: BTreeSet::new(),
            stuck: BTreeMap::new(),
            moved: BTreeMap::new(),
            rebalance: Rebalance { left: start.rebalance, ..Rebalance::default() },
            finished: BTreeSet::new(),
            last_placed: None,
            pass: None,
            dirty: Dirty::default(),
        };
        for node in start.nodes {
            cluster.nodes.insert(Member::new(node, now.moment));
        }
        for service in start.services {
            cluster.services.insert(service);
        }
        for task in start.tasks {
            cluster.index(&task, now);
            cluster.tasks.insert(task.id, task);
        }
        // The floor is not stored: whoever is behind is told everything once.
        let revision = cluster.revision;
        cluster.nodes.change_all(|member| member.floor = revision);
        cluster.nodes.settle();
        cluster
    }

    /// Enters a task that was just read from the store into the indexes.
    fn index(&mut self, task: &Task, now: Now) {
        match task.state {
            State::Pending if task.predecessor.is_some() => {}
            State::Pending => _ = self.fresh.insert((task.seq, task.id)),
            State::Scheduled | State::Running => {}
            State::Completed | State::Failed => {
                _ = self.finished.insert((task.ended.unwrap_or_default(), task.id));
            }
        }
        if !task.state.is_final() {
            self.names.insert(task.spec.name.clone(), task.id);
        }
        self.services.enter(task, now.moment);
        if let Some(member) = task.node.as_ref().and_then(|name| self.nodes.get_mut(name)) {
            member.assigned.insert(task.revision, task.id);
            if !task.state.is_final() {
                member.usage.add(&task.spec);
            }
        }
        if let Some(predecessor) = &task.predecessor {
            self.leaving.insert(task.id);
            if let Some(member) = self.nodes.get_mut(&predecessor.node) {
                member.leaving.insert(task.id);
                member.usage.add(&task.spec);
            }
        }
        if let Some(at) = task.moved_at {
            // Where the wall clock was set back, the whole wait begins anew, and never more than that (rule R6).
            let ago = at.until(now.wall).min(moves::MOVE_EVERY);
            self.moved.insert(task.id, now.moment - ago);
        }
    }

    /// A task.
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id)
    }

    /// Every task, by ID.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// Every task that cannot be read, by ID.
    pub fn unreadable(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.unreadable.iter().copied()
    }

    /// A node.
    pub fn node(&self, name: &NodeName) -> Option<&Member> {
        self.nodes.get(name)
    }

    /// Every node, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Member> {
        self.nodes.values()
    }

    /// Tasks that cannot leave the nodes that they should leave, and why.
    pub fn stuck(&self) -> &BTreeMap<TaskId, String> {
        &self.stuck
    }

    /// What an operator's rebalance may still do.
    pub const fn rebalance(&self) -> &Rebalance {
        &self.rebalance
    }

    /// How long managers have run on this store: a clock that stands still while there is none, and that nobody sets.
    pub fn lived(&self, now: Moment) -> Duration {
        let (before, began) = self.lived;
        before + now.since(began)
    }

    /// Which start of the manager this epoch is.
    pub fn start(&self) -> Option<InstanceId> {
        self.epochs.get(&self.epoch).map(|epoch| epoch.start)
    }

    /// The cluster's revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What has changed since the last call.
    pub fn take_dirty(&mut self) -> Dirty {
        std::mem::take(&mut self.dirty)
    }

    /// The nodes of which something has changed since the last call: those that may have to hear of it.
    pub fn take_stirred(&mut self) -> BTreeSet<NodeName> {
        self.nodes.take_stirred()
    }

    /// A planning pass over the nodes as they are: the last one, which has learned what has changed meanwhile, or where it
    /// cannot, a new one.
    fn take_pass(&mut self) -> Pass {
        let mut changed = self.nodes.take_unplanned();
        let kept = self.pass.take().filter(|pass| pass.is_by(self.scheduler)).and_then(|mut pass| {
            changed.extend(pass.take_counted());
            let mut members = changed.iter().map(|name| self.nodes.get(name));
            members.all(|member| member.is_some_and(|member| pass.learn(member.candidate()))).then_some(pass)
        });
        let mut pass = kept.unwrap_or_else(|| self.new_pass());
        debug_assert!(pass.sees_as(&self.new_pass()), "a pass that is kept sees the nodes as a new one");
        pass.turn_behind(self.last_placed.as_ref());
        pass
    }

    fn new_pass(&self) -> Pass {
        Pass::new(self.scheduler, self.nodes.values().map(Member::candidate).collect(), None)
    }
}

/// What [`Cluster::restore`] begins from.
#[derive(Debug, Clone)]
pub struct Restored {
    /// Made with the store.
    pub id: ClusterId,
    /// This start's.
    pub epoch: u64,
    /// Where this and former epochs began.
    pub epochs: Vec<Epoch>,
    /// How long managers have run on the store.
    pub lived: Duration,
    /// The last one given.
    pub revision: u64,
    /// The next task's number.
    pub next_seq: u64,
    /// Every task.
    pub tasks: Vec<Task>,
    /// Every node.
    pub nodes: Vec<Node>,
    /// Every service.
    pub services: Vec<Service>,
    /// Every service that cannot be read.
    pub unreadable_services: Vec<ServiceName>,
    /// Every secret and config, and those that were removed.
    pub files: Vec<ManagedFile>,
    /// Images that it hands out.
    pub images: Vec<StoredImage>,
    /// Moves that an operator's rebalance may still begin.
    pub rebalance: u32,
    /// Every accepted request: its task and the digest of what was asked.
    pub requests: Vec<(RequestId, TaskId, String)>,
    /// Every task that cannot be read, and its name.
    pub unreadable: Vec<(TaskId, String)>,
}
