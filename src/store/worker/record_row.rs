//! A worker's record of a task as its table holds it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;

use crate::model::record::{Attempt, Reason, Record, Retry};
use crate::model::state::State;
use crate::model::task::{Assignment, Observed};
use crate::store::column::{checksum, json, optional, ready, text, time, to_json, verify, word};
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// One row of `records`, columns as in its migration; see there for what they mean.
///
/// The checksum is over the JSON of this struct. A later column must be left out of it while it has the value
/// that its migration gives to old rows (`skip_serializing_if`), or these would not match theirs any more.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct RecordRow {
    id: String,
    name: String,
    image: String,
    spec: String,
    desired: String,
    placement: u32,
    created_at: String,
    state: String,
    attempt: u32,
    restarts: u32,
    container: Option<String>,
    host_ports: Option<String>,
    exit_code: Option<i64>,
    health: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_ready: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    observed_seq: u64,
    message: String,
    current_number: Option<u32>,
    current_name: Option<String>,
    current_container: Option<String>,
    current_ran: bool,
    current_ending: Option<String>,
    failures: u32,
    streak: u32,
    retry_at: Option<String>,
    retry_delay_ms: Option<u64>,
    checksum: Option<i64>,
}

/// All of a row is written again: a new placement may bring a new beginning.
pub(super) const UPSERT: Insert = Insert {
    table: "records",
    columns: "\
        id, name, image, spec, desired, placement, created_at, state, attempt, restarts, container, \
        host_ports, exit_code, health, ready, not_ready, \
        started_at, finished_at, observed_seq, message, \
        current_number, current_name, current_container, current_ran, current_ending, failures, \
        streak, retry_at, retry_delay_ms, checksum",
    on_conflict: "\
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, image = excluded.image, spec = \
        excluded.spec, desired = excluded.desired, placement = excluded.placement, created_at = \
        excluded.created_at, state = excluded.state, attempt = excluded.attempt, restarts = \
        excluded.restarts, container = excluded.container, host_ports = excluded.host_ports, \
        exit_code = excluded.exit_code, health = excluded.health, ready = excluded.ready, \
        not_ready = excluded.not_ready, started_at = excluded.started_at, \
        finished_at = excluded.finished_at, observed_seq = excluded.observed_seq, message = \
        excluded.message, current_number = excluded.current_number, current_name = \
        excluded.current_name, current_container = excluded.current_container, current_ran = \
        excluded.current_ran, current_ending = excluded.current_ending, failures = \
        excluded.failures, streak = excluded.streak, retry_at = excluded.retry_at, retry_delay_ms = \
        excluded.retry_delay_ms, checksum = excluded.checksum",
};

impl From<&Record> for RecordRow {
    fn from(record: &Record) -> Self {
        let Record { assignment, observed, attempt, retry, .. } = record;
        let attempt = attempt.as_ref();
        let mut row = Self {
            id: assignment.id.to_string(),
            name: assignment.spec.name.clone(),
            image: assignment.spec.image.clone(),
            spec: to_json(&assignment.spec),
            desired: assignment.desired.word().to_owned(),
            placement: assignment.placement,
            created_at: assignment.created_at.to_string(),
            state: record.state.word().to_owned(),
            attempt: observed.attempt,
            restarts: observed.restarts,
            container: text(observed.container.as_ref()),
            host_ports: observed.host_ports.as_ref().map(to_json),
            exit_code: observed.exit_code,
            health: observed.health.word().to_owned(),
            ready: observed.ready.as_ref().map(|ready| ready.word().to_owned()),
            not_ready: observed.ready.as_ref().and_then(|ready| ready.why_not().map(str::to_owned)),
            started_at: text(observed.started_at.as_ref()),
            finished_at: text(observed.finished_at.as_ref()),
            observed_seq: observed.seq,
            message: record.message.clone(),
            current_number: attempt.map(|attempt| attempt.number),
            current_name: attempt.map(|attempt| attempt.name.clone()),
            current_container: attempt.and_then(|attempt| text(attempt.container.as_ref())),
            current_ran: attempt.is_some_and(|attempt| attempt.ran),
            current_ending: attempt.and_then(|attempt| text(attempt.ending.as_ref())),
            failures: record.failures,
            streak: record.streak,
            retry_at: retry.map(|retry| retry.at.to_string()),
            retry_delay_ms: retry.map(|retry| millis(retry.delay)),
            checksum: None,
        };
        row.checksum = Some(checksum(&row));
        row
    }
}

/// Whole milliseconds; more than SQLite can hold is as much as it can.
fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).min(i64::MAX.cast_unsigned())
}

impl Stored for RecordRow {
    type Item = Record;

    fn decode(mut self) -> Result<Record, String> {
        verify(self.checksum.take(), &self)?;
        let (state, observed) = (word("state", &self.state)?, self.observed()?);
        Ok(Record {
            assignment: self.assignment(state, &observed)?,
            state,
            observed,
            attempt: self.attempt()?,
            failures: self.failures,
            streak: self.streak,
            retry: self.retry()?,
            message: self.message,
        })
    }
}

impl RecordRow {
    /// What the manager knew of the task when it assigned it is not kept: beside a record it means nothing, so
    /// what the record says stands in for it.
    fn assignment(&self, state: State, observed: &Observed) -> Result<Assignment, String> {
        Ok(Assignment {
            id: word("id", &self.id)?,
            spec: Arc::new(json("spec", &self.spec)?),
            desired: word("desired", &self.desired)?,
            placement: self.placement,
            state,
            observed: observed.clone(),
            message: self.message.clone(),
            created_at: time("created_at", &self.created_at)?,
        })
    }

    fn observed(&self) -> Result<Observed, String> {
        Ok(Observed {
            attempt: self.attempt,
            restarts: self.restarts,
            container: optional("container", self.container.as_ref(), word)?,
            host_ports: optional("host_ports", self.host_ports.as_ref(), json)?,
            exit_code: self.exit_code,
            health: word("health", &self.health)?,
            ready: ready(self.ready.as_ref(), self.not_ready.as_ref())?,
            started_at: optional("started_at", self.started_at.as_ref(), time)?,
            finished_at: optional("finished_at", self.finished_at.as_ref(), time)?,
            seq: self.observed_seq,
        })
    }

    fn attempt(&self) -> Result<Option<Attempt>, String> {
        let (Some(number), Some(name)) = (self.current_number, self.current_name.clone()) else {
            return Ok(None);
        };
        Ok(Some(Attempt {
            number,
            name,
            container: optional("current_container", self.current_container.as_ref(), word)?,
            ran: self.current_ran,
            ending: self.current_ending.clone().map(Reason::from),
        }))
    }

    fn retry(&self) -> Result<Option<Retry>, String> {
        let at = optional("retry_at", self.retry_at.as_ref(), time)?;
        let delay = self.retry_delay_ms.map(Duration::from_millis);
        Ok(at.zip(delay).map(|(at, delay)| Retry { at, delay }))
    }
}
