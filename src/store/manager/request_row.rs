//! An answered request as its table holds it.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::request::Request;
use crate::store::column::{time, word};
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// One row of `requests`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct RequestRow {
    id: String,
    task: String,
    digest: String,
    answer: String,
    at: String,
}

pub(super) const INSERT: Insert =
    Insert { table: "requests", columns: "id, task, digest, answer, at", on_conflict: "" };

impl From<&Request> for RequestRow {
    fn from(request: &Request) -> Self {
        Self {
            id: request.id.to_string(),
            task: request.task.to_string(),
            digest: request.digest.clone(),
            answer: request.answer.clone(),
            at: request.at.to_string(),
        }
    }
}

impl Stored for RequestRow {
    type Item = Request;

    fn decode(self) -> Result<Request, String> {
        Ok(Request {
            id: word("id", &self.id)?,
            task: word("task", &self.task)?,
            digest: self.digest,
            answer: self.answer,
            at: time("at", &self.at)?,
        })
    }
}
