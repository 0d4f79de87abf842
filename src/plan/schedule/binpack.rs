//! `binpack`: the fullest node that fits.

use super::standing::{Cost, Standing};

/// The mean share of CPU and memory that is reserved; among equals, as where no task has limits, the number of
/// tasks.
pub(super) fn cost(node: &Standing) -> Cost {
    (-node.fullness, -f64::from(node.crowd))
}
