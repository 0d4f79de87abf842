//! A line of history in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::event::Event as EventRow;
use crate::model::service::ServiceName;

/// One line of history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// Its number: what `Last-Event-ID` and `since` name.
    pub seq: u64,
    /// When, by the clock of whoever saw it; RFC 3339.
    pub at: String,
    /// "manager", or the worker that saw it.
    pub source: String,
    /// UUID of the task that it is about; null for a node's.
    #[serde(rename = "TaskID")]
    pub task_id: Option<String>,
    /// That task's name.
    pub task_name: String,
    /// The service that it is about, or that its task belongs to; left out when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The node that it is about; null when there is none.
    pub node: Option<String>,
    /// The attempt that it is about; 0 = none.
    pub attempt: u32,
    /// One word: "submitted", "placed", "started", "restarting", "completed", "failed" …
    pub kind: String,
    /// The exit code that it reports.
    pub exit_code: Option<i64>,
    /// A sentence.
    pub message: String,
}

impl Event {
    /// An event under its number.
    pub fn new(seq: u64, source: &str, task_name: &str, event: &EventRow) -> Self {
        Self {
            seq,
            at: event.at.to_rfc3339_nanos(),
            source: source.to_owned(),
            task_id: event.task.map(|task| task.to_string()),
            task_name: task_name.to_owned(),
            service: None,
            node: event.node.as_ref().map(ToString::to_string),
            attempt: event.attempt,
            kind: event.kind.word().to_owned(),
            exit_code: event.exit_code,
            message: event.message.clone(),
        }
    }

    /// One that is about a service, or a task of it.
    #[must_use = "this is another one"]
    pub fn of(self, service: Option<&ServiceName>) -> Self {
        Self { service: service.map(ToString::to_string), ..self }
    }
}
