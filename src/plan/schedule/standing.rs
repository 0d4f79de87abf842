//! The numbers of a node by which the schedulers rank it.

use super::epvm::Prices;
use super::room::Free;
use super::{Candidate, binpack};

/// What is compared, smaller first: the rule's own figure, then what breaks its ties.
pub(super) type Cost = (f64, f64);

/// How one node stands. Of several nodes: the best of each number, so that no rule finds any of them better
/// than that. It is this that lets [`super::tree`] leave most nodes unlooked at, and it holds as long as
/// every rule's cost moves one way only with each number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Standing {
    /// What is left; most is best.
    pub(super) free: Free,
    /// Live tasks; fewest is best.
    pub(super) tasks: u32,
    /// Share of its CPU in use; least is best.
    pub(super) busy: f64,
    /// How full it is; most is best.
    pub(super) fullness: binpack::Fullness,
    /// What more of it costs; least is best.
    pub(super) prices: Prices,
}

impl Standing {
    /// Worse than every node.
    pub(super) const WORST: Self = Self {
        free: Free { cpu: 0, memory: 0, disk: 0 },
        tasks: u32::MAX,
        busy: f64::INFINITY,
        fullness: binpack::Fullness::WORST,
        prices: Prices::WORST,
    };

    /// How `node` stands.
    pub(super) fn of(node: &Candidate) -> Self {
        Self {
            free: Free::of(node),
            tasks: node.usage.tasks,
            busy: node.load.cpu,
            fullness: binpack::Fullness::of(node),
            prices: Prices::of(node),
        }
    }

    /// The better of each number.
    pub(super) fn best_of(&self, other: &Self) -> Self {
        Self {
            free: self.free.most(other.free),
            tasks: self.tasks.min(other.tasks),
            busy: self.busy.min(other.busy),
            fullness: self.fullness.most(other.fullness),
            prices: self.prices.best_of(&other.prices),
        }
    }
}

/// The share of a node's CPU that its tasks reserved.
pub(super) fn reserved_cpu(node: &Candidate) -> f64 {
    share(node.usage.cpu, node.cores)
}

/// The share of a node's memory that its tasks reserved.
pub(super) fn reserved_memory(node: &Candidate) -> f64 {
    share(float(node.usage.memory), float(node.memory))
}

/// A part of a whole; of nothing, nothing.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// For shares only: beyond 2^53 the last digits go.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
