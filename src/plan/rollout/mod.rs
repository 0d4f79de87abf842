//! How a service becomes what it should be: which of its tasks to start and to stop next.
//!
//! [`decide`] looks at each slot for itself and lets no more of them change at a time than the policy says. It remembers
//! nothing: asked again after any crash, it goes on where things are. What is steady and what changes is not told apart:
//! a service whose tasks all have the wanted version is a rollout with nothing left to do.

mod slot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::slot::SlotView;
use crate::model::id::TaskId;
use crate::model::service::{Order, Progress, Slot, UpdatePolicy};
use crate::model::time::Moment;

/// A service as it is, and as it should be.
#[derive(Debug, Clone)]
pub struct Service<'a> {
    /// Of the way to the wanted version, back or forth.
    pub policy: &'a UpdatePolicy,
    /// Which comes first in a slot.
    pub order: Order,
    /// Those that it should have.
    pub slots: &'a BTreeSet<Slot>,
    /// The version that is wanted.
    pub wanted: u64,
    /// The last version that was healthy in every slot: it comes where the wanted one may not come yet. `None` = none was.
    pub stable: Option<u64>,
    /// How far the wanted version may go.
    pub gate: Gate,
    /// New tasks that have failed on this way and are no more.
    pub failures: u32,
    /// When a slot became what it should be last, on this way.
    pub last_done: Option<Moment>,
    /// Its tasks that live, and those of the wanted version that have failed.
    pub instances: &'a [Instance],
}

/// How far a version may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Into every slot.
    Open,
    /// Into so many, until somebody promotes it.
    Canary(u32),
    /// No further: somebody, or a failure, holds it.
    Held,
    /// Into every slot, whatever fails there.
    Regardless,
}

/// A task of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Which.
    pub task: TaskId,
    /// Where it stands.
    pub slot: Slot,
    /// Of which version of the specification.
    pub version: u64,
    /// Whether it has to leave where it is: one of the wanted version takes its place, as that of another version.
    pub must_leave: bool,
    /// How it is.
    pub condition: Condition,
}

/// How a task of a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It does not get traffic yet. Wanted since then.
    Starting(Moment),
    /// It gets traffic, without a break since then.
    Ready(Moment),
    /// It has ended, or ended and begun anew, or was ready and is not any more, before it counted.
    Failed {
        /// Whether it gets traffic all the same, as one does that has begun anew and is ready once more.
        is_ready: bool,
    },
    /// It was asked to stop.
    Leaving,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A task of this version is wanted in this slot.
    Start {
        /// Where.
        slot: Slot,
        /// Of which version.
        version: u64,
    },
    /// A task is not wanted any more.
    Stop {
        /// Which.
        task: TaskId,
        /// Why, in words.
        why: String,
    },
    /// A new task has failed, and is not wanted any more: one more failure.
    Discard {
        /// Which.
        task: TaskId,
    },
    /// Every slot is what it should be.
    Finish,
    /// Too many new tasks have failed.
    Fail {
        /// In words.
        why: String,
    },
}

/// How far a service is now.
pub fn progress(service: &Service<'_>, now: Moment) -> Progress {
    let views = views(service, now);
    Progress {
        slots: views.len(),
        done: views.iter().filter(|view| view.is_done()).count(),
        ready: views.iter().filter(|view| view.is_ready()).count(),
        under_way: views.iter().filter(|view| view.is_under_way()).count(),
    }
}

/// What to do now: nothing when all that was begun has to come to something first. The same for the same service.
pub fn decide(service: &Service<'_>, now: Moment) -> Vec<Step> {
    let views = views(service, now);
    if let Some(why) = service.has_failed(&views) {
        return vec![Step::Fail { why }];
    }
    let mut steps: Vec<Step> = outside(service).collect();
    steps.extend(views.iter().flat_map(|view| view.tidy(service.gate)));
    steps.extend(fill(service, &views));
    steps.extend(change(service, &views, now));
    if steps.is_empty() && views.iter().all(SlotView::is_done) && service.instances.len() == views.len() {
        steps.push(Step::Finish);
    }
    steps
}

/// Stops what stands in slots that the service should not have.
fn outside<'a>(service: &'a Service<'_>) -> impl Iterator<Item = Step> + 'a {
    let outside = |instance: &&Instance| {
        instance.condition != Condition::Leaving && !service.slots.contains(&instance.slot)
    };
    service.instances.iter().filter(outside).map(|instance| Step::Stop {
        task: instance.task,
        why: format!("the service has no slot {} any more", instance.slot),
    })
}

/// Starts a task in every slot that has none: that takes nothing from anybody.
fn fill(service: &Service<'_>, views: &[SlotView<'_>]) -> Vec<Step> {
    let mut room = service.room(views);
    let empty = views.iter().filter(|view| view.is_empty());
    let start = |view: &SlotView<'_>| {
        // Where the wanted version may not come yet, the one comes that was good; where none was, nothing does.
        let version = if room == 0 { service.stable? } else { service.wanted };
        room = room.saturating_sub(1);
        Some(Step::Start { slot: view.slot.clone(), version })
    };
    empty.filter_map(start).collect()
}

/// Begins to change slots of other versions, as many as may change now: first those that are of no use as they are.
fn change(service: &Service<'_>, views: &[SlotView<'_>], now: Moment) -> Vec<Step> {
    let under_way = views.iter().filter(|view| view.is_under_way()).count();
    let empty = views.iter().filter(|view| view.is_empty()).count();
    let room = service.room(views).saturating_sub(empty);
    let most = service.at_a_time().saturating_sub(under_way + empty).min(room);
    let waits = service.last_done.is_some_and(|done| now.since(done) < service.policy.delay());
    if waits || most == 0 {
        return Vec::new();
    }
    let mut old: Vec<_> = views.iter().filter_map(|view| Some((view.replaceable()?, view))).collect();
    old.sort_by_key(|(task, view)| (task.is_ready(), view.slot));
    let mut ready = views.iter().filter(|view| view.is_ready()).count();
    let mut steps = Vec::new();
    for (task, view) in old.into_iter().take(most) {
        match service.order {
            Order::StartFirst => {
                steps.push(Step::Start { slot: view.slot.clone(), version: service.wanted });
            }
            Order::StopFirst if !task.is_ready() || service.may_miss_one_of(ready) => {
                ready -= usize::from(task.is_ready());
                let why = format!("version {} takes its place", service.wanted);
                steps.push(Step::Stop { task: task.task, why });
            }
            Order::StopFirst => {}
        }
    }
    steps
}

fn views<'a>(service: &Service<'a>, now: Moment) -> Vec<SlotView<'a>> {
    let mut by_slot: BTreeMap<&Slot, Vec<&Instance>> = BTreeMap::new();
    for instance in service.instances {
        by_slot.entry(&instance.slot).or_default().push(instance);
    }
    let view = |slot| SlotView::new(slot, by_slot.remove(slot).unwrap_or_default(), service, now);
    service.slots.iter().map(view).collect()
}

impl Service<'_> {
    /// Whether nothing changes: what is wanted was healthy in every slot.
    fn is_steady(&self) -> bool {
        self.stable == Some(self.wanted)
    }

    /// Slots that may change at a time.
    fn at_a_time(&self) -> usize {
        match self.policy.parallelism {
            0 => self.slots.len().max(1),
            some => usize::try_from(some).unwrap_or(usize::MAX),
        }
    }

    /// Slots into which the wanted version may still go.
    fn room(&self, views: &[SlotView<'_>]) -> usize {
        let begun = views.iter().filter(|view| view.has_new()).count();
        match self.gate {
            _ if self.is_steady() => usize::MAX,
            Gate::Open | Gate::Regardless => usize::MAX,
            Gate::Canary(slots) => usize::try_from(slots).unwrap_or(usize::MAX).saturating_sub(begun),
            Gate::Held => 0,
        }
    }

    /// Whether one of so many ready tasks may be stopped before its successor runs: never the last one of several, unless
    /// somebody wants to go on whatever fails.
    fn may_miss_one_of(&self, ready: usize) -> bool {
        let slots = self.slots.len();
        let least = slots.saturating_sub(self.at_a_time()).max(usize::from(slots > 1));
        self.gate == Gate::Regardless || ready > least
    }

    /// Why the way to the wanted version has failed.
    fn has_failed(&self, views: &[SlotView<'_>]) -> Option<String> {
        if self.is_steady() || matches!(self.gate, Gate::Regardless | Gate::Held) {
            return None;
        }
        let failed = views.iter().filter(|view| view.has_failed()).count();
        let failures = f64::from(self.failures) + f64::from(u32::try_from(failed).unwrap_or(u32::MAX));
        let slots = f64::from(u32::try_from(self.slots.len()).unwrap_or(u32::MAX)).max(1.0);
        (failures > 0.0 && failures / slots > self.policy.max_failure_ratio).then(|| {
            let (wanted, allowed) = (self.wanted, self.policy.max_failure_ratio);
            format!("{failures} of {slots} tasks of version {wanted} failed; a share of {allowed} may")
        })
    }
}

impl Instance {
    /// Whether it gets traffic.
    fn is_ready(&self) -> bool {
        matches!(self.condition, Condition::Ready(_) | Condition::Failed { is_ready: true })
    }
}
