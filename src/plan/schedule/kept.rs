//! How a pass goes on from an earlier one: it learns what became of the nodes meanwhile, and keeps its trees over them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::explain::Closed;
use super::nodes::Nodes;
use super::room::Free;
use super::{Candidate, Pass};
use crate::model::id::NodeName;
use crate::model::node::SchedulerKind;

/// So many changes are remembered for the trees that do not know them yet.
const MOST_CHANGES: usize = 1 << 16;

impl Pass {
    /// Whether it goes by this rule.
    pub fn is_by(&self, kind: SchedulerKind) -> bool {
        self.kind == kind
    }

    /// Whether it takes the nodes for the same as `other` does.
    pub fn sees_as(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }

    /// The nodes on which it counted tasks in or out since it was asked last: perhaps that was never done.
    pub fn take_counted(&mut self) -> BTreeSet<NodeName> {
        let counted =
            self.placements[self.made..].iter().map(|at| self.nodes.open[*at].name.clone()).collect();
        self.made = self.placements.len();
        counted
    }

    /// Learns how a node is now; `false` = it takes a new pass: the node is new, or takes tasks as it did not before, or
    /// constraints find another in it.
    pub fn learn(&mut self, candidate: Candidate) -> bool {
        let Nodes { open, free, closed } = &mut self.nodes;
        let place_in =
            |nodes: &[Candidate]| nodes.binary_search_by(|node| node.name.cmp(&candidate.name)).ok();
        let (at, known) = match place_in(open) {
            Some(at) => (Some(at), &mut open[at]),
            None => match place_in(closed) {
                Some(at) => (None, &mut closed[at]),
                None => return false,
            },
        };
        if *known == candidate {
            return true;
        }
        if Closed::of(known) != Closed::of(&candidate) || !is_described_alike(known, &candidate) {
            return false;
        }
        if known.usage != candidate.usage {
            self.tallies.clear();
        }
        if let Some(at) = at {
            free[at] = Free::of(&candidate);
            self.placements.push(at);
            self.made = self.placements.len();
        }
        *known = candidate;
        self.refused.clear();
        if self.placements.len() > MOST_CHANGES {
            self.fields.forget_changes(&self.nodes.open, &self.placements);
            self.placements.clear();
            self.made = 0;
        }
        true
    }
}

/// Whether constraints find the same in both.
fn is_described_alike(one: &Candidate, other: &Candidate) -> bool {
    let alike = Arc::ptr_eq(&one.description, &other.description) || one.description == other.description;
    alike && one.cores.total_cmp(&other.cores).is_eq() && (one.memory, one.disk) == (other.memory, other.disk)
}
