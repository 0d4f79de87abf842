//! What the manager knows: every task and node, with the indexes that keep each decision cheap.
//!
//! [`Cluster`] is changed by [`Cluster::apply`] alone. The manager's actor applies what came in
//! and what [`reconcile`](reconcile::reconcile) decided, and writes [`Cluster::take_dirty`] to its store; the
//! simulation does the same without a store.

mod apply;
mod apply_moves;
mod apply_nodes;
pub mod change;
mod delta;
mod moves;
pub mod rebalance;
pub mod reconcile;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::delta::Delta;
use self::rebalance::Rebalance;
use super::schedule::{Candidate, Description, Pass, Usage};
use crate::model::id::{ClusterId, NodeName, RequestId, TaskId};
use crate::model::node::{Life, Node, NodeLoad, SchedulerKind};
use crate::model::state::State;
use crate::model::task::Task;
use crate::model::time::{Moment, Now, Timestamp};

/// All that the manager knows.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Made with the store.
    pub id: ClusterId,
    /// Which life of the store this is: counted up at each start.
    pub epoch: u64,
    /// The latest epoch and revision that a worker knows, where they are later than these: the database was restored from
    /// a backup, or copied. Nothing is decided before an operator has said that this history goes on.
    ahead: Option<(u64, u64)>,
    /// Where tasks go.
    pub scheduler: SchedulerKind,
    /// Counted up at each change that a worker must hear of.
    revision: u64,
    next_seq: u64,
    tasks: BTreeMap<TaskId, Task>,
    nodes: BTreeMap<NodeName, Member>,
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
    /// Finished tasks by when they finished.
    finished: BTreeSet<(Timestamp, TaskId)>,
    last_placed: Option<NodeName>,
    dirty: Dirty,
}

/// A node and what is derived of it.
#[derive(Debug, Clone)]
pub struct Member {
    /// What the store keeps of it.
    pub node: Node,
    /// When it was heard of last; a manager that starts grants every node a whole lease first.
    pub heard: Moment,
    /// How loaded its machine is.
    pub load: NodeLoad,
    /// What its live tasks hold.
    pub usage: Usage,
    /// The life of its worker that was heard of last.
    pub life: Option<Life>,
    /// The revision that its worker has taken in, in this life of the manager.
    taken_in: Option<u64>,
    /// Tasks of which its worker has containers beside those that it was given; `None` = it cannot say.
    leftovers: Option<BTreeSet<TaskId>>,
    /// Its tasks by the revision of their last change.
    assigned: BTreeMap<u64, TaskId>,
    /// Tasks that are to leave it.
    leaving: BTreeSet<TaskId>,
    /// A worker that knows less than this revision is told everything anew.
    floor: u64,
    /// What constraints can ask of `node`, made anew when that changes: each pass over thousands of nodes shares it.
    description: Arc<Description>,
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
}

impl Cluster {
    /// A cluster as its store knew it. `now` begins every node's lease.
    pub fn restore(start: Restored, scheduler: SchedulerKind, now: Now) -> Self {
        let mut cluster = Self {
            id: start.id,
            epoch: start.epoch,
            ahead: None,
            scheduler,
            revision: start.revision,
            next_seq: start.next_seq,
            tasks: BTreeMap::new(),
            nodes: BTreeMap::new(),
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
            dirty: Dirty::default(),
        };
        for node in start.nodes {
            cluster.nodes.insert(node.name.clone(), Member::new(node, now.moment));
        }
        for task in start.tasks {
            cluster.index(&task, now);
            cluster.tasks.insert(task.id, task);
        }
        // The floor is not stored: whoever is behind is told everything once.
        for member in cluster.nodes.values_mut() {
            member.floor = cluster.revision;
        }
        cluster
    }

    /// Enters a task that was just read from the store into the indexes.
    fn index(&mut self, task: &Task, now: Now) {
        match task.state {
            State::Pending if task.predecessor.is_some() => {}
            State::Pending => _ = self.fresh.insert((task.seq, task.id)),
            State::Scheduled | State::Running => {}
            State::Completed | State::Failed => _ = self.finished.insert((task.updated_at, task.id)),
        }
        if !task.state.is_final() {
            self.names.insert(task.spec.name.clone(), task.id);
        }
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

    /// Why nothing is decided, in words; `None` = all is as it should be.
    pub fn safe_mode(&self) -> Option<String> {
        let (epoch, revision) = self.ahead?;
        Some(format!(
            "this manager's database is older than what a worker knows (epoch {}, revision {}, but the worker knows epoch \
             {epoch}, revision {revision}): it was restored from a backup, or copied. Nothing is accepted, placed, stopped, \
             moved or forgotten, and the workers go on with what they have. Bring the right database back, or let this one \
             go on with `orc state accept`: then what it does not know is stopped",
            self.epoch, self.revision
        ))
    }

    /// The cluster's revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What has changed since the last call.
    pub fn take_dirty(&mut self) -> Dirty {
        std::mem::take(&mut self.dirty)
    }

    /// A planning pass over the nodes as they are.
    fn pass(&self) -> Pass {
        let candidates = self.nodes.values().map(Member::candidate).collect();
        Pass::new(self.scheduler, candidates, self.last_placed.clone())
    }
}

/// What [`Cluster::restore`] begins from.
#[derive(Debug, Clone)]
pub struct Restored {
    /// Made with the store.
    pub id: ClusterId,
    /// This start's.
    pub epoch: u64,
    /// The last one given.
    pub revision: u64,
    /// The next task's number.
    pub next_seq: u64,
    /// Every task.
    pub tasks: Vec<Task>,
    /// Every node.
    pub nodes: Vec<Node>,
    /// Moves that an operator's rebalance may still begin.
    pub rebalance: u32,
    /// Every accepted request: its task and the digest of what was asked.
    pub requests: Vec<(RequestId, TaskId, String)>,
    /// Every task that cannot be read, and its name.
    pub unreadable: Vec<(TaskId, String)>,
}

impl Member {
    /// How many tasks are on their way off it.
    pub fn leaving(&self) -> usize {
        self.leaving.len()
    }

    fn new(node: Node, now: Moment) -> Self {
        Self {
            description: describe(&node),
            node,
            heard: now,
            load: NodeLoad::default(),
            usage: Usage::default(),
            life: None,
            taken_in: None,
            leftovers: None,
            assigned: BTreeMap::new(),
            leaving: BTreeSet::new(),
            floor: 0,
        }
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            name: self.node.name.clone(),
            state: self.node.state,
            availability: self.node.availability,
            cores: (f64::from(self.node.facts.cores) - self.node.reserved.cpu).max(0.0),
            memory: self.node.facts.memory.saturating_sub(self.node.reserved.memory),
            disk: self.node.facts.disk.saturating_sub(self.node.reserved.disk),
            load: self.load,
            usage: self.usage.clone(),
            description: self.description.clone(),
        }
    }

    /// Takes note that `node` is another than before.
    fn describe(&mut self) {
        self.description = describe(&self.node);
    }
}

fn describe(node: &Node) -> Arc<Description> {
    Arc::new(Description {
        ip: node.facts.ip.clone(),
        engine: node.facts.engine.clone(),
        version: node.facts.version.clone(),
        labels: node.labels(),
    })
}
