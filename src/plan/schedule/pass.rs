//! One planning pass: many tasks, one after the other, each seeing those before it.

use std::collections::BTreeMap;

use super::explain::{self, Unplaceable};
use super::room::{Ask, taken_port};
use super::standing::Standing;
use super::tree::Tree;
use super::{Candidate, binpack, epvm, greedy, roundrobin, spread};
use crate::model::id::NodeName;
use crate::model::node::{Availability, NodeState, SchedulerKind};
use crate::model::spec::TaskSpec;

/// Places tasks on nodes as they are at one moment, and counts in what it has placed.
#[derive(Debug, Clone)]
pub struct Pass {
    kind: SchedulerKind,
    /// By name: the order of turns, and of equals.
    nodes: Vec<Candidate>,
    /// Where in `nodes` those are that take tasks at all, in the same order as the leaves of `tree`.
    open: Vec<usize>,
    tree: Tree,
    /// The turn of `roundrobin`, among `open`.
    next: usize,
    /// Why none fits, for all that was asked for in vain since the last placement: a thousand tasks that wait
    /// for the same thing are explained once.
    refused: BTreeMap<Ask, Unplaceable>,
}

impl Pass {
    /// A pass over `candidates`. `last` is the node of the last placement before it: `roundrobin` goes on
    /// behind it.
    pub fn new(kind: SchedulerKind, mut candidates: Vec<Candidate>, last: Option<NodeName>) -> Self {
        candidates.sort_by(|one, other| one.name.cmp(&other.name));
        let open: Vec<usize> = (0..candidates.len()).filter(|at| takes_tasks(&candidates[*at])).collect();
        let leaves: Vec<Standing> = open.iter().map(|at| Standing::of(&candidates[*at])).collect();
        let next = last.map_or(0, |last| open.partition_point(|at| candidates[*at].name <= last));
        let tree = Tree::new(&leaves);
        Self { kind, nodes: candidates, open, tree, next, refused: BTreeMap::new() }
    }

    /// Chooses a node for a task that wants `spec` and counts it in. A task that is `pinned` goes to that node
    /// or nowhere.
    pub fn place(&mut self, spec: &TaskSpec, pinned: Option<&NodeName>) -> Result<NodeName, Unplaceable> {
        let ask = Ask::of(spec);
        let leaf = match pinned {
            Some(name) => self.find(name, &ask)?,
            None => self.choose(&ask).ok_or_else(|| self.refuse(ask.clone()))?,
        };
        let node = &mut self.nodes[self.open[leaf]];
        node.usage.add(spec);
        self.tree.update(leaf, |standing| standing.place(&ask, node));
        self.next = leaf + 1;
        self.refused.clear();
        Ok(node.name.clone())
    }

    /// The best node by the scheduler's rule, as its place in `open`.
    fn choose(&self, ask: &Ask) -> Option<usize> {
        let all = 0..self.open.len();
        let admits = |leaf: usize| taken_port(&self.nodes[self.open[leaf]], ask).is_none();
        match self.kind {
            SchedulerKind::Roundrobin => {
                roundrobin::choose(&self.tree, self.open.len(), self.next, ask, admits)
            }
            SchedulerKind::Greedy => self.tree.best(all, ask, greedy::cost, admits),
            SchedulerKind::Epvm => self.tree.best(all, ask, |node| epvm::cost(node, ask), admits),
            SchedulerKind::Spread => self.tree.best(all, ask, spread::cost, admits),
            SchedulerKind::Binpack => self.tree.best(all, ask, binpack::cost, admits),
        }
    }

    /// The node of that name, when it fits.
    fn find(&self, name: &NodeName, ask: &Ask) -> Result<usize, Unplaceable> {
        explain::against(&self.nodes, name, ask).map_or(Ok(()), Err)?;
        Ok(self.open.partition_point(|at| self.nodes[*at].name < *name))
    }

    fn refuse(&mut self, ask: Ask) -> Unplaceable {
        let nodes = &self.nodes;
        self.refused.entry(ask).or_insert_with_key(|ask| explain::none_of(nodes, ask)).clone()
    }
}

fn takes_tasks(node: &Candidate) -> bool {
    node.state == NodeState::Ready && node.availability == Availability::Active
}
