//! Why a task is where and as it is, in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::task::state_number;
use crate::model::decision::Decision as DecisionRow;
use crate::model::event::Event;
use crate::model::task::Task;

/// How a task came to be where and as it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Why {
    /// UUID of the task.
    pub task: String,
    /// Its name.
    pub name: String,
    /// 0 pending, 1 scheduled, 2 running, 3 completed, -1 failed.
    pub state: i8,
    /// Why it is in this state, in words.
    pub message: String,
    /// Where it is; empty while it waits for a place.
    pub node: String,
    /// Which try it is at, from 1; 0 = none yet.
    pub attempt: u32,
    /// The last ten decisions about its node, oldest first.
    pub decisions: Vec<Decision>,
    /// Its last hundred restarts, oldest first.
    pub restarts: Vec<Restart>,
}

/// One decision about a task's node.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Decision {
    /// When; RFC 3339.
    pub at: String,
    /// The number of the placement that it led to, or where it led to none, of those before.
    pub placement: u32,
    /// Where to; empty = nowhere for then.
    pub node: String,
    /// The outcome in a sentence.
    pub summary: String,
    /// The nodes that fit, best first; on a cluster of more than 64 only the one that was chosen.
    pub fit: Vec<Fit>,
    /// The others, by the reason why they do not.
    pub left_out: Vec<LeftOut>,
}

/// A node that fits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Fit {
    /// Its name.
    pub node: String,
    /// What the task's preferences give it, and what the scheduler goes by.
    pub score: String,
}

/// Nodes that do not fit, for one reason.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct LeftOut {
    /// Such as "lack memory (want 4 GiB, best has 1.2 GiB free)".
    pub reason: String,
    /// How many.
    pub count: usize,
    /// Their names; none on a cluster of more than 64.
    pub nodes: Vec<String>,
}

/// An attempt that ended and was followed by another.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Restart {
    /// When, by the clock of the worker; RFC 3339.
    pub at: String,
    /// Which attempt ended.
    pub attempt: u32,
    /// On which node; empty = not known.
    pub node: String,
    /// How it ended and what followed, in words.
    pub cause: String,
    /// Its exit code, where it had one.
    pub exit_code: Option<i64>,
}

impl Why {
    /// Puts together what is known.
    pub fn new(task: &Task, decisions: &[DecisionRow], restarts: Vec<Restart>) -> Self {
        Self {
            task: task.id.to_string(),
            name: task.spec.name.clone(),
            state: state_number(task.state),
            message: task.message.clone(),
            node: task.node.as_ref().map(ToString::to_string).unwrap_or_default(),
            attempt: task.observed.attempt,
            decisions: decisions.iter().map(Decision::from).collect(),
            restarts,
        }
    }
}

impl From<&DecisionRow> for Decision {
    fn from(decision: &DecisionRow) -> Self {
        let reasoning = &decision.reasoning;
        let fit = reasoning.fit.iter();
        let left_out = reasoning.left_out.iter();
        Self {
            at: decision.at.to_rfc3339_nanos(),
            placement: decision.placement,
            node: decision.node.as_ref().map(ToString::to_string).unwrap_or_default(),
            summary: reasoning.summary.clone(),
            fit: fit.map(|fit| Fit { node: fit.node.to_string(), score: fit.score.clone() }).collect(),
            left_out: left_out
                .map(|out| LeftOut {
                    reason: out.reason.clone(),
                    count: out.count,
                    nodes: out.nodes.iter().map(ToString::to_string).collect(),
                })
                .collect(),
        }
    }
}

impl From<&Event> for Restart {
    fn from(event: &Event) -> Self {
        Self {
            at: event.at.to_rfc3339_nanos(),
            attempt: event.attempt,
            node: event.node.as_ref().map(ToString::to_string).unwrap_or_default(),
            cause: event.message.clone(),
            exit_code: event.exit_code,
        }
    }
}
