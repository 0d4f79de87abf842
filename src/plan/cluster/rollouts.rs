//! What comes next for the services: their tasks and nodes as `plan::rollout` and `plan::job` look at them, and what these
//! decide. Those that run by the clock are in `schedules`.

use std::collections::BTreeSet;

use super::change::Change;
use super::schedules;
use super::service_change::ServiceChange;
use super::services::{Managed, Trial};
use super::{Cluster, Member};
use crate::model::id::TaskId;
use crate::model::node::{Availability, NodeState};
use crate::model::service::{Job, Mode, Order, Progress, Service, ServiceName, Slot, Stage};
use crate::model::state::{Desired, State};
use crate::model::task::Task;
use crate::model::time::{Moment, Now};
use crate::plan::job::{self, Run};
use crate::plan::rollout::{self, Condition, Gate, Instance, Step};
use crate::plan::schedule::admits;

/// The changes to make now for services of which something has changed, or for which time alone may bring something.
pub(super) fn rollouts(cluster: &mut Cluster, now: Now) -> Vec<Change> {
    let mut changes = Vec::new();
    for name in cluster.services.take_due(now) {
        learn(cluster, &name, now.moment);
        let done = Look::at(cluster, &name).map(|look| look.progress(now.moment).done);
        cluster.services.note_done(&name, done.unwrap_or_default(), now.moment);
        let next = Look::at(cluster, &name).map(|look| look.next(now)).unwrap_or_default();
        let next = drained(cluster, &name, next, now.moment);
        changes.extend(next.into_iter().map(Change::Service));
    }
    changes
}

/// Without the stops of tasks that still have connections: those get no new ones from now on.
fn drained(
    cluster: &mut Cluster,
    name: &ServiceName,
    mut changes: Vec<ServiceChange>,
    now: Moment,
) -> Vec<ServiceChange> {
    let stopped = |change: &ServiceChange| match change {
        ServiceChange::Stop { task, .. } => Some(*task),
        _ => None,
    };
    let leaving: BTreeSet<TaskId> = changes.iter().filter_map(stopped).collect();
    cluster.route(name, &leaving, now);
    let has_ports =
        cluster.services.get(name).is_some_and(|managed| !managed.service.wanted().spec.ports.is_empty());
    if has_ports {
        changes.retain(|change| stopped(change).is_none_or(|task| cluster.is_drained(name, task, now)));
    }
    changes
}

/// Has the trials of a service's tasks learn how these are.
fn learn(cluster: &mut Cluster, name: &ServiceName, now: Moment) {
    let Cluster { services, tasks, nodes, .. } = cluster;
    let Some(managed) = services.look_at(name, now) else { return };
    let is_proven = managed.service.is_proven();
    for (id, trial) in &mut managed.tasks {
        let Some(task) = tasks.get(id) else { continue };
        let is_heard = task.node.as_ref().is_none_or(|node| nodes.get(node).is_some_and(is_heard));
        trial.learn(task, is_heard, now);
        if is_proven {
            trial.forgive(task);
        }
    }
}

fn is_heard(member: &Member) -> bool {
    member.node.state != NodeState::Unreachable
}

/// A service as it is looked at, with the slots that it should have.
pub(super) struct Look<'a> {
    cluster: &'a Cluster,
    managed: &'a Managed,
    slots: BTreeSet<Slot>,
}

impl<'a> Look<'a> {
    pub(super) fn at(cluster: &'a Cluster, name: &ServiceName) -> Option<Self> {
        let managed = cluster.services.get(name)?;
        Some(Self { cluster, managed, slots: slots(cluster, &managed.service) })
    }

    /// How far it is.
    pub(super) fn progress(&self, now: Moment) -> Progress {
        match self.service().wanted().spec.mode {
            Mode::Replicated(_) | Mode::Global => {
                self.rollout(&self.instances(), |service| rollout::progress(service, now))
            }
            Mode::Job(job) => self.progress_of_job(job),
            Mode::Cron(_) => schedules::progress(self.managed),
        }
    }

    fn progress_of_job(&self, job: Job) -> Progress {
        let runs = self.runs();
        let count = |condition| runs.iter().filter(|run| run.condition == condition).count();
        Progress {
            slots: usize::try_from(job.completions).unwrap_or(usize::MAX),
            done: count(job::Condition::Done),
            ready: self.tasks().filter(|(_, trial)| trial.ready.is_some()).count(),
            under_way: count(job::Condition::Live) + count(job::Condition::Leaving),
        }
    }

    /// What to do about it next.
    fn next(&self, now: Now) -> Vec<ServiceChange> {
        let service = self.service();
        if service.desired == Desired::Stop {
            return self.leave();
        }
        let former = schedules::leave(self.cluster, self.managed);
        if !former.is_empty() {
            return former;
        }
        let steps = match &service.wanted().spec.mode {
            Mode::Replicated(_) | Mode::Global => {
                self.rollout(&self.instances(), |service| rollout::decide(service, now.moment))
            }
            Mode::Job(_) if service.is_settled() => Vec::new(),
            Mode::Job(job) => job::decide(*job, service.wanted().template, service.is_paused, &self.runs()),
            Mode::Cron(cron) => return schedules::next(self.cluster, self.managed, cron, now.wall),
        };
        steps.into_iter().filter_map(|step| self.change(step)).collect()
    }

    fn service(&self) -> &'a Service {
        &self.managed.service
    }

    fn tasks(&self) -> impl Iterator<Item = (&'a Task, &'a Trial)> {
        let (cluster, tasks) = (self.cluster, &self.managed.tasks);
        tasks.iter().filter_map(|(id, trial)| Some((cluster.tasks.get(id)?, trial)))
    }

    /// Has `look` see it as a rollout.
    fn rollout<T>(&self, instances: &[Instance], look: impl FnOnce(&rollout::Service<'_>) -> T) -> T {
        let service = self.service();
        let (wanted, policy) = (service.wanted(), service.policy());
        look(&rollout::Service {
            policy,
            order: wanted.spec.order(policy),
            slots: &self.slots,
            wanted: wanted.template,
            stable: service.stable().map(|stable| stable.template),
            gate: match service.stage {
                _ if service.is_paused => Gate::Held,
                Stage::Canary => Gate::Canary(policy.canary),
                Stage::Whole => Gate::Open,
                Stage::Regardless => Gate::Regardless,
            },
            failures: service.failures,
            last_done: self.managed.last_done,
            instances,
        })
    }

    fn instances(&self) -> Vec<Instance> {
        let instance = |(task, trial): (&Task, &Trial)| {
            let membership = task.membership.as_ref()?;
            let (slot, version) = (membership.slot.clone(), membership.version);
            let must_leave = is_handed_over(self.cluster, task);
            let is_new = version == self.service().wanted().template && !must_leave;
            let condition = condition(task, trial, is_new)?;
            Some(Instance { task: task.id, slot, version, must_leave, condition })
        };
        self.tasks().filter_map(instance).collect()
    }

    fn runs(&self) -> Vec<Run> {
        let run = |(task, trial): (&Task, &Trial)| {
            let membership = task.membership.as_ref()?;
            let (slot, version) = (membership.slot.clone(), membership.version);
            let condition = match (task.desired, task.state) {
                (Desired::Stop, state) if state.is_final() || trial.is_out_of_reach(task) => return None,
                (Desired::Stop, _) => job::Condition::Leaving,
                (Desired::Run, State::Completed) => job::Condition::Done,
                (Desired::Run, State::Failed) => job::Condition::Failed,
                (Desired::Run, _) => job::Condition::Live,
            };
            Some(Run { task: task.id, slot, version, condition })
        };
        self.tasks().filter_map(run).collect()
    }

    /// Stops all that one that is to be removed has; once it has nothing, it is no more.
    fn leave(&self) -> Vec<ServiceChange> {
        let service = &self.service().name;
        if self.managed.tasks.is_empty() {
            return vec![ServiceChange::Drop { service: service.clone() }];
        }
        let staying = self.tasks().filter(|(task, _)| task.desired == Desired::Run);
        let stop = |(task, _): (&Task, &Trial)| ServiceChange::Stop {
            service: service.clone(),
            task: task.id,
            why: format!("the service {service} was removed"),
        };
        staying.map(stop).collect()
    }

    /// What a step means for the cluster; `None` = nothing.
    fn change(&self, step: Step) -> Option<ServiceChange> {
        let service = self.service().name.clone();
        Some(match step {
            Step::Start { slot, version } => ServiceChange::Start { service, slot, version },
            Step::Stop { task, why } => ServiceChange::Stop { service, task, why },
            Step::Discard { task } => ServiceChange::Discard { service, task },
            Step::Finish if self.service().is_settled() => return None,
            Step::Finish => ServiceChange::Settle { service },
            Step::Fail { why } => ServiceChange::Fail { service, why: self.blame(&why) },
        })
    }

    /// With what the first task says that failed.
    fn blame(&self, why: &str) -> String {
        let wanted = self.service().wanted().template;
        let is_new = |task: &Task| task.membership.as_ref().is_some_and(|its| its.version == wanted);
        let failed = |(task, trial): &(&Task, &Trial)| {
            is_new(task)
                && (task.state == State::Failed
                    || matches!(condition(task, trial, true), Some(Condition::Failed { .. })))
        };
        let first = self.tasks().find(failed).filter(|(task, _)| !task.message.is_empty());
        first.map_or_else(
            || why.to_owned(),
            |(task, _)| format!("{why}. {} says: {}", task.spec.name, task.message),
        )
    }
}

/// Whether another task takes the place of one that has to leave its node, because that is being drained or for a
/// rebalance.
pub(super) fn is_handed_over(cluster: &Cluster, task: &Task) -> bool {
    let is_drained = |member: &Member| member.node.availability == Availability::Drain;
    let on_drained = || task.node.as_ref().and_then(|node| cluster.nodes.get(node)).is_some_and(is_drained);
    (cluster.services.displaced().contains_key(&task.id) || on_drained()) && may_be_handed_over(cluster, task)
}

/// Whether another can take the place of a task, elsewhere and first, as in a rollout: what is connected to it through a
/// port of its service then ends before it does. Others move, and so do those of a service whose rollout may go no further
/// now.
pub(super) fn may_be_handed_over(cluster: &Cluster, task: &Task) -> bool {
    let service = task.membership.as_ref().and_then(|its| cluster.services.get(&its.service));
    service.is_some_and(|Managed { service, .. }| {
        let spec = &service.wanted().spec;
        !spec.ports.is_empty()
            && matches!(spec.mode, Mode::Replicated(_))
            && spec.order(service.policy()) == Order::StartFirst
            && service.stage != Stage::Canary
            && !service.is_paused
    })
}

/// Why none takes the place of a task that is handed over yet, or none will; `None` = nothing is in the way.
pub(super) fn why_not_handed_over(cluster: &Cluster, task: &Task) -> Option<String> {
    let membership = task.membership.as_ref()?;
    let others =
        cluster.services.get(&membership.service)?.tasks.keys().filter_map(|id| cluster.tasks.get(id));
    let in_its_slot =
        |other: &&Task| other.membership.as_ref().is_some_and(|its| its.slot == membership.slot);
    let why = |other: &Task| match other.state {
        State::Pending => Some(other.message.clone()).filter(|why| !why.is_empty()),
        state if state.is_final() => {
            Some(format!("{} was to take its place, and has ended: {}", other.spec.name, other.message))
        }
        _ => None,
    };
    let wanted = |other: &&Task| other.id != task.id && other.desired == Desired::Run;
    others.filter(in_its_slot).filter(wanted).find_map(why)
}

/// How a task is. Only one of the version that is wanted is on trial, where it may stay: of another counts how it is now.
fn condition(task: &Task, trial: &Trial, is_new: bool) -> Option<Condition> {
    Some(match (task.desired, task.state.is_final(), trial.ready) {
        (Desired::Stop, true, _) => return None,
        (Desired::Stop, false, _) if trial.is_out_of_reach(task) => return None,
        (Desired::Stop, false, _) => Condition::Leaving,
        (Desired::Run, true, _) => Condition::Failed { is_ready: false },
        (Desired::Run, false, ready) if is_new && trial.has_failed => {
            Condition::Failed { is_ready: ready.is_some() }
        }
        (Desired::Run, false, Some(since)) => Condition::Ready(since),
        (Desired::Run, false, None) => Condition::Starting(trial.since),
    })
}

/// The slots that a service should have. A node that is being drained has none, and one that is not heard of keeps its own.
fn slots(cluster: &Cluster, service: &Service) -> BTreeSet<Slot> {
    let spec = &service.wanted().spec;
    match spec.mode {
        Mode::Replicated(count) => (1..=count).map(Slot::Number).collect(),
        Mode::Job(job) => (1..=job.completions).map(Slot::Number).collect(),
        Mode::Cron(_) => service.schedule.open().map(|run| Slot::Number(run.number)).collect(),
        Mode::Global => {
            let open =
                cluster.nodes.values().filter(|member| member.node.availability != Availability::Drain);
            let fits = open.filter(|member| admits(&spec.task.placement, &member.candidate()));
            fits.map(|member| Slot::Node(member.node.name.clone())).collect()
        }
    }
}
