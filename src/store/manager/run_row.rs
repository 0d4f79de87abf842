//! A run of a service by the clock as its table holds it.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::service::{Run, ServiceName};
use crate::store::column::{checksum, optional, text, time, verify, word};
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// One row of `service_runs`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct RunRow {
    service: String,
    run: u32,
    version: u64,
    due_at: String,
    asked_by: Option<String>,
    request: Option<String>,
    task: Option<String>,
    begun_at: Option<String>,
    ended_at: Option<String>,
    outcome: Option<String>,
    exit_code: Option<i64>,
    why: String,
    checksum: Option<i64>,
}

/// What never changes of a run is not written again.
pub(super) const UPSERT: Insert = Insert {
    table: "service_runs",
    columns: "\
        service, run, version, due_at, asked_by, request, task, begun_at, ended_at, outcome, exit_code, why, checksum",
    on_conflict: "\
        ON CONFLICT (service, run) DO UPDATE SET version = excluded.version, task = excluded.task, begun_at = \
        excluded.begun_at, ended_at = excluded.ended_at, outcome = excluded.outcome, exit_code = \
        excluded.exit_code, why = excluded.why, checksum = excluded.checksum",
};

impl RunRow {
    pub(super) fn new(service: &ServiceName, run: &Run) -> Self {
        let mut row = Self {
            service: service.to_string(),
            run: run.number,
            version: run.version,
            due_at: run.due.to_string(),
            asked_by: run.by.clone(),
            request: text(run.request.as_ref()),
            task: text(run.task.as_ref()),
            begun_at: text(run.begun.as_ref()),
            ended_at: text(run.ended.as_ref()),
            outcome: run.outcome.map(|outcome| outcome.word().to_owned()),
            exit_code: run.exit_code,
            why: run.why.clone(),
            checksum: None,
        };
        row.checksum = Some(checksum(&row));
        row
    }
}

impl Stored for RunRow {
    type Item = (ServiceName, Run);

    fn decode(mut self) -> Result<(ServiceName, Run), String> {
        verify(self.checksum.take(), &self)?;
        let run = Run {
            number: self.run,
            version: self.version,
            due: time("due_at", &self.due_at)?,
            by: self.asked_by,
            request: optional("request", self.request.as_ref(), word)?,
            task: optional("task", self.task.as_ref(), word)?,
            begun: optional("begun_at", self.begun_at.as_ref(), time)?,
            ended: optional("ended_at", self.ended_at.as_ref(), time)?,
            outcome: optional("outcome", self.outcome.as_ref(), word)?,
            exit_code: self.exit_code,
            why: self.why,
        };
        Ok((word("service", &self.service)?, run))
    }
}
