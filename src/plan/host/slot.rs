//! One task on a worker: how its slot begins, and what its manager is told of it.

use super::Slot;
use super::health::Watch;
use crate::model::id::TaskId;
use crate::model::probe::Probes;
use crate::model::record::Record;
use crate::model::state::Ready;
use crate::model::task::Report;
use crate::model::time::{Moment, Now};

impl Slot {
    pub(super) fn new(record: Record) -> Self {
        Self {
            fingerprint: record.assignment.spec.fingerprint(),
            probes: Probes::of(&record.assignment.spec),
            record,
            retry_at: None,
            image_wanted: None,
            name_clash: false,
            plain_name_taken: false,
            gone: None,
            refused: None,
            troubles: 0,
            quiet_until: None,
            watch: Watch::default(),
            ready_since: None,
        }
    }

    pub(super) fn restore(record: Record, now: Now) -> Self {
        let left = record.retry.map(|retry| now.wall.until(retry.at).min(retry.delay));
        // For how long it was ready before, this process cannot know.
        let ready_since = Some(now.moment).filter(|_| record.observed.ready == Some(Ready::Yes));
        Self { retry_at: left.map(|left| now.moment + left), ready_since, ..Self::new(record) }
    }

    /// What its manager is told of it.
    pub fn report(&self, now: Moment) -> Report {
        let Record { assignment, state, observed, message, .. } = &self.record;
        let ready_for = self.ready_since.map(|since| now.since(since).as_millis());
        Report {
            task: assignment.id,
            placement: assignment.placement,
            state: *state,
            observed: observed.clone(),
            ready_for_ms: ready_for.map(|millis| u64::try_from(millis).unwrap_or(u64::MAX)),
            message: message.clone(),
        }
    }

    /// Since when it has been ready without a break, as far as this process knows; `None` = it is not.
    pub fn ready_since(&self) -> Option<Moment> {
        self.ready_since
    }

    /// Its task.
    pub fn id(&self) -> TaskId {
        self.record.assignment.id
    }

    /// Notes whether it is ready, and since when.
    pub(super) fn set_ready(&mut self, ready: Option<Ready>, now: Moment) {
        let is_ready = ready == Some(Ready::Yes);
        self.ready_since = self.ready_since.or(Some(now)).filter(|_| is_ready);
        self.record.observed.ready = ready;
    }
}
