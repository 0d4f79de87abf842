//! What a worker has to tell: to its manager in bundles, to people as tasks.

use super::Bundle;
use super::keeper::Keeper;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::model::id::NodeName;
use crate::model::task::Task;
use crate::model::time::Now;
use crate::plan::host::Slot;
use crate::wire::sync::{Known, NumberedEvent};

/// The most reports, and the most events, that go out together.
const BUNDLE: usize = 300;

impl<E: Engine> Keeper<E> {
    /// Answers those who asked what there is to tell: after it was decided, and written if it could be.
    pub(super) async fn answer(&mut self) {
        for reply in std::mem::take(&mut self.asked) {
            // Whoever asked may have gone.
            let _ = reply.send(self.bundle().await);
        }
    }

    /// What the manager has not taken in yet. What could not be written is not told: after a crash it would not
    /// have happened, and what happened instead would count for less.
    async fn bundle(&self) -> Bundle {
        let written = self.untold.keys().filter(|id| !self.dirty.records.contains(id));
        let slots = written.filter_map(|id| self.host.slot(*id)).take(BUNDLE);
        let now = Clock.now().moment;
        let reports = slots.map(|slot| slot.report(now)).collect();
        let limit = u32::try_from(BUNDLE).unwrap_or(u32::MAX);
        let events = match self.reader.events_after(self.events_told, limit).await {
            Ok(page) => page.items,
            Err(error) => {
                tracing::warn!("this worker's events cannot be read, and are told later: {error}");
                Vec::new()
            }
        };
        let known = self.host.cluster.zip(self.host.revision);
        Bundle {
            known: known.map(|(cluster, revision)| Known {
                cluster,
                epoch: self.host.epoch,
                revision,
                start: self.host.manager_start,
            }),
            engine_trouble: self.host.engine_trouble().map(ToOwned::to_owned),
            leftovers: self.host.leftovers(),
            reports,
            events: events
                .into_iter()
                .map(|event| NumberedEvent { seq: event.seq, event: event.event })
                .collect(),
            live: self.host.slots().filter(|slot| !slot.record.state.is_final()).count(),
        }
    }
}

/// A task as people see it.
pub(super) fn view(slot: &Slot, node: &NodeName, now: Now) -> Task {
    let record = &slot.record;
    let observed = &record.observed;
    let times = [observed.started_at, observed.finished_at].into_iter().flatten();
    Task {
        membership: None,
        seq: 0,
        id: record.assignment.id,
        spec: record.assignment.spec.clone(),
        pinned: None,
        desired: record.assignment.desired,
        node: Some(node.clone()),
        placement: record.assignment.placement,
        predecessor: None,
        moved_at: None,
        ended: None,
        ready_since: None,
        ready_at: slot.ready_since().map(|since| now.wall.before(now.moment.since(since))),
        revision: 0,
        state: record.state,
        observed: observed.clone(),
        message: record.message.clone(),
        created_at: record.assignment.created_at,
        updated_at: times.fold(record.assignment.created_at, Ord::max),
    }
}
