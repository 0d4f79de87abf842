//! `roundrobin`: the next node in turn.

use std::ops::Range;

use super::room::Ask;
use super::standing::Cost;
use super::tree::Tree;

/// The first of `all` nodes that fits from `next` on, at no cost, and at a cost from the beginning when there is
/// none.
pub(super) fn choose(
    tree: &Tree,
    all: Range<usize>,
    next: usize,
    ask: &Ask,
    admits: impl Fn(usize) -> bool,
) -> Option<(Cost, usize)> {
    let first_fit = |range, cost| tree.best(range, ask, |_| (cost, 0.0), &admits);
    first_fit(next..all.end, 0.0).or_else(|| first_fit(all.start..next, 1.0))
}
