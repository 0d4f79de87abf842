//! A decision about a task's node as its table holds it.

use std::sync::Arc;

use serde::Serialize;
use sqlx::FromRow;

use crate::model::decision::Decision;
use crate::store::column::{json, optional, text, time, to_json, word};
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// One row of `decisions`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct DecisionRow {
    task: String,
    placement: u32,
    at: String,
    node: Option<String>,
    reasoning: String,
}

pub(super) const INSERT: Insert =
    Insert { table: "decisions", columns: "task, placement, at, node, reasoning", on_conflict: "" };

impl From<&Decision> for DecisionRow {
    fn from(decision: &Decision) -> Self {
        Self {
            task: decision.task.to_string(),
            placement: decision.placement,
            at: decision.at.to_string(),
            node: text(decision.node.as_ref()),
            reasoning: to_json(&decision.reasoning),
        }
    }
}

impl Stored for DecisionRow {
    type Item = Decision;

    fn decode(self) -> Result<Decision, String> {
        Ok(Decision {
            task: word("task", &self.task)?,
            placement: self.placement,
            at: time("at", &self.at)?,
            node: optional("node", self.node.as_ref(), word)?,
            reasoning: Arc::new(json("reasoning", &self.reasoning)?),
        })
    }
}
