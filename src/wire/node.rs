//! A node in JSON: the book's fields first, then what orc adds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::stats::Stats;
use crate::model::node::{Node as NodeRow, Reserved as ReservedRow};

/// A worker and its engine.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    /// Unique in the cluster.
    pub name: String,
    /// Its address.
    pub ip: String,
    /// URL of its own API.
    pub api: String,
    /// kB in all.
    pub memory: u64,
    /// kB that its live tasks hold.
    pub memory_allocated: u64,
    /// Bytes in all.
    pub disk: u64,
    /// Bytes that its live tasks hold.
    pub disk_allocated: u64,
    /// What `/stats` of the worker showed last; null before it did.
    pub stats: Option<Stats>,
    /// "worker".
    pub role: String,
    /// Its live tasks.
    pub task_count: u32,
    /// Logical processors.
    pub cores: u32,
    /// Cores that its live tasks hold.
    #[serde(rename = "CPUAllocated")]
    pub cpu_allocated: f64,
    /// "ready", "degraded" (its engine does not answer) or "unreachable".
    pub state: String,
    /// "active", "pause" or "drain".
    pub availability: String,
    /// When it was heard of last; RFC 3339.
    pub last_seen: String,
    /// Its labels: those that its worker says, and over them the operator's.
    pub labels: BTreeMap<String, String>,
    /// Version of its Docker Engine.
    pub engine: String,
    /// Version of its orc.
    pub version: String,
    /// Why it is as it is, in words, and how long ago it was heard of.
    pub message: String,
    /// What tasks may not have of it.
    #[serde(default)]
    pub reserved: Reserved,
    /// How many tasks are on their way off it.
    #[serde(default)]
    pub leaving: usize,
    /// The tasks that should leave it and cannot.
    #[serde(default)]
    pub stuck: Vec<Stuck>,
}

/// What an operator keeps of a node for other things than tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Reserved {
    /// Cores.
    #[serde(rename = "CPU")]
    pub cpu: f64,
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    pub disk: u64,
}

impl From<ReservedRow> for Reserved {
    fn from(reserved: ReservedRow) -> Self {
        Self { cpu: reserved.cpu, memory: reserved.memory, disk: reserved.disk }
    }
}

/// A task that should leave its node and cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Stuck {
    /// UUID.
    pub task: String,
    /// Its name.
    pub name: String,
    /// Why it cannot, in words.
    pub why: String,
}

/// What is known of a node beside its row.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// What its live tasks hold.
    pub allocated: Allocated,
    /// What its worker's `/stats` showed last.
    pub stats: Option<Stats>,
    /// Why it is as it is, in words.
    pub message: String,
    /// How many tasks are on their way off it.
    pub leaving: usize,
    /// The tasks that should leave it and cannot.
    pub stuck: Vec<Stuck>,
}

/// What the live tasks of a node hold of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allocated {
    /// Live tasks.
    pub tasks: u32,
    /// Cores.
    pub cpu: f64,
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    pub disk: u64,
}

impl Node {
    /// A node with what is not stored of it.
    pub fn new(node: &NodeRow, standing: Standing) -> Self {
        let Standing { allocated, stats, message, leaving, stuck } = standing;
        Self {
            name: node.name.to_string(),
            ip: node.facts.ip.clone(),
            api: node.facts.api.clone(),
            memory: node.facts.memory / 1024,
            memory_allocated: allocated.memory / 1024,
            disk: node.facts.disk,
            disk_allocated: allocated.disk,
            stats,
            role: "worker".to_owned(),
            task_count: allocated.tasks,
            cores: node.facts.cores,
            cpu_allocated: allocated.cpu,
            state: node.state.word().to_owned(),
            availability: node.availability.word().to_owned(),
            last_seen: node.seen_at.to_rfc3339_nanos(),
            labels: node.labels(),
            engine: node.facts.engine.clone(),
            version: node.facts.version.clone(),
            message,
            reserved: node.reserved.into(),
            leaving,
            stuck,
        }
    }
}
