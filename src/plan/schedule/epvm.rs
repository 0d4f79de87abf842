//! `epvm`: the least marginal cost.
//!
//! Amir, Awerbuch, Barak, Borgstrom, Keren, "An Opportunity Cost Approach for Job Assignment in a Scalable
//! Computing Cluster", IEEE TPDS 11(7), 2000: each resource of a node costs L to the power of its use, and a
//! task goes where it adds least:
//!
//! ```text
//! Σ over CPU and memory of  L^(use after) − L^(use before)   +   L^((n+1)/4) − L^(n/4)   for n tasks
//! ```
//!
//! The use of a resource is the larger of what is reserved and what is measured, as shares: a reservation
//! tells what is to come, a measurement what tasks without limits really take.

use super::room::Ask;
use super::standing::{Cost, Standing, float};

/// L: the base at which the paper's competitive ratio is least.
const BASE: f64 = 1.539_600_717_839_002;

/// The number of tasks at which a node counts as full.
const FULL_OF_TASKS: f64 = 4.0;

/// One resource of a node; of several nodes, the best of each number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Resource {
    /// Share in use.
    usage: f64,
    /// L^usage, which each comparison needs.
    price: f64,
    /// All that there is; most is best.
    total: f64,
}

impl Resource {
    /// Worse than every resource.
    pub(super) const WORST: Self = Self { usage: f64::INFINITY, price: f64::INFINITY, total: 0.0 };

    /// A resource of which the share `usage` is in use.
    pub(super) fn new(usage: f64, total: f64) -> Self {
        Self { usage, price: BASE.powf(usage), total }
    }

    /// The share that `amount` is of it; of nothing, nothing.
    pub(super) fn share(self, amount: u64) -> f64 {
        if self.total > 0.0 { float(amount) / self.total } else { 0.0 }
    }

    /// The same with `share` more of it in use.
    pub(super) fn with(self, share: f64) -> Self {
        Self::new(self.usage + share, self.total)
    }

    /// The better of each number.
    pub(super) fn best_of(self, other: Self) -> Self {
        Self {
            usage: self.usage.min(other.usage),
            price: self.price.min(other.price),
            total: self.total.max(other.total),
        }
    }

    /// L^(use + share) − L^use, as L^use · (L^share − 1).
    fn marginal(self, amount: u64) -> f64 {
        if amount == 0 { 0.0 } else { self.price * (BASE.powf(self.share(amount)) - 1.0) }
    }
}

/// What a task adds to the cost of a node.
pub(super) fn cost(node: &Standing, ask: &Ask) -> Cost {
    let crowd = BASE.powf(f64::from(node.tasks) / FULL_OF_TASKS) * (BASE.powf(1.0 / FULL_OF_TASKS) - 1.0);
    (node.cpu.marginal(ask.cpu) + node.memory.marginal(ask.memory) + crowd, 0.0)
}
