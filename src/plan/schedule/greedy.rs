//! `greedy`: the least CPU use.

use super::standing::{Cost, Standing};

/// What a task without a CPU limit is taken to add to its node until that is measured: a hundredth of its CPU.
/// Without it, all that is placed in one pass would go to one node.
pub(super) const UNLIMITED_STEP: f64 = 0.01;

/// The share of its CPU that a node uses: (Δtotal − Δidle)/Δtotal of /proc/stat over its last interval, plus
/// what this pass has placed on it, of which that interval knows nothing yet.
pub(super) fn cost(node: &Standing) -> Cost {
    (node.busy, 0.0)
}
