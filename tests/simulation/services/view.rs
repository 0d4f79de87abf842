//! A service as whoever judges it sees it: counted anew from the manager's tasks and nodes, by none of the code under test.

use std::collections::BTreeSet;

use orc::model::id::{NodeName, TaskId};
use orc::model::node::{Availability, NodeState};
use orc::model::service::{Mode, Order, Service, ServiceName, Slot, Stage};
use orc::model::spec::Failover;
use orc::model::state::Desired;
use orc::model::task::Task;
use orc::plan::cluster::Cluster;

/// A service and all of its tasks.
pub(super) struct View<'a> {
    cluster: &'a Cluster,
    pub(super) service: &'a Service,
    tasks: Vec<&'a Task>,
}

impl<'a> View<'a> {
    pub(super) fn of(cluster: &'a Cluster, name: &ServiceName) -> Option<Self> {
        let service = cluster.service_of(name)?;
        let is_its = |task: &&Task| task.membership.as_ref().is_some_and(|its| its.service == *name);
        Some(Self { cluster, service, tasks: cluster.tasks().filter(is_its).collect() })
    }

    /// The slots that it should have. What the simulated services ask for, every node has.
    pub(super) fn slots(&self) -> BTreeSet<Slot> {
        match self.service.wanted().spec.mode {
            Mode::Replicated(count) => (1..=count).map(Slot::Number).collect(),
            Mode::Job(job) => (1..=job.completions).map(Slot::Number).collect(),
            Mode::Global => {
                let nodes = self.cluster.nodes().map(|member| &member.node);
                let open = nodes.filter(|node| node.availability != Availability::Drain);
                open.map(|node| Slot::Node(node.name.clone())).collect()
            }
            // Its runs are judged by themselves.
            Mode::Cron(_) => BTreeSet::new(),
        }
    }

    pub(super) fn is_by_clock(&self) -> bool {
        self.service.wanted().spec.mode.cron().is_some()
    }

    /// Whether a task is, or was, a run by the clock.
    pub(super) fn is_of_run(&self, task: TaskId) -> bool {
        self.service.schedule.runs.values().any(|run| run.task == Some(task))
    }

    pub(super) fn is_job(&self) -> bool {
        matches!(self.service.wanted().spec.mode, Mode::Job(_))
    }

    pub(super) fn order(&self) -> Order {
        self.service.wanted().spec.order(self.service.policy())
    }

    /// Slots that may change at a time.
    pub(super) fn at_a_time(&self) -> usize {
        match self.service.policy().parallelism {
            0 => self.slots().len().max(1),
            some => usize::try_from(some).expect("a small number"),
        }
    }

    /// So many ready tasks there must be, at least, of one whose tasks are stopped first.
    pub(super) fn least(&self) -> usize {
        let slots = self.slots().len();
        slots.saturating_sub(self.at_a_time()).max(usize::from(slots > 1))
    }

    /// Whether its tasks are as those of a version that was healthy in every slot.
    pub(super) fn is_proven(&self) -> bool {
        let wanted = self.service.wanted().template;
        self.service.stable().is_some_and(|stable| stable.template == wanted)
    }

    pub(super) fn goes_on_regardless(&self) -> bool {
        self.service.stage == Stage::Regardless
    }

    /// Its tasks that are wanted, ended or not.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &'a Task> + '_ {
        self.tasks.iter().copied().filter(|task| task.desired == Desired::Run)
    }

    /// Those that are wanted and have not ended.
    pub(super) fn live(&self) -> impl Iterator<Item = &'a Task> + '_ {
        self.wanted().filter(|task| !task.state.is_final())
    }

    pub(super) fn live_in<'b>(&'b self, slot: &'b Slot) -> impl Iterator<Item = &'a Task> + 'b {
        self.live().filter(move |task| slot_of(task) == Some(slot))
    }

    /// Those that were asked to stop and have not, as far as anybody can hear of them.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &'a Task> + '_ {
        let leaves = move |task: &&Task| {
            let waited_for = self.is_heard(task) || task.spec.failover == Failover::Single;
            task.desired == Desired::Stop && !task.state.is_final() && waited_for
        };
        self.tasks.iter().copied().filter(leaves)
    }

    pub(super) fn is_ready(&self, task: &Task) -> bool {
        task.is_ready() && self.is_heard(task)
    }

    fn is_heard(&self, task: &Task) -> bool {
        task.node.as_ref().is_none_or(|node| self.hears(node))
    }

    fn is_drained(&self, task: &Task) -> bool {
        let node = task.node.as_ref().and_then(|node| self.cluster.node(node));
        node.is_some_and(|member| member.node.availability == Availability::Drain)
    }

    pub(super) fn hears(&self, node: &NodeName) -> bool {
        self.cluster.node(node).is_some_and(|member| member.node.state != NodeState::Unreachable)
    }

    /// Slots in which a task is ready, without counting one.
    pub(super) fn ready_slots(&self, but: Option<TaskId>) -> BTreeSet<&'a Slot> {
        let slots = self.slots();
        let ready = self.live().filter(|task| Some(task.id) != but && self.is_ready(task));
        ready.filter_map(slot_of).filter(|slot| slots.contains(*slot)).collect()
    }

    /// Slots with two live tasks that are wanted.
    pub(super) fn doubled(&self) -> usize {
        self.slots().iter().filter(|slot| self.live_in(slot).count() > 1).count()
    }

    /// Slots, other than this one, with a live task of the version that is wanted, which may stay where it is.
    pub(super) fn others_with_new(&self, slot: &Slot) -> usize {
        let template = self.service.wanted().template;
        let is_new = |task: &Task| version_of(task) == Some(template) && !self.is_drained(task);
        let has_new = |other: &Slot| self.live_in(other).any(is_new);
        self.slots().iter().filter(|other| *other != slot && has_new(other)).count()
    }

    /// Its tasks that are not over, wanted or not.
    pub(super) fn remains(&self) -> impl Iterator<Item = &'a Task> + '_ {
        self.tasks.iter().copied().filter(|task| task.desired == Desired::Run || !task.state.is_final())
    }
}

pub(super) fn slot_of(task: &Task) -> Option<&Slot> {
    task.membership.as_ref().map(|its| &its.slot)
}

pub(super) fn version_of(task: &Task) -> Option<u64> {
    task.membership.as_ref().map(|its| its.version)
}
