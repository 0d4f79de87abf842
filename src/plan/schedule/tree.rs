//! Finds the best of many nodes without looking at most of them.
//!
//! A tournament tree: the leaves are nodes in the order of their names, each inner place holds the best of each
//! number below it. A branch that cannot fit the task, or whose best of everything is no better than a node
//! already found, is left out. What is found is what a look at every node would find.

use std::ops::Range;

use super::room::Ask;
use super::standing::{Cost, Standing};

/// The nodes' standings, by index.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// The root at 1, the children of `n` at `2n` and `2n + 1`, the leaves in the second half.
    places: Vec<Standing>,
}

impl Tree {
    /// Builds it over `leaves`.
    pub(super) fn new(leaves: &[Standing]) -> Self {
        let width = leaves.len().next_power_of_two();
        let mut places = vec![Standing::WORST; 2 * width];
        places[width..width + leaves.len()].copy_from_slice(leaves);
        for at in (1..width).rev() {
            places[at] = places[2 * at].best_of(&places[2 * at + 1]);
        }
        Self { places }
    }

    /// Changes how node `index` stands.
    pub(super) fn update(&mut self, index: usize, change: impl FnOnce(&mut Standing)) {
        let mut at = self.width() + index;
        change(&mut self.places[at]);
        while at > 1 {
            at /= 2;
            self.places[at] = self.places[2 * at].best_of(&self.places[2 * at + 1]);
        }
    }

    /// The node of least `cost` among those in `range` that have room for `ask` and that `admits` takes;
    /// among equals the first.
    pub(super) fn best(
        &self,
        range: Range<usize>,
        ask: &Ask,
        cost: impl Fn(&Standing) -> Cost,
        admits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut search = Search { tree: self, range, ask, cost, admits, found: None };
        search.descend(Branch { at: 1, first: 0, width: self.width() });
        search.found.map(|(_, index)| index)
    }

    fn width(&self) -> usize {
        self.places.len() / 2
    }
}

/// A place in the tree and the leaves below it.
#[derive(Clone, Copy)]
struct Branch {
    at: usize,
    first: usize,
    width: usize,
}

struct Search<'a, C, A> {
    tree: &'a Tree,
    range: Range<usize>,
    ask: &'a Ask,
    cost: C,
    admits: A,
    found: Option<(Cost, usize)>,
}

impl<C: Fn(&Standing) -> Cost, A: Fn(usize) -> bool> Search<'_, C, A> {
    /// Goes through a branch that [`Self::promise`] has not ruled out, the more promising half first.
    fn descend(&mut self, branch: Branch) {
        let Some(promise) = self.promise(branch) else { return };
        if branch.width == 1 {
            if (self.admits)(branch.first) {
                self.found = Some((promise, branch.first));
            }
            return;
        }
        let width = branch.width / 2;
        let left = Branch { at: 2 * branch.at, first: branch.first, width };
        let right = Branch { at: 2 * branch.at + 1, first: branch.first + width, width };
        let places = &self.tree.places;
        if (self.cost)(&places[right.at]) < (self.cost)(&places[left.at]) {
            self.descend(right);
            self.descend(left);
        } else {
            self.descend(left);
            self.descend(right);
        }
    }

    /// The least that any node of `branch` can cost; `None` when none of them can become the one found.
    fn promise(&self, branch: Branch) -> Option<Cost> {
        let outside = branch.first >= self.range.end || branch.first + branch.width <= self.range.start;
        let standing = &self.tree.places[branch.at];
        if outside || !standing.free.covers(self.ask) {
            return None;
        }
        let cost = (self.cost)(standing);
        let better = self.found.is_none_or(|found| (cost, branch.first) < found);
        better.then_some(cost)
    }
}
