//! The numbers of a node by which the schedulers rank it.

use super::room::{Ask, Free};
use super::{Candidate, epvm, greedy};

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
    /// Mean share of CPU and memory that is reserved; most is best, to `binpack`.
    pub(super) fullness: f64,
    /// Live tasks, as a tie-breaker of `binpack`; most is best.
    pub(super) crowd: u32,
    /// E-PVM's view of its CPU.
    pub(super) cpu: epvm::Resource,
    /// E-PVM's view of its memory.
    pub(super) memory: epvm::Resource,
}

impl Standing {
    /// Worse than every node.
    pub(super) const WORST: Self = Self {
        free: Free { cpu: 0, memory: 0, disk: 0 },
        tasks: u32::MAX,
        busy: f64::INFINITY,
        fullness: 0.0,
        crowd: 0,
        cpu: epvm::Resource::WORST,
        memory: epvm::Resource::WORST,
    };

    /// How `node` stands before anything is placed on it.
    pub(super) fn of(node: &Candidate) -> Self {
        let used_memory = share(float(node.load.memory), float(node.memory));
        Self {
            free: Free::of(node),
            tasks: node.usage.tasks,
            busy: node.load.cpu,
            fullness: f64::midpoint(reserved_cpu(node), reserved_memory(node)),
            crowd: node.usage.tasks,
            cpu: epvm::Resource::new(reserved_cpu(node).max(node.load.cpu), node.cores * 1e9),
            memory: epvm::Resource::new(reserved_memory(node).max(used_memory), float(node.memory)),
        }
    }

    /// Adds what `ask` brings; `node` has counted it in already. What was measured before knows nothing of it.
    pub(super) fn place(&mut self, ask: &Ask, node: &Candidate) {
        let cpu = self.cpu.share(ask.cpu);
        let memory = self.memory.share(ask.memory);
        *self = Self {
            busy: self.busy + if ask.cpu == 0 { greedy::UNLIMITED_STEP } else { cpu },
            cpu: self.cpu.with(cpu),
            memory: self.memory.with(memory),
            ..Self::of(node)
        };
    }

    /// The better of each number.
    pub(super) fn best_of(&self, other: &Self) -> Self {
        Self {
            free: self.free.most(other.free),
            tasks: self.tasks.min(other.tasks),
            busy: self.busy.min(other.busy),
            fullness: self.fullness.max(other.fullness),
            crowd: self.crowd.max(other.crowd),
            cpu: self.cpu.best_of(other.cpu),
            memory: self.memory.best_of(other.memory),
        }
    }
}

fn reserved_cpu(node: &Candidate) -> f64 {
    share(node.usage.cpu, node.cores)
}

fn reserved_memory(node: &Candidate) -> f64 {
    share(float(node.usage.memory), float(node.memory))
}

/// A part of a whole; of nothing, nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// For shares only: beyond 2^53 the last digits go.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
