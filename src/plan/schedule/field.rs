//! The nodes that match a task's constraints, in groups of those that its preferences like alike.
//!
//! Tasks with the same placement rules share one field for all of a pass, so that each costs no more than one
//! without rules: a few groups to rank, and a walk down the tree of the best.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Candidate;
use super::explain::{closed, mismatched};
use super::matching::mismatch;
use super::nodes::Nodes;
use super::points::{Finding, Points, Tallies};
use super::standing::{Cost, Standing};
use super::tree::{Likeness, Tree};
use crate::model::decision::LeftOut;
use crate::model::placement::{Constraint, Placement};
use crate::model::spec::TaskSpec;

/// The nodes that match.
#[derive(Debug, Clone)]
pub(super) struct Field {
    groups: Vec<Group>,
    /// The group of each node and its place there; `None` = it does not match.
    homes: Vec<Option<(usize, usize)>>,
    /// How many of the pass's placements the trees know: all those before it was asked last.
    known: usize,
    /// Who is out of the question, counted.
    left_out: Vec<LeftOut>,
}

/// Nodes at which every preference finds the same.
#[derive(Debug, Clone)]
pub(super) struct Group {
    findings: Vec<Finding>,
    /// In the order of their names.
    members: Vec<usize>,
    /// Over the members, by their place in that list.
    pub(super) tree: Tree,
}

impl Field {
    /// Of the `nodes` that take tasks, those that match, after so many placements.
    pub(super) fn new(nodes: &Nodes, placement: &Placement, likeness: Likeness, placements: usize) -> Self {
        let open = &nodes.open;
        let mut members: BTreeMap<Vec<Finding>, Vec<usize>> = BTreeMap::new();
        let mut mismatches: BTreeMap<&Constraint, usize> = BTreeMap::new();
        for (at, node) in open.iter().enumerate() {
            if let Some(constraint) = mismatch(node, placement.constraints.iter()) {
                *mismatches.entry(constraint).or_default() += 1;
                continue;
            }
            let findings = placement.preferences.iter().map(|preference| Finding::of(node, preference));
            members.entry(findings.collect()).or_default().push(at);
        }
        let mut homes = vec![None; open.len()];
        for (group, members) in members.values().enumerate() {
            for (place, at) in members.iter().enumerate() {
                homes[*at] = Some((group, place));
            }
        }
        let groups = members.into_iter().map(|(findings, members)| {
            let tree = Tree::new(members.iter().map(|at| Standing::of(&open[*at])), likeness);
            Group { findings, members, tree }
        });
        let mismatches = mismatches.into_iter().map(|(constraint, count)| mismatched(constraint, count));
        let left_out = mismatches.chain(closed(nodes)).collect();
        Self { groups: groups.collect(), homes, known: placements, left_out }
    }

    /// Learns how the nodes stand to which tasks went since it was asked last.
    pub(super) fn learn(&mut self, placements: &[usize], open: &[Candidate]) {
        let changed: BTreeSet<usize> = placements[self.known..].iter().copied().collect();
        for at in changed {
            if let Some((group, place)) = self.homes[at] {
                self.groups[group].tree.update(place, Standing::of(&open[at]));
            }
        }
        self.known = placements.len();
    }

    /// The groups, those that a task that wants `spec` likes best first.
    pub(super) fn ranked(&self, spec: &TaskSpec, tallies: &Tallies) -> Vec<(Points, &Group)> {
        let points = |group: &Group| tallies.points(spec, &group.findings);
        let mut ranked: Vec<_> = self.groups.iter().map(|group| (points(group), group)).collect();
        ranked.sort_by_key(|(points, _)| Reverse(*points));
        ranked
    }
}

impl Group {
    /// How many nodes it has.
    pub(super) const fn len(&self) -> usize {
        self.members.len()
    }

    /// The node at this place of it.
    pub(super) fn member(&self, place: usize) -> usize {
        self.members[place]
    }

    /// The first place whose node is not before `next`.
    pub(super) fn turn(&self, next: usize) -> usize {
        self.members.partition_point(|at| *at < next)
    }
}

/// The fields of the placements that a pass was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(BTreeMap<Placement, Field>);

/// So many are kept: each holds a tree over its nodes.
const MOST_FIELDS: usize = 32;

impl Fields {
    /// Makes sure that there is a field of `placement` which knows all of `placements`. The one that was not asked
    /// for longest gives way when there are too many.
    pub(super) fn prepare(
        &mut self,
        placement: &Placement,
        nodes: &Nodes,
        likeness: Likeness,
        placements: &[usize],
    ) {
        if let Some(field) = self.0.get_mut(placement) {
            return field.learn(placements, &nodes.open);
        }
        if self.0.len() >= MOST_FIELDS {
            let oldest = self.0.iter().min_by_key(|(_, field)| field.known);
            let oldest = oldest.map(|(oldest, _)| oldest.clone());
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(placement.clone(), Field::new(nodes, placement, likeness, placements.len()));
    }

    /// Lets every field learn all of `placements`, of which none is remembered from then on.
    pub(super) fn forget_changes(&mut self, open: &[Candidate], placements: &[usize]) {
        for field in self.0.values_mut() {
            field.learn(placements, open);
            field.known = 0;
        }
    }

    /// The groups of a field that is prepared, those that a task that wants `spec` likes best first.
    pub(super) fn ranked(&self, spec: &TaskSpec, tallies: &Tallies) -> Vec<(Points, &Group)> {
        self.0.get(&spec.placement).map(|field| field.ranked(spec, tallies)).unwrap_or_default()
    }

    /// Who is out of the question for a placement whose field is prepared, counted.
    pub(super) fn left_out(&self, placement: &Placement) -> Vec<LeftOut> {
        self.0.get(placement).map(|field| field.left_out.clone()).unwrap_or_default()
    }
}

/// The cheapest of these, and of equals the first node.
pub(super) fn cheapest(found: impl Iterator<Item = (Cost, usize)>) -> Option<usize> {
    let better = |one: (Cost, usize), other: (Cost, usize)| if other < one { other } else { one };
    found.reduce(better).map(|(_, at)| at)
}
