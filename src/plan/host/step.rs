//! The next step of one task, from what is wanted of it and what its containers are.

use std::sync::Arc;

use super::action::Action;
use super::call::{Call, Verb};
use super::images::ImageNeed;
use super::{Host, Slot};
use crate::model::container::{Container, ContainerStatus, Identity};
use crate::model::id::TaskId;
use crate::model::record::{Attempt, Reason};
use crate::model::service::SERVICE_LABEL;
use crate::model::spec::{Failover, TaskSpec};
use crate::model::state::{Desired, State};
use crate::model::template::{self, Known};
use crate::model::time::Moment;
use crate::plan::restart::Ending;

/// The next step of a task; `None` when all is as it should be, or nothing can be done yet.
pub(super) fn step(host: &Host, slot: &Slot, now: Moment) -> Option<Action> {
    let task = slot.id();
    if let Some((_, container)) = host.recheck.iter().find(|(of, _)| *of == task) {
        return lane(task, Verb::Inspect(container.clone()));
    }
    match (&slot.record.attempt, slot.record.assignment.desired) {
        (_, Desired::Stop) => stop_step(host, slot),
        (_, Desired::Run) if slot.record.state.is_final() => keep_step(host, slot),
        (attempt, Desired::Run) if is_fenced(host, slot, now) => fenced_step(host, slot, attempt.as_ref()),
        (Some(attempt), Desired::Run) => attempt_step(host, slot, attempt),
        (None, Desired::Run) => next_attempt_step(host, slot, now),
    }
}

/// The task is to stop: whatever is left of it goes.
fn stop_step(host: &Host, slot: &Slot) -> Option<Action> {
    let task = slot.id();
    let spec = Some(slot.record.assignment.spec.clone());
    if let Some(live) = host.containers_of(task).find(|container| container.status.is_live()) {
        return lane(task, Verb::Stop(live.id.clone(), spec));
    }
    match host.containers_of(task).find(|container| container.status != ContainerStatus::Removing) {
        Some(ended) if exit_is_unknown(slot, ended) => lane(task, Verb::Inspect(ended.id.clone())),
        Some(ended) => lane(task, Verb::Remove(ended.id.clone())),
        None if host.containers_of(task).next().is_some() => None,
        None if !slot.record.state.is_final() || slot.record.observed.container.is_some() => {
            Some(Action::Settle { task })
        }
        None => None,
    }
}

/// Whether the exit code of the attempt that was stopped has still to be learned.
fn exit_is_unknown(slot: &Slot, container: &Container) -> bool {
    let current =
        slot.record.attempt.as_ref().is_some_and(|attempt| attempt.number == container.identity.attempt);
    current && container.status == ContainerStatus::Exited && container.details.is_none()
}

/// Whether a task may run only once, and may have been started elsewhere: the lease is over.
pub(super) fn is_fenced(host: &Host, slot: &Slot, now: Moment) -> bool {
    slot.record.assignment.spec.failover == Failover::Single && host.lease_until <= now
}

/// Nothing of the task may run, and nothing is begun.
fn fenced_step(host: &Host, slot: &Slot, attempt: Option<&Attempt>) -> Option<Action> {
    let task = slot.id();
    let live = host.containers_of(task).find(|container| container.status.is_live())?;
    match attempt.map(|attempt| &attempt.ending) {
        Some(None) => Some(Action::Fence { task }),
        _ => end_of(task, live, slot),
    }
}

/// The task is over: its last container is kept for its logs, and must not run.
fn keep_step(host: &Host, slot: &Slot) -> Option<Action> {
    let task = slot.id();
    let kept = |container: &&Container| {
        container.status == ContainerStatus::Exited
            && slot.record.observed.container.as_ref() == Some(&container.id)
    };
    let other = host.containers_of(task).find(|container| !kept(container))?;
    end_of(task, other, slot)
}

fn attempt_step(host: &Host, slot: &Slot, attempt: &Attempt) -> Option<Action> {
    let task = slot.id();
    let current = host.current(slot);
    let is_current = |container: &Container| current.is_some_and(|current| current.id == container.id);
    let mut others = host.containers_of(task).filter(|container| !is_current(container));
    if let Some(live) = others.find(|container| container.status.is_live()) {
        // Never two of one: whatever runs of an earlier attempt ends before anything new begins.
        return lane(task, Verb::Stop(live.id.clone(), Some(slot.record.assignment.spec.clone())));
    }
    if slot.name_clash {
        return lane(task, Verb::Find(attempt.name.clone()));
    }
    if let Some(ending) = slot.refused.clone() {
        return Some(Action::End { task, ending });
    }
    match current {
        Some(container) => present_step(host, slot, attempt, container)
            .or_else(|| sweep_step(host, slot, container))
            .or_else(|| rename_step(host, slot, attempt, container)),
        None => absent_step(host, slot, attempt),
    }
}

/// Removes what an earlier attempt left behind, or a create that came late, once nothing else is to be done.
fn sweep_step(host: &Host, slot: &Slot, current: &Container) -> Option<Action> {
    let other = host.containers_of(slot.id()).find(|container| container.id != current.id)?;
    end_of(slot.id(), other, slot)
}

/// Gives the container its task's own name, which the former attempt's held when this one began.
fn rename_step(host: &Host, slot: &Slot, attempt: &Attempt, container: &Container) -> Option<Action> {
    let name = &slot.record.assignment.spec.name;
    let suffixed = attempt.name != *name && attempt.name == container.name;
    let free = !slot.plain_name_taken && holder_of(host, name).is_none();
    let wanted = suffixed && free && container.status == ContainerStatus::Running;
    wanted.then(|| {
        Action::Call(Call::Lane { task: slot.id(), verb: Verb::Rename(container.id.clone(), name.clone()) })
    })
}

/// The attempt has a container.
fn present_step(host: &Host, slot: &Slot, attempt: &Attempt, container: &Container) -> Option<Action> {
    let task = slot.id();
    let spec = &slot.record.assignment.spec;
    let id = || container.id.clone();
    match &container.status {
        ContainerStatus::Created if attempt.ending.is_some() => lane(task, Verb::Remove(id())),
        // It joins them one by one when it is created, and what became of that was not heard.
        ContainerStatus::Created
            if spec.options().networks.len() > 1 && !host.answered.contains(&container.id) =>
        {
            lane(task, Verb::Remove(id()))
        }
        ContainerStatus::Created => match holder_of_ports(host, slot) {
            Some(former) => lane(task, Verb::Inspect(former.id.clone())),
            None => lane(task, Verb::Start(id())),
        },
        ContainerStatus::Paused => lane(task, Verb::Unpause(id())),
        ContainerStatus::Dead => lane(task, Verb::Remove(id())),
        ContainerStatus::Running if attempt.ending.is_some() => {
            lane(task, Verb::Stop(id(), Some(spec.clone())))
        }
        ContainerStatus::Running => match &container.details {
            None if !is_as_said(slot, container) => lane(task, Verb::Inspect(id())),
            Some(details) if !details.limits_as_set => lane(task, Verb::RestoreLimits(id(), spec.clone())),
            _ if !is_as_said(slot, container) => Some(Action::Saw { task }),
            _ => None,
        },
        ContainerStatus::Exited => match &container.details {
            None => lane(task, Verb::Inspect(id())),
            Some(_) => Some(Action::End { task, ending: ending(host, attempt, container) }),
        },
        ContainerStatus::Restarting | ContainerStatus::Removing | ContainerStatus::Unknown(_) => None,
    }
}

/// A container of an earlier attempt that may still hold host ports of the task. It can be looked at once it does not.
fn holder_of_ports<'a>(host: &'a Host, slot: &Slot) -> Option<&'a Container> {
    slot.record.assignment.spec.fixed_host_ports().next()?;
    host.containers_of(slot.id()).find(|container| host.is_being_cleaned_up(container))
}

/// Whether a running container is as the record says.
fn is_as_said(slot: &Slot, container: &Container) -> bool {
    let record = &slot.record;
    record.state == State::Running
        && record.observed.container.as_ref() == Some(&container.id)
        && record.observed.host_ports.as_ref() == Some(&container.host_ports)
}

fn ending(host: &Host, attempt: &Attempt, container: &Container) -> Ending {
    let details = container.details.as_ref();
    let Some(exit) = details.and_then(|details| details.exit.clone()) else { return Ending::Vanished };
    let error = details.map(|details| details.error.as_str()).unwrap_or_default();
    if let Some(why) = &attempt.ending {
        ending_for(why)
    } else if !attempt.ran && exit.code == 128 && !error.is_empty() {
        Ending::CannotStart(error.to_owned())
    } else if host.interrupted.contains_key(&container.id) && !exit.oom_killed {
        Ending::Interrupted(exit)
    } else {
        Ending::Exited(exit)
    }
}

/// What became of an attempt that this worker ended.
fn ending_for(why: &Reason) -> Ending {
    match why {
        Reason::Unhealthy(why) => Ending::Unhealthy(why.clone()),
        Reason::LeaseOver => Ending::Fenced,
    }
}

/// The attempt has no container.
fn absent_step(host: &Host, slot: &Slot, attempt: &Attempt) -> Option<Action> {
    let task = slot.id();
    if let Some(container) = &attempt.container {
        if slot.gone.as_ref() != Some(container) {
            return lane(task, Verb::Inspect(container.clone()));
        }
        let ending = attempt.ending.as_ref().map_or(Ending::Vanished, ending_for);
        return Some(Action::End { task, ending });
    }
    match host.image_need(slot) {
        ImageNeed::Hopeless(why) => return Some(Action::End { task, ending: Ending::CannotStart(why) }),
        ImageNeed::Wait(message) if slot.record.message == message => return None,
        ImageNeed::Wait(message) => return Some(Action::Explain { task, message }),
        ImageNeed::Satisfied => {}
    }
    if let Some(in_the_way) = holder_of(host, &attempt.name) {
        return clear_the_way(host, in_the_way);
    }
    if host.waits_for_network(slot) {
        return None;
    }
    let identity = Identity { task, attempt: attempt.number, spec: slot.fingerprint.clone() };
    let spec = spec_here(host, slot);
    lane(task, Verb::Create { name: attempt.name.clone(), identity, spec })
}

/// What its container is made by: with its node in the place of the templates that stand for it.
fn spec_here(host: &Host, slot: &Slot) -> Arc<TaskSpec> {
    let spec = &slot.record.assignment.spec;
    if !spec.labels.contains_key(SERVICE_LABEL) || !template::is_in(spec) {
        return spec.clone();
    }
    let mut here = TaskSpec::clone(spec);
    template::fill_spec(&mut here, Known { node: Some(host.node.as_str()), ..Known::default() });
    Arc::new(here)
}

/// No attempt is under way.
fn next_attempt_step(host: &Host, slot: &Slot, now: Moment) -> Option<Action> {
    let task = slot.id();
    if let Some(running) = adoptable(host, slot) {
        return Some(Action::Adopt { task, container: running.id.clone() });
    }
    let waits = slot.retry_at.is_some_and(|at| at > now);
    let former = former(host, slot).filter(|_| slot.retry_at.is_none());
    let is_former = |container: &Container| former.is_some_and(|former| former.id == container.id);
    let left = |container: &&Container| container.status.is_live() || !waits && !is_former(container);
    if let Some(left) = host.containers_of(task).find(left) {
        return end_of(task, left, slot);
    }
    if waits {
        return None;
    }
    Some(Action::Begin { task, name: name_of_next(host, slot, former) })
}

/// The ended container of the latest attempt, which need not make way for one that follows at once: an engine that still
/// cleans up after it would make that wait. It is removed when that runs. One that somebody may have started meanwhile,
/// or a call that comes late may, is gone before anything new begins.
fn former<'a>(host: &'a Host, slot: &Slot) -> Option<&'a Container> {
    let ended = host.containers_of(slot.id()).filter(|container| {
        container.status == ContainerStatus::Exited && host.answered.contains(&container.id)
    });
    ended.max_by_key(|container| container.identity.attempt)
}

/// The name of the next attempt's container: its task's, with a suffix as long as another has that.
fn name_of_next(host: &Host, slot: &Slot, former: Option<&Container>) -> String {
    let name = &slot.record.assignment.spec.name;
    if !slot.plain_name_taken && former.is_none_or(|former| former.name != *name) {
        return name.clone();
    }
    let next = host.next_attempt(slot);
    let suffixed = (next..=u32::MAX).map(|number| format!("{name}.{number}"));
    let mut free = suffixed.filter(|name| holder_of(host, name).is_none());
    free.next().unwrap_or_else(|| name.clone())
}

/// The newest container of the task that runs as it should: this worker lost its record of it, or the task comes back
/// to it before it had left.
fn adoptable<'a>(host: &'a Host, slot: &Slot) -> Option<&'a Container> {
    let runs = host.containers_of(slot.id()).filter(|container| {
        matches!(container.status, ContainerStatus::Running | ContainerStatus::Paused)
            && container.identity.spec == slot.fingerprint
    });
    runs.max_by_key(|container| container.identity.attempt)
}

/// The next step towards the end of a container.
fn end_of(task: TaskId, container: &Container, slot: &Slot) -> Option<Action> {
    match &container.status {
        ContainerStatus::Removing => None,
        status if status.is_live() => {
            lane(task, Verb::Stop(container.id.clone(), Some(slot.record.assignment.spec.clone())))
        }
        _ => lane(task, Verb::Remove(container.id.clone())),
    }
}

/// A container of ours that has a name.
fn holder_of<'a>(host: &'a Host, name: &str) -> Option<&'a Container> {
    host.containers.values().find(|container| container.name == name)
}

/// Removes what an earlier task of this name left behind; what lives of it is being stopped already.
fn clear_the_way(host: &Host, container: &Container) -> Option<Action> {
    let task = container.identity.task;
    let ended = !container.status.is_live() && container.status != ContainerStatus::Removing;
    let free = !host.lanes.contains(&task) && !host.doubts.contains(&task);
    (ended && free).then(|| Action::Call(Call::Lane { task, verb: Verb::Remove(container.id.clone()) }))
}

#[expect(clippy::unnecessary_wraps, reason = "every step is one of none or one")]
pub(super) fn lane(task: TaskId, verb: Verb) -> Option<Action> {
    Some(Action::Call(Call::Lane { task, verb }))
}
