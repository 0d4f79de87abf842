//! `roundrobin`: the next node in turn.

use std::ops::Range;

use super::room::Ask;
use super::tree::Tree;

/// The first of `all` nodes that fits from `next` on, and from the beginning when there is none.
pub(super) fn choose(
    tree: &Tree,
    all: Range<usize>,
    next: usize,
    ask: &Ask,
    admits: impl Fn(usize) -> bool,
) -> Option<usize> {
    let first_fit = |range| tree.best(range, ask, |_| (0.0, 0.0), &admits);
    first_fit(next..all.end).or_else(|| first_fit(all.start..next))
}
