//! `greedy`: the least CPU use.

use super::standing::{Cost, Standing};

/// The share of its CPU that a node uses: (Δtotal − Δidle)/Δtotal of /proc/stat over its last interval, and
/// what was placed on it since.
pub(super) fn cost(node: &Standing) -> Cost {
    (node.busy, 0.0)
}
