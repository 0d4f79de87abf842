//! An event as both databases hold it, before each adds where it is from.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::event::Event;
use crate::store::column::{optional, text, time, word};

/// The columns of `events` that manager and worker share.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct EventRow {
    at: String,
    task: Option<String>,
    task_name: String,
    node: Option<String>,
    attempt: u32,
    kind: String,
    exit_code: Option<i64>,
    message: String,
}

impl EventRow {
    /// `task_name` is for people: the task may be gone when they read.
    pub(super) fn new(event: &Event, task_name: &str) -> Self {
        Self {
            at: event.at.to_string(),
            task: text(event.task.as_ref()),
            task_name: task_name.to_owned(),
            node: text(event.node.as_ref()),
            attempt: event.attempt,
            kind: event.kind.word().to_owned(),
            exit_code: event.exit_code,
            message: event.message.clone(),
        }
    }

    /// The event and the name of its task.
    pub(super) fn decode(self) -> Result<(Event, String), String> {
        let event = Event {
            at: time("at", &self.at)?,
            task: optional("task", self.task.as_ref(), word)?,
            node: optional("node", self.node.as_ref(), word)?,
            attempt: self.attempt,
            kind: word("kind", &self.kind)?,
            exit_code: self.exit_code,
            message: self.message,
        };
        Ok((event, self.task_name))
    }
}
