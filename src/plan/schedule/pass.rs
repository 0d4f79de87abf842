//! One planning pass: many tasks, one after the other, each seeing those before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::account::View;
use super::explain::{self, Closed, Unplaceable};
use super::field::{Fields, Group, cheapest};
use super::nodes::Nodes;
use super::points::Tallies;
use super::room::{Ask, Free, taken_port};
use super::standing::{Cost, float};
use super::tree::{self, Likeness};
use super::volumes::Tied;
use super::{Candidate, binpack, epvm, greedy, roundrobin, spread};
use crate::model::decision::{Fit, Reasoning};
use crate::model::id::NodeName;
use crate::model::node::SchedulerKind;
use crate::model::placement::Placement;
use crate::model::spec::TaskSpec;

/// Places tasks on nodes as they are at one moment, and counts in what it has placed.
#[derive(Debug, Clone)]
pub struct Pass {
    pub(super) kind: SchedulerKind,
    pub(super) nodes: Nodes,
    /// Which of the open nodes match whose constraints.
    pub(super) fields: Fields,
    /// How many tasks are where, for preferences.
    pub(super) tallies: Tallies,
    /// The node of each placement so far, of each task that was counted out, and of each change that was learned.
    pub(super) placements: Vec<usize>,
    /// The nodes on which tasks were counted in or out, and of which nobody has asked since.
    pub(super) counted: BTreeSet<usize>,
    /// The turn of `roundrobin`.
    pub(super) next: usize,
    /// Why none fits, for all that was asked for in vain since the last placement: a thousand tasks that wait
    /// for the same thing are explained once.
    pub(super) refused: BTreeMap<Want, Unplaceable>,
}

/// Where a task goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The node.
    pub node: NodeName,
    /// Why that one.
    pub reasoning: Arc<Reasoning>,
}

/// All of a specification that says where its task may go.
type Want = (Ask, Placement, BTreeMap<String, String>);

impl Pass {
    /// A pass over `candidates`. `last` is the node of the last placement before it: `roundrobin` goes on
    /// behind it.
    pub fn new(kind: SchedulerKind, candidates: Vec<Candidate>, last: Option<&NodeName>) -> Self {
        let mut pass = Self {
            kind,
            next: 0,
            nodes: Nodes::new(candidates),
            fields: Fields::default(),
            tallies: Tallies::default(),
            placements: Vec::new(),
            counted: BTreeSet::new(),
            refused: BTreeMap::new(),
        };
        pass.turn_behind(last);
        pass
    }

    /// Lets `roundrobin` go on behind the node of the last placement.
    pub fn turn_behind(&mut self, last: Option<&NodeName>) {
        self.next = last.map_or(0, |last| self.nodes.open.partition_point(|node| node.name <= *last));
    }

    /// Chooses a node for a task that wants `spec` and counts it in. A task that is `pinned` goes to that node
    /// or nowhere; another goes where its named volumes are.
    pub fn place(&mut self, spec: &TaskSpec, pinned: Option<&NodeName>) -> Result<Placed, Unplaceable> {
        let tied = if pinned.is_some() { None } else { Tied::of(spec, &self.nodes) };
        let Some(tied) = tied else { return self.place_anywhere(spec, pinned) };
        match self.place_anywhere(&tied.spec, None) {
            Ok(Placed { node, reasoning }) => {
                Ok(Placed { node, reasoning: Arc::new(tied.explain(&reasoning)) })
            }
            Err(none) => Err(none.tied(&tied)),
        }
    }

    fn place_anywhere(&mut self, spec: &TaskSpec, pinned: Option<&NodeName>) -> Result<Placed, Unplaceable> {
        let ask = Ask::of(spec);
        let (chosen, reasoning) = if let Some(name) = pinned {
            self.pinned(name, spec, &ask)?
        } else {
            let chosen = self.choose(spec, &ask).ok_or_else(|| self.refuse(spec, ask.clone()))?;
            (chosen, self.account(chosen, spec, &ask))
        };
        let node = &mut self.nodes.open[chosen];
        node.place(spec);
        self.nodes.free[chosen] = Free::of(node);
        self.tallies.placed(node, spec);
        self.placements.push(chosen);
        self.counted.insert(chosen);
        self.next = chosen + 1;
        self.refused.clear();
        Ok(Placed { node: node.name.clone(), reasoning: Arc::new(reasoning) })
    }

    /// Whether no node takes tasks at all.
    pub fn is_closed(&self) -> bool {
        self.nodes.open.is_empty()
    }

    fn pinned(&self, name: &NodeName, spec: &TaskSpec, ask: &Ask) -> Result<(usize, Reasoning), Unplaceable> {
        let Nodes { open, free, closed } = &self.nodes;
        let place_in = |nodes: &[Candidate]| nodes.binary_search_by(|node| node.name.cmp(name)).ok();
        let Some(at) = place_in(open) else {
            let closed = place_in(closed).and_then(|at| Closed::of(&closed[at]));
            return Err(explain::pinned_to_closed(name, closed));
        };
        let fit = Fit { node: name.clone(), score: "the node that it is pinned to".to_owned() };
        let summary = format!("it is pinned to {name}, which has room");
        let reasoning = Reasoning { summary, fit: vec![fit], left_out: Vec::new() };
        explain::pinned_to_open(&open[at], free[at], spec, ask).map_or(Ok((at, reasoning)), Err)
    }

    /// Of the nodes that `spec` may be on and that have room, those that it likes best; of these the best by the
    /// scheduler's rule.
    pub(super) fn choose(&mut self, spec: &TaskSpec, ask: &Ask) -> Option<usize> {
        self.fields.prepare(&spec.placement, &self.nodes, likeness(self.kind), &self.placements);
        self.tallies.prepare(spec, &self.nodes);
        let ranked = self.fields.ranked(spec, &self.tallies);
        ranked.chunk_by(|(one, _), (other, _)| one == other).find_map(|equals| {
            cheapest(equals.iter().filter_map(|(_, group)| {
                let (cost, place) = self.best_of(group, spec, ask)?;
                Some((cost, group.member(place)))
            }))
        })
    }

    pub(super) fn account(&self, chosen: usize, spec: &TaskSpec, ask: &Ask) -> Reasoning {
        let view = View { kind: self.kind, nodes: &self.nodes, tallies: &self.tallies, next: self.next };
        view.account(chosen, spec, ask, || self.fields.left_out(&spec.placement))
    }

    /// The place of a group's best node by the scheduler's rule.
    fn best_of(&self, group: &Group, spec: &TaskSpec, ask: &Ask) -> Option<(Cost, usize)> {
        let all = 0..group.len();
        let admits = |place: usize| {
            let node = &self.nodes.open[group.member(place)];
            taken_port(node, ask).is_none() && node.usage.kin.rival(spec).is_none()
        };
        let tree = &group.tree;
        match self.kind {
            SchedulerKind::Roundrobin => roundrobin::choose(tree, all, group.turn(self.next), ask, admits),
            SchedulerKind::Greedy => tree.best(all, ask, greedy::cost, admits),
            SchedulerKind::Epvm => tree.best(all, ask, |node| epvm::cost(node, ask), admits),
            SchedulerKind::Spread => tree.best(all, ask, spread::cost, admits),
            SchedulerKind::Binpack => tree.best(all, ask, binpack::cost, admits),
        }
    }

    fn refuse(&mut self, spec: &TaskSpec, ask: Ask) -> Unplaceable {
        let explain = |(ask, ..): &Want| explain::none_of(&self.nodes, spec, ask);
        let want = (ask, spec.placement.clone(), spec.labels.clone());
        self.refused.entry(want).or_insert_with_key(explain).clone()
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
