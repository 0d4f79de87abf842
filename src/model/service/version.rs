//! What a version of a service asks for, and who made it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::policy::{Order, UpdatePolicy};
use super::port::ServicePort;
use crate::model::cron::{CronLine, Missed, Overlap};
use crate::model::fingerprint::fingerprint;
use crate::model::port::Port;
use crate::model::spec::{Failover, TaskSpec};
use crate::model::time::Timestamp;

/// One version of a service. Never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// From 1.
    pub number: u64,
    /// The first version whose tasks were as those of this one: tasks of either need not be replaced.
    pub template: u64,
    /// What it asks for.
    pub spec: ServiceSpec,
    /// [`ServiceSpec::digest`] of that.
    pub digest: String,
    /// The version that it brings back, if it does.
    pub restores: Option<u64>,
    /// Who made it, in words.
    pub by: String,
    /// Why, in words.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

impl Version {
    /// A version, as it is made.
    pub fn new(number: u64, template: u64, change: NewVersion) -> Self {
        let NewVersion { spec, restores, by, why, at } = change;
        Self { number, template, digest: spec.digest(), spec, restores, by, why, at }
    }
}

/// What makes a version of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// What it asks for.
    pub spec: ServiceSpec,
    /// The version that it brings back, if it does.
    pub restores: Option<u64>,
    /// Who makes it, in words.
    pub by: String,
    /// Why, in words.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// What a version of a service asks for. Its JSON is what the database keeps, so a field once stored must be readable for
/// ever: every later field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceSpec {
    /// How many tasks, and of what kind.
    pub mode: Mode,
    /// What each of them is. Its name is the service's.
    pub task: Arc<TaskSpec>,
    /// The way to this version.
    #[serde(default)]
    pub update: UpdatePolicy,
    /// The way to this version when it is brought back.
    #[serde(default)]
    pub rollback: UpdatePolicy,
    /// Ports that stay, whatever its tasks do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// For people and tools; containers do not have them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl ServiceSpec {
    /// SHA-256 of all by which its tasks are made, in hexadecimal: tasks of equal ones need not be replaced.
    pub fn digest(&self) -> String {
        let mut targets: Vec<Port> = self.ports.iter().map(|port| port.target).collect();
        targets.sort_unstable();
        if targets.is_empty() { fingerprint(&self.task) } else { fingerprint(&(&self.task, targets)) }
    }

    /// Which comes first in a slot, where nobody said so: what two tasks of it cannot share, or what may run only once, is
    /// stopped first.
    pub fn order(&self, policy: &UpdatePolicy) -> Order {
        let shares =
            self.task.fixed_host_ports().next().is_none() && self.task.failover == Failover::Available;
        policy.order.unwrap_or(if shares { Order::StartFirst } else { Order::StopFirst })
    }
}

/// How many tasks a service has, and of what kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "it stands once in each specification, which is larger by far")]
pub enum Mode {
    /// So many, wherever there is room.
    Replicated(u32),
    /// One on every node that fits.
    Global,
    /// Each runs to its end, once.
    Job(Job),
    /// Each run is one of them, and begins when it is due.
    Cron(Cron),
}

impl Mode {
    /// Its word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Replicated(_) => "replicated",
            Self::Global => "global",
            Self::Job(_) => "job",
            Self::Cron(_) => "cron",
        }
    }

    /// When it runs, if it runs by the clock.
    pub const fn cron(&self) -> Option<&Cron> {
        match self {
            Self::Cron(cron) => Some(cron),
            Self::Replicated(_) | Self::Global | Self::Job(_) => None,
        }
    }
}

/// Tasks that run to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Job {
    /// So many have to exit with 0.
    pub completions: u32,
    /// So many run at a time, at most; 0 = all.
    pub parallelism: u32,
}

/// Runs that begin by the clock, each a task that runs to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cron {
    /// When.
    #[serde(flatten)]
    pub line: CronLine,
    /// What becomes of a run whose predecessor still runs.
    #[serde(default)]
    pub overlap: Overlap,
    /// What becomes of runs that were due while nobody looked.
    #[serde(default)]
    pub missed: Missed,
}
