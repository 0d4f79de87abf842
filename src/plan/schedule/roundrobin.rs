//! `roundrobin`: the next node in turn.

use super::room::Ask;
use super::tree::Tree;

/// The first of `nodes` nodes that fits from `next` on, and from the beginning when there is none.
pub(super) fn choose(
    tree: &Tree,
    nodes: usize,
    next: usize,
    ask: &Ask,
    admits: impl Fn(usize) -> bool,
) -> Option<usize> {
    let first_fit = |range| tree.best(range, ask, |_| (0.0, 0.0), &admits);
    first_fit(next..nodes).or_else(|| first_fit(0..next))
}
