//! `spread`: the fewest tasks.

use super::standing::{Cost, Standing};

/// The number of live tasks.
pub(super) fn cost(node: &Standing) -> Cost {
    (f64::from(node.tasks), 0.0)
}
