//! One planning pass: many tasks, one after the other, each seeing those before it.

use std::collections::BTreeMap;

use super::explain::{self, Closed, Unplaceable};
use super::room::{Ask, Free, taken_port};
use super::standing::{Standing, float};
use super::tree::{self, Likeness, Tree};
use super::{Candidate, binpack, epvm, greedy, roundrobin, spread};
use crate::model::id::NodeName;
use crate::model::node::SchedulerKind;
use crate::model::spec::TaskSpec;

/// Places tasks on nodes as they are at one moment, and counts in what it has placed.
#[derive(Debug, Clone)]
pub struct Pass {
    kind: SchedulerKind,
    /// The nodes that take tasks, by name: the order of turns, and of equals. `free` and `tree` have the same.
    open: Vec<Candidate>,
    free: Vec<Free>,
    tree: Tree,
    /// The turn of `roundrobin`.
    next: usize,
    /// The nodes that take no tasks.
    closed: BTreeMap<NodeName, Closed>,
    /// Why none fits, for all that was asked for in vain since the last placement: a thousand tasks that wait
    /// for the same thing are explained once.
    refused: BTreeMap<Ask, Unplaceable>,
}

impl Pass {
    /// A pass over `candidates`. `last` is the node of the last placement before it: `roundrobin` goes on
    /// behind it.
    pub fn new(kind: SchedulerKind, mut candidates: Vec<Candidate>, last: Option<NodeName>) -> Self {
        let closed =
            candidates.iter().filter_map(|node| Some((node.name.clone(), Closed::of(node)?))).collect();
        candidates.retain(|node| Closed::of(node).is_none());
        candidates.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            kind,
            free: candidates.iter().map(Free::of).collect(),
            tree: Tree::new(candidates.iter().map(Standing::of), likeness(kind)),
            next: last.map_or(0, |last| candidates.partition_point(|node| node.name <= last)),
            open: candidates,
            closed,
            refused: BTreeMap::new(),
        }
    }

    /// Chooses a node for a task that wants `spec` and counts it in. A task that is `pinned` goes to that node
    /// or nowhere.
    pub fn place(&mut self, spec: &TaskSpec, pinned: Option<&NodeName>) -> Result<NodeName, Unplaceable> {
        let ask = Ask::of(spec);
        let chosen = match pinned {
            Some(name) => self.pinned(name, &ask)?,
            None => self.choose(&ask).ok_or_else(|| self.refuse(&ask))?,
        };
        let node = &mut self.open[chosen];
        node.place(spec);
        self.free[chosen] = Free::of(node);
        self.tree.update(chosen, Standing::of(node));
        self.next = chosen + 1;
        self.refused.clear();
        Ok(node.name.clone())
    }

    fn pinned(&self, name: &NodeName, ask: &Ask) -> Result<usize, Unplaceable> {
        let found = self.open.binary_search_by(|node| node.name.cmp(name));
        let at = found.map_err(|_| explain::pinned_to_closed(name, self.closed.get(name).copied()))?;
        explain::pinned_to_open(&self.open[at], self.free[at], ask).map_or(Ok(at), Err)
    }

    /// The best node by the scheduler's rule.
    fn choose(&self, ask: &Ask) -> Option<usize> {
        let all = 0..self.open.len();
        let admits = |at: usize| taken_port(&self.open[at], ask).is_none();
        match self.kind {
            SchedulerKind::Roundrobin => roundrobin::choose(&self.tree, all, self.next, ask, admits),
            SchedulerKind::Greedy => self.tree.best(all, ask, greedy::cost, admits),
            SchedulerKind::Epvm => self.tree.best(all, ask, |node| epvm::cost(node, ask), admits),
            SchedulerKind::Spread => self.tree.best(all, ask, spread::cost, admits),
            SchedulerKind::Binpack => self.tree.best(all, ask, binpack::cost, admits),
        }
    }

    fn refuse(&mut self, ask: &Ask) -> Unplaceable {
        let explain = || explain::none_of(&self.open, &self.free, &self.closed, ask);
        self.refused.entry(ask.clone()).or_insert_with(explain).clone()
    }
}

/// What makes nodes alike to a scheduler.
fn likeness(kind: SchedulerKind) -> Likeness {
    match kind {
        SchedulerKind::Roundrobin | SchedulerKind::Spread | SchedulerKind::Binpack => tree::by_name,
        SchedulerKind::Greedy => |node| [0.0, node.busy, float(node.free.memory)],
        SchedulerKind::Epvm => |node| node.prices.axes(),
    }
}
