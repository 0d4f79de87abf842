//! Why a task is where it is, or nowhere, as it was decided at one time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{NodeName, TaskId};
use super::time::Timestamp;

/// One decision about where a task goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Which task.
    pub task: TaskId,
    /// The placement that it led to, or where it led to none, the number of those before.
    pub placement: u32,
    /// When.
    pub at: Timestamp,
    /// Where to; `None` = nowhere for now.
    pub node: Option<NodeName>,
    /// Why.
    pub reasoning: Arc<Reasoning>,
}

/// What was weighed, in words: small, because it is kept for every task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reasoning {
    /// The outcome in a sentence.
    pub summary: String,
    /// The nodes that fit, best first. On a large cluster only the one that was chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fit: Vec<Fit>,
    /// Why the others were left out. On a large cluster only those for which that is known without a look at
    /// each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

impl Reasoning {
    /// A cluster of more nodes is large: what is written down of a decision stays below some thousand bytes, and a
    /// decision about one task does not look at every node.
    pub const MOST_NODES: usize = 64;
}

/// A node that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Fit {
    /// Which one.
    pub node: NodeName,
    /// How the task's preferences and the scheduler's rule saw it, in words.
    pub score: String,
}

/// Nodes that do not fit, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LeftOut {
    /// Why, in words.
    pub reason: String,
    /// How many there are.
    pub count: usize,
    /// Which ones; on a large cluster none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeName>,
}
