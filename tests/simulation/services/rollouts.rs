//! What is promised of every step of a rollout, judged before the step is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orc::model::id::TaskId;
use orc::model::port::Port;
use orc::model::service::{OnFailure, Order, ServiceName, Slot, Stage};
use orc::model::state::{Desired, State};
use orc::model::task::Task;
use orc::model::time::Moment;
use orc::plan::cluster::Cluster;
use orc::plan::cluster::change::{Change, ServiceChange};
use orc::plan::cron::{self, Decision};

use super::users::place;
use super::view::{View, slot_of, version_of};
use crate::world::{Checked, World, broken};

/// Connections to a task that is to be stopped have so long to end by themselves.
const DRAIN: Duration = Duration::from_secs(10);

/// What histories must have met.
pub(crate) const STEPS: &[&str] = &[
    "starts where there is none",
    "starts beside the one before",
    "stops after its successor is ready",
    "stops first",
    "stops by a user's word",
    "stops what is not ready",
    "discards",
    "settles",
    "brings back",
    "holds",
    "goes on regardless",
    "is no more",
];

/// What is remembered of the tasks of services, to judge the steps by.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    /// Those that have restarted, or were ready and are not any more, as the manager was told.
    faltered: BTreeSet<TaskId>,
    /// Ready ones that get no new connections, and since when.
    withdrawn: BTreeMap<TaskId, Moment>,
    /// When anything was decided about a service last, by the world's clock.
    pub(super) last_step: u64,
}

impl Trials {
    /// Takes note of what a report made of a task.
    pub(crate) fn note_report(&mut self, before: Option<&Task>, after: Option<&Task>) {
        let (Some(before), Some(after)) = (before, after) else { return };
        let restarted = after.observed.restarts > before.observed.restarts;
        if restarted || (before.is_ready() && !after.is_ready()) {
            self.faltered.insert(after.id);
        }
    }
}

impl World {
    /// Judges a decision about a service, and takes note of it.
    pub(crate) fn judge_step(&mut self, change: &Change) -> Checked {
        let Change::Service(change) = change else { return Ok(()) };
        let Some(what) = self.judged(change)? else { return Ok(()) };
        self.coverage.count("rollout", what);
        if let ServiceChange::Tick { service, decision, .. } = change {
            self.note_replaced(service, decision);
            return Ok(());
        }
        self.trials.last_step = self.now;
        if let ServiceChange::Stop { task, .. } | ServiceChange::Discard { task, .. } = change {
            self.users.is_to_stop(*task);
        }
        Ok(())
    }

    /// A run that begins may take the place of others.
    fn note_replaced(&mut self, service: &ServiceName, decision: &Decision) {
        let replaces = |run: &cron::Run| matches!(run, cron::Run::Begin { replaces: true, .. });
        let Some(cluster) = self.manager.cluster.as_ref().filter(|_| decision.runs.iter().any(replaces))
        else {
            return;
        };
        let open = cluster.service_of(service).into_iter().flat_map(|service| service.schedule.open());
        let tasks: Vec<TaskId> = open.filter_map(|run| run.task).collect();
        tasks.into_iter().for_each(|task| self.users.is_to_stop(task));
    }

    fn judged(&self, change: &ServiceChange) -> Checked<Option<&'static str>> {
        let Some(cluster) = &self.manager.cluster else { return Ok(None) };
        let Some(view) = View::of(cluster, change.service()) else { return Ok(None) };
        let what = match change {
            ServiceChange::Start { slot, version, .. } => judge_start(&view, slot, *version)?,
            ServiceChange::Stop { task, .. } => {
                self.judge_drained(cluster, &view, *task)?;
                judge_stop(&view, cluster.task(*task))?
            }
            ServiceChange::Discard { task, .. } => self.judge_discard(&view, cluster.task(*task))?,
            ServiceChange::Settle { .. } => judge_settle(&view)?,
            ServiceChange::Fail { .. } => judge_fail(&view)?,
            ServiceChange::Drop { .. } => judge_drop(&view)?,
            // What these write down is judged when it is durable.
            ServiceChange::Tick { .. } | ServiceChange::Launch { .. } | ServiceChange::End { .. } => {
                "goes by the clock"
            }
            _ => return broken("S13", format!("the planner says a user's word: {change:?}")),
        };
        Ok(Some(what))
    }

    /// A failure is what the task did, and of a version that has not shown that it works.
    fn judge_discard(&self, view: &View<'_>, task: Option<&Task>) -> Checked<&'static str> {
        let Some(task) = task else { return Ok("discards") };
        let name = &view.service.name;
        if view.is_proven() || version_of(task) != Some(view.service.wanted().template) {
            return broken("proven stays proven", format!("{} of {name} is discarded", task.spec.name));
        }
        if view.service.is_paused {
            return broken(
                "held is held",
                format!("{} of {name} is discarded while it is held", task.spec.name),
            );
        }
        if view.is_ready(task) && !self.trials.faltered.contains(&task.id) {
            return broken(
                "no good task is stopped",
                format!("{} is ready, has always been, and is discarded", task.spec.name),
            );
        }
        Ok("discards")
    }

    /// Nobody is connected to a task that is stopped, nor will be, but for whom it was waited long enough.
    fn judge_drained(&self, cluster: &Cluster, view: &View<'_>, task: TaskId) -> Checked {
        let now = self.manager.clocks.at(self.now).moment;
        let since = self.trials.withdrawn.get(&task);
        let waited = since.is_some_and(|since| now.since(*since) >= DRAIN);
        let is_ready = cluster.task(task).is_some_and(|task| view.is_ready(task));
        if view.service.wanted().spec.ports.is_empty() || waited || !is_ready {
            return Ok(());
        }
        let heard = self.workers.iter().filter(|worker| worker.host.is_some() && view.hears(&worker.name));
        for worker in heard {
            if worker.ports.sends_to(task) || worker.ports.is_connected(task, self.now) {
                return broken(
                    "no connection is cut",
                    format!(
                        "{task} is stopped, and {} has connections to it, or would make some",
                        worker.name
                    ),
                );
            }
        }
        Ok(())
    }

    /// What is behind the ports, as the manager has just decided: ready tasks alone, and all of them but those that are to
    /// be stopped.
    pub(crate) fn judge_routes(&mut self) -> Checked {
        let now = self.manager.clocks.at(self.now).moment;
        let Some(cluster) = &self.manager.cluster else { return Ok(()) };
        let behind = cluster.routes().ports.values().flat_map(|behind| &behind.tasks);
        let routed: BTreeSet<TaskId> = behind.map(|endpoint| endpoint.task).collect();
        let mut withdrawn = BTreeMap::new();
        let mut others = routed.clone();
        for service in cluster.services() {
            let Some(view) = View::of(cluster, &service.name) else { continue };
            let ports = service.wanted().spec.ports.iter().map(|port| port.published);
            let is_anothers = |port: &Port| {
                cluster.routes().ports.get(port).is_none_or(|behind| behind.service != service.name)
            };
            if let Some(port) = ports.into_iter().find(is_anothers) {
                return broken("a port is one service's", format!("{port} is not {}'s", service.name));
            }
            for task in view.remains() {
                let is_routed = routed.contains(&task.id);
                others.remove(&task.id);
                if is_routed && !view.is_ready(task) {
                    return broken(
                        "ports lead to ready tasks",
                        format!("{} is not ready, and is behind a port of {}", task.spec.name, service.name),
                    );
                }
                if !is_routed {
                    let since = self.trials.withdrawn.get(&task.id).copied().unwrap_or(now);
                    withdrawn.insert(task.id, since);
                }
            }
        }
        if let Some(task) = others.first() {
            return broken("ports lead to ready tasks", format!("{task} is over, and is behind a port"));
        }
        self.trials.withdrawn = withdrawn;
        Ok(())
    }
}

fn judge_start(view: &View<'_>, slot: &Slot, template: u64) -> Checked<&'static str> {
    let (service, wanted) = (view.service, view.service.wanted());
    let here = || place(&service.name, slot);
    let is_stable = service.stable().is_some_and(|stable| stable.template == template);
    if !view.slots().contains(slot) || !(template == wanted.template || is_stable) {
        return broken("only what is wanted", format!("version {template} begins in {}", here()));
    }
    let live = view.live_in(slot).count();
    let leaves = view.leaving().any(|task| slot_of(task) == Some(slot));
    let has_finished = |task: &Task| {
        slot_of(task) == Some(slot) && version_of(task) == Some(template) && task.state == State::Completed
    };
    if view.is_job() && (live > 0 || view.wanted().any(has_finished)) {
        return broken("a job runs each slot once", format!("{} begins once more", here()));
    }
    let doubled = view.doubled() + usize::from(live == 1);
    if live > 1 || (live == 1 && doubled > view.at_a_time()) {
        return broken("never above its surge", format!("{} has {live} tasks, and gets one more", here()));
    }
    if view.order() == Order::StopFirst && (live > 0 || leaves) {
        return broken("one ends before the next begins", format!("{} begins beside another", here()));
    }
    if template == wanted.template && !view.is_proven() {
        judge_entry(view, slot, live == 1)?;
    } else if template != wanted.template && !(service.is_paused || service.stage == Stage::Canary) {
        return broken("only what is wanted", format!("version {template} begins in {}", here()));
    }
    Ok(if live == 0 { "starts where there is none" } else { "starts beside the one before" })
}

/// A version that has not shown that it works comes into a slot.
fn judge_entry(view: &View<'_>, slot: &Slot, replaces: bool) -> Checked {
    let service = view.service;
    let here = || place(&service.name, slot);
    if service.is_paused {
        return broken("held is held", format!("the held version comes into {}", here()));
    }
    let others = view.others_with_new(slot);
    let canary = usize::try_from(service.policy().canary).expect("a small number");
    if service.stage == Stage::Canary && !view.is_job() && others >= canary {
        return broken("a canary waits", format!("it comes into {}, too, and nobody promoted it", here()));
    }
    let is_bad = service.wanted().spec.task.image.starts_with("nowhere");
    if is_bad && replaces && !view.goes_on_regardless() && others >= view.at_a_time() {
        return broken("a bad version is stopped", format!("it comes into {}, too", here()));
    }
    Ok(())
}

fn judge_stop(view: &View<'_>, task: Option<&Task>) -> Checked<&'static str> {
    let Some(task) = task.filter(|task| view.is_ready(task)) else { return Ok("stops what is not ready") };
    let Some(slot) = slot_of(task) else { return Ok("stops what is not ready") };
    let service = view.service;
    let by_a_word = service.desired == Desired::Stop
        || !view.slots().contains(slot)
        || view.is_job()
        || view.is_of_run(task.id)
        || view.goes_on_regardless();
    let ready = view.ready_slots(Some(task.id));
    if by_a_word {
        return Ok("stops by a user's word");
    }
    if ready.contains(slot) {
        return Ok("stops after its successor is ready");
    }
    if view.order() == Order::StopFirst && ready.len() >= view.least() {
        return Ok("stops first");
    }
    broken(
        "enough stay ready",
        format!("{} is ready and is stopped; {} slots are ready without it", task.spec.name, ready.len()),
    )
}

/// Every slot has what it should have, and there is nothing else.
fn judge_settle(view: &View<'_>) -> Checked<&'static str> {
    if view.is_by_clock() {
        return Ok("settles");
    }
    let name = &view.service.name;
    let template = view.service.wanted().template;
    let is_good = |task: &Task| {
        let is_done = if view.is_job() {
            task.state == State::Completed && task.observed.exit_code == Some(0)
        } else {
            view.goes_on_regardless() || view.is_ready(task)
        };
        version_of(task) == Some(template) && is_done
    };
    for slot in view.slots() {
        let tasks: Vec<&Task> = view.wanted().filter(|task| slot_of(task) == Some(&slot)).collect();
        if !matches!(tasks.as_slice(), [one] if is_good(one)) {
            return broken("settled is settled", format!("{} has {tasks:?}", place(name, &slot)));
        }
    }
    // What a node that was not heard of brings back of the version before a job is stopped there; the job is done.
    let leaves = !view.is_job() && view.leaving().next().is_some();
    if view.wanted().count() > view.slots().len() || leaves {
        return broken("settled is settled", format!("{name} has other tasks, too"));
    }
    Ok("settles")
}

fn judge_fail(view: &View<'_>) -> Checked<&'static str> {
    let service = view.service;
    let name: &ServiceName = &service.name;
    if service.is_paused || view.goes_on_regardless() {
        return broken("held is held", format!("{name} fails once more"));
    }
    if service.is_settled() || (view.is_proven() && !view.is_job()) {
        return broken("proven stays proven", format!("{name} is judged bad, and was healthy"));
    }
    Ok(match service.policy().on_failure {
        OnFailure::Continue if !view.is_job() => "goes on regardless",
        OnFailure::Rollback if service.stable().is_some() && !view.is_job() => "brings back",
        _ => "holds",
    })
}

fn judge_drop(view: &View<'_>) -> Checked<&'static str> {
    let name = &view.service.name;
    if view.service.desired == Desired::Run {
        return broken("S1", format!("{name} is wanted, and is no more"));
    }
    match view.remains().next() {
        Some(task) => broken("S1", format!("{name} is no more, and has {}", task.spec.name)),
        None => Ok("is no more"),
    }
}
