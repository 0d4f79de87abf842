//! `binpack`: the fullest node that fits.

use super::Candidate;
use super::standing::{Cost, Standing, reserved_cpu, reserved_memory};

/// The fuller, the less.
pub(super) fn cost(node: &Standing) -> Cost {
    (-node.fullness.reserved, -f64::from(node.fullness.tasks))
}

/// How full a node is. Of several nodes, the most of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fullness {
    /// Mean share of CPU and memory that its tasks reserved.
    pub(super) reserved: f64,
    /// Its tasks: what decides where none has limits.
    tasks: u32,
}

impl Fullness {
    /// Emptier than every node.
    pub(super) const WORST: Self = Self { reserved: 0.0, tasks: 0 };

    /// Of `node`.
    pub(super) fn of(node: &Candidate) -> Self {
        Self { reserved: f64::midpoint(reserved_cpu(node), reserved_memory(node)), tasks: node.usage.tasks }
    }

    /// The larger of each.
    pub(super) fn most(self, other: Self) -> Self {
        Self { reserved: self.reserved.max(other.reserved), tasks: self.tasks.max(other.tasks) }
    }
}
