//! Finds the best of many nodes without looking at most of them.
//!
//! A tournament tree: each leaf is a node, each inner place holds the best of each number below it. A branch
//! that has no room for the task, or whose best of everything is no better than a node already found, is left
//! out. What is found is what a look at every node would find.
//!
//! The more alike the nodes of a branch are, the better its numbers tell what is in it. So nodes that are
//! alike are neighbours, as in a k-d tree, and are brought together anew when enough of them have changed.

use std::ops::Range;

use super::room::Ask;
use super::standing::{Cost, Standing};

/// What makes nodes alike: first a number of few values, which sets them apart altogether, then two by which
/// those of one value are spread out.
pub(super) type Likeness = fn(&Standing) -> [f64; 3];

/// Nodes stay in the order of their names: for rules under which so many are equal that the first name decides.
pub(super) fn by_name(_: &Standing) -> [f64; 3] {
    [0.0; 3]
}

/// The nodes' standings, by index.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// The root at 1, the children of `n` at `2n` and `2n + 1`, the leaves in the second half.
    places: Vec<Place>,
    /// Where each node's leaf is in `places`.
    leaves: Vec<usize>,
    likeness: Likeness,
    /// Changes since the leaves were arranged.
    changes: usize,
}

/// A branch of the tree.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The best of each number.
    standing: Standing,
    /// The first and the last of its nodes; first > last where there is none.
    nodes: (usize, usize),
}

impl Place {
    const EMPTY: Self = Self { standing: Standing::WORST, nodes: (usize::MAX, 0) };

    fn join(one: &Self, other: &Self) -> Self {
        Self {
            standing: one.standing.best_of(&other.standing),
            nodes: (one.nodes.0.min(other.nodes.0), one.nodes.1.max(other.nodes.1)),
        }
    }
}

impl Tree {
    /// Builds it over `standings`.
    pub(super) fn new(standings: impl ExactSizeIterator<Item = Standing>, likeness: Likeness) -> Self {
        let width = standings.len().next_power_of_two();
        let mut places = vec![Place::EMPTY; 2 * width];
        let leaves = (width..width + standings.len()).collect();
        for (node, standing) in standings.enumerate() {
            places[width + node] = Place { standing, nodes: (node, node) };
        }
        let mut tree = Self { places, leaves, likeness, changes: 0 };
        tree.arrange();
        tree
    }

    /// Changes how a node stands.
    pub(super) fn update(&mut self, node: usize, standing: Standing) {
        let mut at = self.leaves[node];
        self.places[at].standing = standing;
        while at > 1 {
            at /= 2;
            self.places[at] = Place::join(&self.places[2 * at], &self.places[2 * at + 1]);
        }
        self.changes += 1;
        if self.changes >= self.leaves.len() {
            self.arrange();
        }
    }

    /// The node of least `cost` among those in `range` that have room for `ask` and that `admits` takes, and its
    /// cost; among equals the first.
    pub(super) fn best(
        &self,
        range: Range<usize>,
        ask: &Ask,
        cost: impl Fn(&Standing) -> Cost,
        admits: impl Fn(usize) -> bool,
    ) -> Option<(Cost, usize)> {
        let mut search = Search { places: &self.places, range, ask, cost, admits, found: None };
        if let Some(promise) = search.promise(1) {
            search.descend(1, promise);
        }
        search.found
    }

    /// Makes neighbours of nodes that are alike.
    fn arrange(&mut self) {
        let width = self.places.len() / 2;
        split(&mut self.places[width..width + self.leaves.len()], width, 1, self.likeness);
        for (at, place) in self.places.iter().enumerate().skip(width).take(self.leaves.len()) {
            self.leaves[place.nodes.0] = at;
        }
        for at in (1..width).rev() {
            self.places[at] = Place::join(&self.places[2 * at], &self.places[2 * at + 1]);
        }
        self.changes = 0;
    }
}

/// Sorts `leaves` into halves that are more alike, and those again, so that each falls into one of `width` places.
/// `turn` says by which of the second and third number those are halved that have the first one in common.
fn split(leaves: &mut [Place], width: usize, turn: usize, likeness: Likeness) {
    let half = width / 2;
    if half == 0 || leaves.len() < 2 {
        return;
    }
    let first = likeness(&leaves[0].standing)[0];
    let one_kind = leaves.iter().all(|leaf| likeness(&leaf.standing)[0].total_cmp(&first).is_eq());
    let axis = if one_kind { turn } else { 0 };
    if half < leaves.len() {
        leaves.select_nth_unstable_by(half, |one, other| {
            let (one_key, other_key) = (likeness(&one.standing)[axis], likeness(&other.standing)[axis]);
            one_key.total_cmp(&other_key).then(one.nodes.cmp(&other.nodes))
        });
    }
    let (left, right) = leaves.split_at_mut(half.min(leaves.len()));
    let turn = if one_kind { 3 - turn } else { turn };
    split(left, half, turn, likeness);
    split(right, half, turn, likeness);
}

/// One walk through the tree.
struct Search<'a, C, A> {
    places: &'a [Place],
    range: Range<usize>,
    ask: &'a Ask,
    cost: C,
    admits: A,
    found: Option<Promise>,
}

/// The least that a node of a branch can cost, and the first that can be.
type Promise = (Cost, usize);

impl<C: Fn(&Standing) -> Cost, A: Fn(usize) -> bool> Search<'_, C, A> {
    /// Goes through the branch at `at`, the more promising half first.
    fn descend(&mut self, at: usize, promise: Promise) {
        if self.found.is_some_and(|found| found <= promise) {
            return;
        }
        if at >= self.places.len() / 2 {
            if (self.admits)(promise.1) {
                self.found = Some(promise);
            }
            return;
        }
        let halves = [2 * at, 2 * at + 1].map(|half| (half, self.promise(half)));
        let [one, other] = halves;
        let ordered = if other.1 < one.1 { [other, one] } else { [one, other] };
        for (half, promise) in ordered {
            if let Some(promise) = promise {
                self.descend(half, promise);
            }
        }
    }

    /// `None` when no node of the branch at `at` has room.
    fn promise(&self, at: usize) -> Option<Promise> {
        let Place { standing, nodes: (first, last) } = &self.places[at];
        let outside = *first >= self.range.end || *last < self.range.start || first > last;
        if outside || !standing.free.covers(self.ask) {
            return None;
        }
        Some(((self.cost)(standing), *first))
    }
}
