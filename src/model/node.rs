//! A worker and its engine, as the manager knows it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{InstanceId, NodeName};
use super::time::Timestamp;

/// What a worker says of the machine it is on. Changes rarely.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeFacts {
    /// Its address, for people: the manager never dials it.
    pub ip: String,
    /// URL of its own API, for people.
    pub api: String,
    /// Logical processors.
    pub cores: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of disk on `/`.
    pub disk: u64,
    /// Version of its Docker Engine; empty while that does not answer.
    pub engine: String,
    /// Version of its orc.
    pub version: String,
    /// The operator's labels.
    pub labels: BTreeMap<String, String>,
    /// The named volumes that its engine keeps; `None` = they are as was said before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<BTreeSet<String>>,
}

impl NodeFacts {
    /// These, after `former` ones.
    pub fn over(&self, former: &Self) -> Cow<'_, Self> {
        if self.volumes.is_some() || former.volumes.is_none() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self { volumes: former.volumes.clone(), ..self.clone() })
    }
}

/// How loaded a node is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeLoad {
    /// Share of all its cores in use over the last interval, 0 to 1: (Δtotal − Δidle)/Δtotal of /proc/stat.
    pub cpu: f64,
    /// Bytes of memory in use: total − available.
    pub memory: u64,
    /// Bytes of disk in use on `/`.
    pub disk: u64,
}

/// One process of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Life {
    /// Its own.
    pub instance: InstanceId,
    /// When its database was made, by the worker's clock: what tells it from one that was lost.
    pub database: Timestamp,
    /// How often a worker was started on that: what an earlier one said may arrive later.
    pub starts: u64,
}

/// Whether the manager hears of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Heard within its lease, and its engine answers.
    Ready,
    /// Heard within its lease, but its engine does not answer.
    Degraded,
    /// Not heard for its lease: what runs there is unknown.
    Unreachable,
}

impl NodeState {
    /// The word in the database and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the operator lets a node do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// Takes tasks.
    #[default]
    Active,
    /// Takes nothing new.
    Pause,
    /// Takes nothing new; what it has moves away.
    Drain,
}

impl Availability {
    /// Every availability.
    pub const ALL: [Self; 3] = [Self::Active, Self::Pause, Self::Drain];

    /// The word in the database and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pause => "pause",
            Self::Drain => "drain",
        }
    }
}

impl FromStr for Availability {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|known| known.word() == word)
            .ok_or_else(|| format!("{word:?} is no availability: active, pause and drain are"))
    }
}

/// A node as the manager's store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique in the cluster.
    pub name: NodeName,
    /// What its worker said of itself last.
    pub facts: NodeFacts,
    /// Whether it is heard of.
    pub state: NodeState,
    /// Written by the operator alone.
    pub availability: Availability,
    /// The operator's labels: they win over those that its worker says. Written by the operator alone.
    pub labels: BTreeMap<String, String>,
    /// What tasks may not have of it. Written by the operator alone.
    pub reserved: Reserved,
    /// Why it is as it is, in words.
    pub message: String,
    /// When it was first heard of.
    pub joined_at: Timestamp,
    /// When it was heard of last; written down now and then, not at every heartbeat.
    pub seen_at: Timestamp,
    /// The number of its worker's last event that is in the store.
    pub events_seen: u64,
    /// The longest lease that its worker may go by: what an earlier life of the manager gave counts until the worker
    /// has taken in an answer of this one.
    pub lease: Duration,
}

impl Node {
    /// Its labels, which constraints ask for: those that its worker says, and over them the operator's.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.facts
            .labels
            .iter()
            .chain(&self.labels)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// What an operator keeps of a node for other things than tasks.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Reserved {
    /// Cores.
    #[serde(rename = "CPU")]
    pub cpu: f64,
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    pub disk: u64,
}

/// Where tasks go: the setting `ORC_SCHEDULER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SchedulerKind {
    /// The next node in turn.
    #[default]
    Roundrobin,
    /// The least CPU use.
    Greedy,
    /// The least marginal cost (E-PVM).
    Epvm,
    /// The fewest tasks.
    Spread,
    /// The fullest that fits.
    Binpack,
}

impl SchedulerKind {
    /// Every scheduler.
    pub const ALL: [Self; 5] = [Self::Roundrobin, Self::Greedy, Self::Epvm, Self::Spread, Self::Binpack];

    /// The word in settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Roundrobin => "roundrobin",
            Self::Greedy => "greedy",
            Self::Epvm => "epvm",
            Self::Spread => "spread",
            Self::Binpack => "binpack",
        }
    }
}

impl FromStr for SchedulerKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|known| known.word() == word).ok_or_else(|| {
            format!("{word:?} is no scheduler: roundrobin, greedy, epvm, spread and binpack are")
        })
    }
}
