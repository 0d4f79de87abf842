//! An answered request as its table holds it.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::request::Request;
use crate::store::column::{time, word};
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

/// Takes an array of rows.
pub(super) const INSERT: &str = "
    WITH input AS MATERIALIZED (SELECT value FROM json_each(?))
    INSERT INTO requests (id, task, digest, answer, at)
    SELECT value ->> 'id', value ->> 'task', value ->> 'digest', value ->> 'answer', value ->> 'at'
    FROM input";

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
