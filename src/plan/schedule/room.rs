//! What a task asks of a node, and what a node still has for it.

use super::{Candidate, Usage};
use crate::model::spec::{Protocol, TaskSpec};

/// Cores in the engine's own unit, a thousand millionth. Whole numbers add up exactly, so that ten tasks of
/// 0.1 cores fill one core and not a hair more.
pub(super) type NanoCores = u64;

/// Reads cores; what is no number or below zero is nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` stops at the bounds")]
pub(super) fn nano_cores(cores: f64) -> NanoCores {
    (cores * 1e9).round() as NanoCores
}

/// What a task wants of its node. 0 asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ask {
    /// CPU.
    pub(super) cpu: NanoCores,
    /// Bytes.
    pub(super) memory: u64,
    /// Bytes.
    pub(super) disk: u64,
    /// Host ports that no other task on the node may hold.
    pub(super) ports: Vec<(Protocol, u16)>,
}

impl Ask {
    /// What `spec` wants.
    pub(super) fn of(spec: &TaskSpec) -> Self {
        Self {
            cpu: nano_cores(spec.reserved_cpu()),
            memory: spec.reserved_memory(),
            disk: spec.disk,
            ports: spec.fixed_host_ports().collect(),
        }
    }
}

/// What nobody holds of a node; of several nodes, the most of each that one of them has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Free {
    /// CPU.
    pub(super) cpu: NanoCores,
    /// Bytes.
    pub(super) memory: u64,
    /// Bytes.
    pub(super) disk: u64,
}

impl Free {
    /// What is left of `node`. Only what tasks reserved counts: so that a decision repeats, and the sum of
    /// what was promised never exceeds what there is.
    pub(super) fn of(node: &Candidate) -> Self {
        let Usage { cpu, memory, disk, .. } = node.usage;
        Self {
            cpu: nano_cores(node.cores).saturating_sub(nano_cores(cpu)),
            memory: node.memory.saturating_sub(memory),
            disk: node.disk.saturating_sub(disk),
        }
    }

    /// The larger of each.
    pub(super) fn most(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.max(other.cpu),
            memory: self.memory.max(other.memory),
            disk: self.disk.max(other.disk),
        }
    }

    /// Whether it is enough, but for ports. A node that is over-full still takes what asks for nothing.
    pub(super) fn covers(self, ask: &Ask) -> bool {
        (ask.cpu == 0 || ask.cpu <= self.cpu)
            && (ask.memory == 0 || ask.memory <= self.memory)
            && (ask.disk == 0 || ask.disk <= self.disk)
    }
}

/// The first host port of `ask` that a task on `node` holds.
pub(super) fn taken_port(node: &Candidate, ask: &Ask) -> Option<(Protocol, u16)> {
    ask.ports.iter().copied().find(|port| node.usage.ports.contains(port))
}
