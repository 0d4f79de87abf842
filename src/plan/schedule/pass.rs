//! One planning pass: many tasks, one after the other, each seeing those before it.

use std::collections::BTreeMap;

use super::explain::{self, Closed, Unplaceable};
use super::field::{Fields, Group, cheapest};
use super::points::Tallies;
use super::room::{Ask, Free, taken_port};
use super::standing::{Cost, float};
use super::tree::{self, Likeness};
use super::{Candidate, binpack, epvm, greedy, roundrobin, spread};
use crate::model::id::NodeName;
use crate::model::node::SchedulerKind;
use crate::model::placement::Placement;
use crate::model::spec::TaskSpec;

/// Places tasks on nodes as they are at one moment, and counts in what it has placed.
#[derive(Debug, Clone)]
pub struct Pass {
    kind: SchedulerKind,
    /// The nodes that take tasks, by name: the order of turns, and of equals. `free` has the same.
    open: Vec<Candidate>,
    free: Vec<Free>,
    /// The nodes that take no tasks, by name.
    closed: Vec<Candidate>,
    /// Which of the open nodes match whose constraints.
    fields: Fields,
    /// How many tasks are where, for preferences.
    tallies: Tallies,
    /// The node of each placement so far.
    placements: Vec<usize>,
    /// The turn of `roundrobin`.
    next: usize,
    /// Why none fits, for all that was asked for in vain since the last placement: a thousand tasks that wait
    /// for the same thing are explained once.
    refused: BTreeMap<Want, Unplaceable>,
}

/// All of a specification that says where its task may go.
type Want = (Ask, Placement, BTreeMap<String, String>);

impl Pass {
    /// A pass over `candidates`. `last` is the node of the last placement before it: `roundrobin` goes on
    /// behind it.
    pub fn new(kind: SchedulerKind, mut candidates: Vec<Candidate>, last: Option<NodeName>) -> Self {
        candidates.sort_by(|one, other| one.name.cmp(&other.name));
        let (open, closed): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|node| Closed::of(node).is_none());
        Self {
            kind,
            free: open.iter().map(Free::of).collect(),
            next: last.map_or(0, |last| open.partition_point(|node| node.name <= last)),
            open,
            closed,
            fields: Fields::default(),
            tallies: Tallies::default(),
            placements: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Chooses a node for a task that wants `spec` and counts it in. A task that is `pinned` goes to that node
    /// or nowhere.
    pub fn place(&mut self, spec: &TaskSpec, pinned: Option<&NodeName>) -> Result<NodeName, Unplaceable> {
        let ask = Ask::of(spec);
        let chosen = match pinned {
            Some(name) => self.pinned(name, spec, &ask)?,
            None => self.choose(spec, &ask).ok_or_else(|| self.refuse(spec, ask))?,
        };
        let node = &mut self.open[chosen];
        node.place(spec);
        self.free[chosen] = Free::of(node);
        self.tallies.placed(node, spec);
        self.placements.push(chosen);
        self.next = chosen + 1;
        self.refused.clear();
        Ok(node.name.clone())
    }

    fn pinned(&self, name: &NodeName, spec: &TaskSpec, ask: &Ask) -> Result<usize, Unplaceable> {
        let place_in = |nodes: &[Candidate]| nodes.binary_search_by(|node| node.name.cmp(name)).ok();
        let Some(at) = place_in(&self.open) else {
            let closed = place_in(&self.closed).and_then(|at| Closed::of(&self.closed[at]));
            return Err(explain::pinned_to_closed(name, closed));
        };
        explain::pinned_to_open(&self.open[at], self.free[at], spec, ask).map_or(Ok(at), Err)
    }

    /// Of the nodes that `spec` may be on and that have room, those that it likes best; of these the best by the
    /// scheduler's rule.
    fn choose(&mut self, spec: &TaskSpec, ask: &Ask) -> Option<usize> {
        self.fields.prepare(&spec.placement, &self.open, likeness(self.kind), &self.placements);
        self.tallies.prepare(spec, self.open.iter().chain(&self.closed));
        let ranked = self.fields.ranked(spec, &self.tallies);
        ranked.chunk_by(|(one, _), (other, _)| one == other).find_map(|equals| {
            cheapest(equals.iter().filter_map(|(_, group)| {
                let (cost, place) = self.best_of(group, spec, ask)?;
                Some((cost, group.member(place)))
            }))
        })
    }

    /// The place of a group's best node by the scheduler's rule.
    fn best_of(&self, group: &Group, spec: &TaskSpec, ask: &Ask) -> Option<(Cost, usize)> {
        let all = 0..group.len();
        let admits = |place: usize| {
            let node = &self.open[group.member(place)];
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
        let explain = |(ask, ..): &Want| explain::none_of(&self.open, &self.free, &self.closed, spec, ask);
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
