//! Services that run by the clock, in JSON: what a user says of when, and the runs that came of it.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::input::ServiceInput;
use crate::model::cron::CronLine;
use crate::model::service::{Cron, Mode, Run as RunRow, Schedule, Service};
use crate::model::time::Timestamp;

/// How a service stands that runs by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CronState {
    /// When the next run is due; RFC 3339. null = never.
    pub next: Option<String>,
    /// Whether runs that come due are left out.
    pub suspended: bool,
    /// Runs that are not over.
    pub running: usize,
    /// The last run; null = there was none.
    pub last: Option<Run>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Run {
    /// From 1: also the slot of its task.
    pub number: u32,
    /// The version of the service that it is of.
    pub version: u64,
    /// When it was due, or was asked for; RFC 3339.
    pub due: String,
    /// "the clock", or who asked for it, in words.
    pub by: String,
    /// "waiting" (for the run before it to end), "running", "succeeded", "failed", "skipped" (left out), "replaced" (by a
    /// later one) or "stopped" (by somebody).
    pub state: String,
    /// UUID of its task; null = it has none.
    #[serde(rename = "TaskID")]
    pub task_id: Option<String>,
    /// When its task was made; RFC 3339, null = it was not.
    pub begun: Option<String>,
    /// When it was over; RFC 3339, null = it is not.
    pub ended: Option<String>,
    /// What its container exited with; null = it did not, or there was none.
    pub exit_code: Option<i64>,
    /// Why it is as it is, in words.
    pub why: String,
}

/// Whether runs should begin by the clock.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PaceInput {
    /// "suspend" or "resume".
    pub action: String,
}

impl CronState {
    /// How a service stands; `None` = it does not run by the clock.
    pub(super) fn of(service: &Service) -> Option<Self> {
        service.wanted().spec.mode.cron()?;
        let schedule = &service.schedule;
        Some(Self {
            next: schedule.next.map(Timestamp::to_rfc3339_nanos),
            suspended: schedule.is_suspended,
            running: schedule.open().count(),
            last: schedule.runs.values().next_back().map(Run::from),
        })
    }
}

impl From<&RunRow> for Run {
    fn from(run: &RunRow) -> Self {
        Self {
            number: run.number,
            version: run.version,
            due: run.due.to_rfc3339_nanos(),
            by: run.by.clone().unwrap_or_else(|| "the clock".to_owned()),
            state: run.state().to_owned(),
            task_id: run.task.map(|task| task.to_string()),
            begun: run.begun.map(Timestamp::to_rfc3339_nanos),
            ended: run.ended.map(Timestamp::to_rfc3339_nanos),
            exit_code: run.exit_code,
            why: run.why.clone(),
        }
    }
}

/// When a service runs next, in words.
pub(super) fn in_words(cron: &Cron, schedule: &Schedule) -> String {
    match schedule.next {
        _ if schedule.is_suspended => format!("{}, suspended: what comes due is left out", cron.line),
        Some(next) => format!("{}, next at {next}", cron.line),
        None => format!("{}, never again", cron.line),
    }
}

impl ServiceInput {
    /// When it runs, every value checked; the error is a sentence that names the field.
    pub(super) fn checked_cron(&self) -> Result<Mode, String> {
        let Some(line) = &self.schedule else {
            return Err("Schedule is missing: a service of the mode cron runs by it, such as \"0 3 * * *\""
                .to_owned());
        };
        CronLine::parse(line, "").map_err(|error| format!("Schedule: {error}"))?;
        let zone = self.time_zone.as_deref().unwrap_or_default();
        let line = CronLine::parse(line, zone).map_err(|error| format!("TimeZone: {error}"))?;
        let (overlap, missed) = (self.overlap.unwrap_or_default(), self.missed.unwrap_or_default());
        Ok(Mode::Cron(Cron { line, overlap, missed }))
    }

    /// Refuses what belongs to a service that runs by the clock, for one of another mode.
    pub(super) fn refuse_cron(&self, mode: &str) -> Result<(), String> {
        let fields = [
            ("Schedule", self.schedule.is_some()),
            ("TimeZone", self.time_zone.is_some()),
            ("Overlap", self.overlap.is_some()),
            ("Missed", self.missed.is_some()),
        ];
        match fields.into_iter().find(|(_, is_given)| *is_given) {
            Some((field, _)) => Err(format!(
                "{field} is given: a service of the mode {mode} has no such field; let Mode be \"cron\""
            )),
            None => Ok(()),
        }
    }
}

/// A cron line as text, once it is seen to be one: what cannot be read at all has a place in the text.
pub(super) fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let line = Option::<String>::deserialize(deserializer)?;
    if let Some(line) = &line {
        CronLine::parse(line, "").map_err(serde::de::Error::custom)?;
    }
    Ok(line)
}
