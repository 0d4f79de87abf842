//! What comes next for a service that runs by the clock: its runs as `plan::cron` looks at them, and what that decides.

use std::collections::BTreeSet;

use super::Cluster;
use super::service_change::ServiceChange;
use super::services::Managed;
use crate::model::cron::Overlap;
use crate::model::id::TaskId;
use crate::model::service::{Cron, Outcome, Progress, Run};
use crate::model::state::Desired;
use crate::model::time::Timestamp;
use crate::plan::cron;

/// The containers of so many of the last runs that succeeded stay, for their output, and of as many that did not.
const KEPT_CONTAINERS: usize = 3;

/// How many of its runs go on.
pub(super) fn progress(managed: &Managed) -> Progress {
    let open = managed.service.schedule.open().count();
    let is_ready = |run: &&Run| {
        let trial = run.task.and_then(|task| managed.tasks.get(&task));
        trial.is_some_and(|trial| trial.ready.is_some())
    };
    let ready = managed.service.schedule.open().filter(is_ready).count();
    Progress { slots: open, done: 0, ready, under_way: open }
}

/// The changes to make now.
pub(super) fn next(cluster: &Cluster, managed: &Managed, cron: &Cron, wall: Timestamp) -> Vec<ServiceChange> {
    let (service, schedule) = (&managed.service, &managed.service.schedule);
    let name = || service.name.clone();
    let mut changes = Vec::new();
    if !service.is_settled() {
        changes.push(ServiceChange::Settle { service: name() });
    }
    let (ended, open): (Vec<&Run>, Vec<&Run>) = schedule.open().partition(|run| has_ended(cluster, run));
    changes.extend(ended.iter().map(|run| ServiceChange::End { service: name(), number: run.number }));
    let spare = spare(cluster, managed, &open);
    changes.extend(spare.into_iter().map(|task| stop(managed, task, "enough later runs are kept")));
    let waiting = open.iter().find(|run| run.task.is_none() && run.outcome.is_none());
    if let Some(waiting) = waiting {
        let mut others = open.iter().filter(|run| run.number != waiting.number);
        if cron.overlap == Overlap::Allow || others.all(|run| is_out_of_reach(cluster, managed, run)) {
            changes.push(ServiceChange::Launch { service: name(), number: waiting.number });
        }
    }
    let decision = cron::decide(
        &cron::Job {
            line: &cron.line,
            overlap: cron.overlap,
            missed: cron.missed,
            suspended: schedule.is_suspended,
            next: schedule.next,
            // One that gives way runs until it has ended.
            running: open.len(),
        },
        wall,
    );
    if !decision.runs.is_empty() || decision.next != schedule.next {
        let decision = Box::new(decision);
        changes.push(ServiceChange::Tick { service: name(), seen: schedule.next, decision });
    }
    changes
}

/// What is left to do about runs of a service that runs by the clock no more.
pub(super) fn leave(cluster: &Cluster, managed: &Managed) -> Vec<ServiceChange> {
    let service = &managed.service;
    if service.schedule.runs.is_empty() || service.wanted().spec.mode.cron().is_some() {
        return Vec::new();
    }
    let is_over = |run: &&Run| run.task.is_none() || has_ended(cluster, run);
    let over = service.schedule.open().filter(is_over);
    let mut changes: Vec<ServiceChange> =
        over.map(|run| ServiceChange::End { service: service.name.clone(), number: run.number }).collect();
    let of_runs = service.schedule.runs.values().filter_map(|run| run.task);
    let staying = of_runs.filter(|task| managed.tasks.contains_key(task) && is_wanted(cluster, *task));
    changes.extend(staying.map(|task| stop(managed, task, "the service does not run by the clock any more")));
    changes
}

/// Tasks that are wanted and need not be: of runs that ended long ago, and of no run.
fn spare(cluster: &Cluster, managed: &Managed, open: &[&Run]) -> Vec<TaskId> {
    let mut kept: BTreeSet<TaskId> = open.iter().filter_map(|run| run.task).collect();
    for is_good in [true, false] {
        let runs = managed.service.schedule.runs.values().rev();
        let over = runs.filter(|run| run.is_over() && is_good == (run.outcome == Some(Outcome::Succeeded)));
        kept.extend(over.filter_map(|run| run.task).take(KEPT_CONTAINERS));
    }
    // Those whose end is being written down right now are judged when it is.
    kept.extend(managed.service.schedule.open().filter_map(|run| run.task));
    let spare = managed.tasks.keys().copied().filter(|task| !kept.contains(task));
    spare.filter(|task| is_wanted(cluster, *task)).collect()
}

fn stop(managed: &Managed, task: TaskId, why: &str) -> ServiceChange {
    ServiceChange::Stop { service: managed.service.name.clone(), task, why: why.to_owned() }
}

fn is_wanted(cluster: &Cluster, task: TaskId) -> bool {
    cluster.tasks.get(&task).is_some_and(|task| task.desired == Desired::Run)
}

/// Whether a run's task has ended, or is not there any more. One that cannot be read goes on, for all that is known.
fn has_ended(cluster: &Cluster, run: &Run) -> bool {
    run.task.is_some_and(|id| match cluster.tasks.get(&id) {
        Some(task) => task.state.is_final(),
        None => !cluster.unreadable.contains(&id),
    })
}

/// Whether a run that is to make room is past waiting for: nobody hears of its node, which ends it should it come back.
fn is_out_of_reach(cluster: &Cluster, managed: &Managed, run: &Run) -> bool {
    let Some(id) = run.task else { return true };
    let (Some(task), Some(trial)) = (cluster.tasks.get(&id), managed.tasks.get(&id)) else { return false };
    task.desired == Desired::Stop && trial.is_out_of_reach(task)
}
