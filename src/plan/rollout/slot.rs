//! One slot of a service: what stands in it, and how far it is on its way.

use super::{Condition, Gate, Instance, Service, Step};
use crate::model::service::Slot;
use crate::model::time::Moment;

/// What stands in a slot.
#[derive(Debug)]
pub(super) struct SlotView<'a> {
    pub(super) slot: &'a Slot,
    /// The task of the wanted version.
    new: Option<&'a Instance>,
    progress: Progress,
    /// The best of the other versions' tasks.
    old: Option<&'a Instance>,
    /// Tasks that are one too many.
    surplus: Vec<&'a Instance>,
    /// Tasks that were asked to stop.
    leaving: usize,
}

/// How far the task of the wanted version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It has to show that it works.
    OnTrial,
    /// It counts.
    Proven,
    /// It does not work.
    Failed,
}

impl<'a> SlotView<'a> {
    pub(super) fn new(
        slot: &'a Slot,
        instances: Vec<&'a Instance>,
        service: &Service<'_>,
        now: Moment,
    ) -> Self {
        let (leaving, mut live): (Vec<_>, Vec<_>) =
            instances.into_iter().partition(|instance| instance.condition == Condition::Leaving);
        // The most useful first; of two of the same use, what began first.
        live.sort_by_key(|instance| {
            (
                uselessness(instance.condition, service.gate),
                Some(instance.version) != service.stable,
                instance.task,
            )
        });
        let (mut new, mut old): (Vec<_>, Vec<_>) =
            live.into_iter().partition(|instance| instance.version == service.wanted && !instance.must_leave);
        let surplus = new.drain(new.len().min(1)..).chain(old.drain(old.len().min(1)..)).collect();
        let (new, old) = (new.pop(), old.pop());
        let progress = new.map_or(Progress::OnTrial, |new| progress(new, service, now));
        Self { slot, new, progress, old, surplus, leaving: leaving.len() }
    }

    /// Stops what is one too many: twins, but none that gets traffic before another does; an old task whose successor
    /// counts; a new one that has failed, but not while the rollout is held, so that somebody can look at it.
    pub(super) fn tidy(&self, gate: Gate) -> Vec<Step> {
        let twins = self
            .surplus
            .iter()
            .filter(|twin| !twin.is_ready() || self.is_ready())
            .map(|twin| Step::Stop { task: twin.task, why: format!("slot {} has another task", self.slot) });
        let replaced = self.old.filter(|_| self.progress == Progress::Proven).zip(self.new);
        let replaced = replaced.map(|(old, new)| Step::Stop {
            task: old.task,
            why: if old.version == new.version {
                "another has taken its place elsewhere".to_owned()
            } else {
                format!("version {} has taken its place", new.version)
            },
        });
        let failed = self.new.filter(|_| self.progress == Progress::Failed && gate != Gate::Held);
        twins.chain(replaced).chain(failed.map(|new| Step::Discard { task: new.task })).collect()
    }

    /// Nothing stands in it, and nothing is leaving it.
    pub(super) fn is_empty(&self) -> bool {
        self.new.is_none() && self.old.is_none() && self.leaving == 0
    }

    /// It is what it should be.
    pub(super) fn is_done(&self) -> bool {
        self.progress == Progress::Proven
            && self.old.is_none()
            && self.surplus.is_empty()
            && self.leaving == 0
    }

    /// Its change has begun and is not over.
    pub(super) fn is_under_way(&self) -> bool {
        !self.is_done() && (self.new.is_some() || self.leaving > 0 || !self.surplus.is_empty())
    }

    /// The task that could make room for one of the wanted version, now.
    pub(super) fn replaceable(&self) -> Option<&'a Instance> {
        self.old.filter(|_| !self.is_under_way())
    }

    /// A task of the wanted version stands in it.
    pub(super) fn has_new(&self) -> bool {
        self.new.is_some()
    }

    /// Its task of the wanted version does not work.
    pub(super) fn has_failed(&self) -> bool {
        self.new.is_some() && self.progress == Progress::Failed
    }

    /// Some task in it gets traffic.
    pub(super) fn is_ready(&self) -> bool {
        self.new.into_iter().chain(self.old).any(Instance::is_ready)
    }
}

fn progress(new: &Instance, service: &Service<'_>, now: Moment) -> Progress {
    if service.is_steady() {
        // It was healthy before: it need not show that again, and what fails is a matter of its restart policy.
        return if new.is_ready() { Progress::Proven } else { Progress::OnTrial };
    }
    let regardless = service.gate == Gate::Regardless;
    match new.condition {
        Condition::Ready(since) if now.since(since) >= service.policy.monitor() => Progress::Proven,
        Condition::Starting(since) if now.since(since) < service.policy.deadline() => Progress::OnTrial,
        Condition::Failed { .. } | Condition::Starting(_) if regardless => Progress::Proven,
        Condition::Failed { .. } | Condition::Starting(_) => Progress::Failed,
        Condition::Ready(_) | Condition::Leaving => Progress::OnTrial,
    }
}

/// How far a task is from being what its slot needs; 0 = it is that.
fn uselessness(condition: Condition, gate: Gate) -> u8 {
    match condition {
        Condition::Ready(_) => 0,
        // What it did before is of no matter then.
        Condition::Failed { is_ready: true } if gate == Gate::Regardless => 0,
        // It may still show that it works.
        Condition::Starting(_) => 1,
        Condition::Failed { is_ready: true } => 2,
        Condition::Failed { is_ready: false } | Condition::Leaving => 3,
    }
}
