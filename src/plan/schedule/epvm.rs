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

use super::Candidate;
use super::room::{Ask, nano_cores};
use super::standing::{Cost, Standing, float, reserved_cpu, reserved_memory, share};

/// ln L, where L = 8/(3√3) = 1.539600717839002 is the base at which the paper's competitive ratio is least.
const LN_BASE: f64 = 0.431_523_108_677_671_3;

/// The number of tasks that counts as one full resource.
const FULL_OF_TASKS: f64 = 4.0;

/// What a task adds to the cost of a node.
pub(super) fn cost(node: &Standing, ask: &Ask) -> Cost {
    let Prices { cpu, memory, next_task } = &node.prices;
    (cpu.marginal(float(ask.cpu)) + memory.marginal(float(ask.memory)) + next_task, 0.0)
}

/// What more of a node costs. Of several nodes, the least of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prices {
    cpu: Price,
    memory: Price,
    next_task: f64,
}

impl Prices {
    /// Dearer than every node.
    pub(super) const WORST: Self = Self { cpu: Price::WORST, memory: Price::WORST, next_task: f64::INFINITY };

    /// Of `node`.
    pub(super) fn of(node: &Candidate) -> Self {
        let measured_memory = share(float(node.load.memory), float(node.memory));
        let tasks = f64::from(node.usage.tasks);
        Self {
            cpu: Price::of(reserved_cpu(node).max(node.load.cpu), float(nano_cores(node.cores))),
            memory: Price::of(reserved_memory(node).max(measured_memory), float(node.memory)),
            next_task: power(tasks / FULL_OF_TASKS) * power_less_1(1.0 / FULL_OF_TASKS),
        }
    }

    /// The lower of each.
    pub(super) fn best_of(&self, other: &Self) -> Self {
        Self {
            cpu: self.cpu.best_of(other.cpu),
            memory: self.memory.best_of(other.memory),
            next_task: self.next_task.min(other.next_task),
        }
    }

    /// The three numbers that make two nodes alike.
    pub(super) fn axes(&self) -> [f64; 3] {
        [self.next_task, self.cpu.rate, self.memory.rate]
    }
}

/// What more of one resource costs: L^use · (L^share − 1), the share being `amount / total`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Price {
    /// L^use / total: what the first bit costs. Least is best.
    rate: f64,
    /// All that there is. Most is best: where the same amount is a smaller share, its price rises less.
    total: f64,
}

impl Price {
    const WORST: Self = Self { rate: f64::INFINITY, total: 0.0 };

    fn of(usage: f64, total: f64) -> Self {
        Self { rate: power(usage) / total, total }
    }

    fn best_of(self, other: Self) -> Self {
        Self { rate: self.rate.min(other.rate), total: self.total.max(other.total) }
    }

    fn marginal(self, amount: f64) -> f64 {
        // Where there is nothing, nothing that is asked for fits, and it costs what one likes.
        if amount == 0.0 || self.total == 0.0 {
            return 0.0;
        }
        self.rate * self.total * power_less_1(amount / self.total)
    }
}

fn power(exponent: f64) -> f64 {
    (LN_BASE * exponent).exp()
}

/// L^exponent − 1, exact for small ones too.
fn power_less_1(exponent: f64) -> f64 {
    (LN_BASE * exponent).exp_m1()
}
