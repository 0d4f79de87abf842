//! Where a task goes: which nodes it may be on, which of them have room, and which of those is best.
//!
//! [`Pass`] is the way in. `field` keeps apart who matches a task's constraints and how its preferences like
//! them, `room` who has room, `kin` who has a task beside which it may not be, `volumes` who has its data. Each scheduler is one function in a file of its own: what a node costs. To add one:
//! such a file, a word in [`crate::model::node::SchedulerKind`], a line in `Pass::choose`.

mod account;
mod amount;
mod better;
mod binpack;
mod epvm;
mod explain;
mod field;
mod greedy;
mod kept;
mod kin;
mod matching;
mod nodes;
mod pass;
mod points;
mod room;
mod roundrobin;
mod spread;
mod standing;
mod tree;
mod volumes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::id::NodeName;
use crate::model::node::{Availability, NodeLoad, NodeState};
use crate::model::spec::{Protocol, TaskSpec};

pub use better::Better;
pub use explain::Unplaceable;
pub use kin::Kin;
pub use matching::admits;
pub use pass::{Pass, Placed};
pub use volumes::Volumes;

/// What the live tasks of a node hold of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    /// Live tasks.
    pub tasks: u32,
    /// Cores.
    pub cpu: f64,
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    pub disk: u64,
    /// Fixed host ports.
    pub ports: BTreeSet<(Protocol, u16)>,
    /// Their labels.
    pub kin: Kin,
    /// Their named volumes.
    pub volumes: Volumes,
}

impl Usage {
    /// Counts a task in.
    pub fn add(&mut self, spec: &TaskSpec) {
        self.tasks += 1;
        self.cpu += spec.reserved_cpu();
        self.memory += spec.reserved_memory();
        self.disk += spec.disk;
        self.ports.extend(spec.fixed_host_ports());
        self.kin.add(spec);
        self.volumes.add(spec);
    }

    /// Counts a task out.
    pub fn remove(&mut self, spec: &TaskSpec) {
        self.tasks = self.tasks.saturating_sub(1);
        self.cpu = (self.cpu - spec.reserved_cpu()).max(0.0);
        self.memory = self.memory.saturating_sub(spec.reserved_memory());
        self.disk = self.disk.saturating_sub(spec.disk);
        for port in spec.fixed_host_ports() {
            self.ports.remove(&port);
        }
        self.kin.remove(spec);
        self.volumes.remove(spec);
        if self.tasks == 0 {
            // What rounding left behind must not grow over the years.
            self.cpu = 0.0;
        }
    }
}

/// What a task that reserves no CPU is taken to add to the CPU use of its node until that is measured: a
/// hundredth. Without it, `greedy` would put all that it places at one time on one node.
const UNLIMITED_STEP: f64 = 0.01;

/// What constraints can ask of a node beside what placement counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// Its address.
    pub ip: String,
    /// Version of its Docker Engine; empty = not known.
    pub engine: String,
    /// Version of its orc; empty = not known.
    pub version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The named volumes that its engine has.
    pub volumes: BTreeSet<String>,
}

/// A node as placement sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name: the last tie-breaker, so that decisions repeat.
    pub name: NodeName,
    /// Whether it is heard of.
    pub state: NodeState,
    /// What the operator lets it do.
    pub availability: Availability,
    /// Cores in all.
    pub cores: f64,
    /// Bytes in all.
    pub memory: u64,
    /// Bytes in all.
    pub disk: u64,
    /// How loaded its machine is.
    pub load: NodeLoad,
    /// What its live tasks hold.
    pub usage: Usage,
    /// What else constraints can ask for.
    pub description: Arc<Description>,
}

impl Candidate {
    /// Counts a task in: what it holds, and what it is taken to use until its node is measured again.
    fn place(&mut self, spec: &TaskSpec) {
        self.usage.add(spec);
        let cpu = spec.reserved_cpu();
        self.load.cpu += if cpu > 0.0 { cpu / self.cores } else { UNLIMITED_STEP };
        self.load.memory += spec.reserved_memory();
    }
}
