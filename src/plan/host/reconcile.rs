//! What a worker should do next, from what is.
//!
//! At most one step for each task, and none for a task about which a call is under way or in doubt. Whoever
//! applies the steps asks again until there are none.

use std::time::Duration;

use super::action::Action;
use super::call::{Call, Verb};
use super::health::health_step;
use super::step::{lane, step};
use super::{Host, Slot};
use crate::model::container::ContainerStatus;
use crate::model::state::{Desired, State};
use crate::model::time::Moment;

/// A full list runs at least so often (rule R9).
pub const LIST_EVERY: Duration = Duration::from_secs(5);

/// So many ended containers of finished tasks are kept for their logs.
const KEPT: usize = 100;

/// The steps to take now: none when all is as it should be, or nothing can be known.
pub fn reconcile(host: &Host, now: Moment) -> Vec<Action> {
    let mut actions = Vec::new();
    if list_is_due(host, now) {
        actions.push(Action::Call(Call::List { number: host.lists.next }));
    }
    if host.lists.seen.is_none() || host.lists.trouble.is_some() {
        return actions;
    }
    actions.extend(host.pulls_to_begin(now).into_iter().map(Action::Call));
    let free = |slot: &&Slot| {
        !host.lanes.contains(&slot.id())
            && !host.doubts.contains(&slot.id())
            && slot.quiet_until.is_none_or(|until| until <= now)
    };
    actions.extend(host.slots.values().filter(free).filter_map(|slot| step(host, slot, now)));
    actions.extend(host.slots.values().filter_map(|slot| health_step(host, slot, now)));
    actions.extend(orphans(host));
    actions.extend(host.network_step(now));
    actions.extend(beyond_kept(host));
    actions.retain(|action| host.may(action, now));
    one_call_a_lane(&mut actions);
    actions
}

/// When to ask again although nothing was heard.
pub fn next_look(host: &Host, now: Moment) -> Moment {
    let lists = &host.lists;
    let list = lists
        .retry_at
        .or_else(|| lists.seen.map(|seen| seen + LIST_EVERY))
        .filter(|_| lists.under_way.is_none());
    let slots = host.slots.values().flat_map(|slot| {
        let probe = slot.watch.next().filter(|_| slot.record.state == State::Running);
        [slot.retry_at, slot.quiet_until, probe, Some(host.lease_until)].into_iter().flatten()
    });
    // What is due and not done waits for something else, which is heard of.
    let future = |at: &Moment| *at > now;
    let next = slots
        .chain(host.next_pull())
        .chain(host.networks.next())
        .chain(host.standing.next_change())
        .filter(future)
        .chain(list)
        .min();
    next.unwrap_or(now + LIST_EVERY)
}

fn list_is_due(host: &Host, now: Moment) -> bool {
    let lists = &host.lists;
    if host.cluster.is_none() || lists.under_way.is_some() {
        return false;
    }
    match (lists.retry_at, lists.seen) {
        (Some(retry_at), _) => retry_at <= now,
        (None, Some(seen)) => lists.wanted || now.since(seen) >= LIST_EVERY,
        (None, None) => true,
    }
}

/// Whether a task is wanted running and not over.
pub(super) fn wants_to_run(slot: &Slot) -> bool {
    slot.record.assignment.desired == Desired::Run && !slot.record.state.is_final()
}

/// What is ours and of no task that is wanted here. Only once a manager has spoken (rule R11).
fn orphans(host: &Host) -> impl Iterator<Item = Action> + '_ {
    let told = host.heard_manager && host.revision.is_some();
    let unwanted = host.containers.values().filter(move |container| {
        let task = &container.identity.task;
        let known = host.slots.contains_key(task) || host.leave_alone.contains(task);
        told && !known && !host.lanes.contains(task) && !host.doubts.contains(task)
    });
    unwanted.filter_map(|container| {
        let verb = match &container.status {
            ContainerStatus::Removing => return None,
            status if status.is_live() => Verb::Stop(container.id.clone(), None),
            _ => Verb::Remove(container.id.clone()),
        };
        lane(container.identity.task, verb)
    })
}

/// The oldest ended containers of finished tasks, beyond those that are kept.
fn beyond_kept(host: &Host) -> Vec<Action> {
    let over = |slot: &&Slot| slot.record.state.is_final() && slot.record.assignment.desired == Desired::Run;
    let kept = host.slots.values().filter(over).filter_map(|slot| {
        let container =
            host.containers_of(slot.id()).find(|container| container.status == ContainerStatus::Exited)?;
        Some((slot.record.observed.finished_at, slot.id(), container.id.clone()))
    });
    let mut kept: Vec<_> = kept.collect();
    if kept.len() <= KEPT {
        return Vec::new();
    }
    kept.sort();
    let surplus = kept.len() - KEPT;
    let removable = kept
        .into_iter()
        .take(surplus)
        .filter(|(_, task, _)| !host.lanes.contains(task) && !host.doubts.contains(task));
    removable.filter_map(|(_, task, container)| lane(task, Verb::Remove(container))).collect()
}

/// Keeps the first call of each lane: two containers of one task may each have asked for one.
fn one_call_a_lane(actions: &mut Vec<Action>) {
    let mut taken = std::collections::BTreeSet::new();
    actions.retain(|action| match action {
        Action::Call(Call::Lane { task, .. }) => taken.insert(*task),
        _ => true,
    });
}
