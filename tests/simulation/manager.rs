//! The manager's shell, simulated: it takes in, decides, writes, and only then answers, as the real one does. Its store
//! keeps exactly what [`Cluster::take_dirty`] says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orc::model::epoch::Epoch;
use orc::model::id::{ClusterId, InstanceId, NodeName, RequestId, TaskId};
use orc::model::node::{Node, SchedulerKind};
use orc::model::service::{Run, Service, ServiceName, Version};
use orc::model::task::Task;
use orc::plan::cluster::change::{Applied, Change, Refusal};
use orc::plan::cluster::reconcile::{PASS, Patience, reconcile};
use orc::plan::cluster::{Cluster, Restored};
use uuid::Uuid;

use crate::faults::Planted;
use crate::random::Random;
use crate::schedule::{Op, Point, Profile};
use crate::world::{Checked, Clocks, Event, World};

const PLAN_AFTER: u64 = 2;
const TICK: u64 = 500;
/// Whoever decides twice a second and has not for so long stood still.
const STOOD_STILL: u64 = 2_000;

/// The manager's process and its database.
pub(crate) struct Manager {
    pub(crate) clocks: Clocks,
    /// Counts its processes: what was meant for an earlier one never reaches a later one.
    pub(crate) life: u64,
    /// `None` while it is down.
    pub(crate) cluster: Option<Cluster>,
    pub(crate) disk: Disk,
    pub(crate) patience: Patience,
    /// Its disk is full.
    pub(crate) full: bool,
    /// It dies at its next write.
    pub(crate) crash: Option<(Point, u64)>,
    /// Workers that wait for news: their question and what they know.
    pub(crate) polls: BTreeMap<NodeName, Poll>,
    /// It has decided since it read its disk: before that it tells nobody where ports lead.
    pub(crate) has_decided: bool,
    /// Its process stands still until then.
    pub(crate) frozen_until: u64,
    /// When it decided last.
    ticked: u64,
    /// When it heard of each worker last, by the world's clock.
    pub(crate) heard: BTreeMap<NodeName, u64>,
    plan_at: Option<u64>,
    wake_at: u64,
    scheduler: SchedulerKind,
}

/// What is durable.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) id: ClusterId,
    pub(crate) epoch: u64,
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) lived: Duration,
    pub(crate) revision: u64,
    pub(crate) next_seq: u64,
    pub(crate) rebalance: u32,
    /// Shared, because the whole disk is copied for each write.
    pub(crate) tasks: BTreeMap<TaskId, Arc<Task>>,
    pub(crate) nodes: BTreeMap<NodeName, Node>,
    pub(crate) requests: BTreeMap<RequestId, (TaskId, String)>,
    /// Services without their versions and runs.
    pub(crate) services: BTreeMap<ServiceName, Service>,
    pub(crate) versions: BTreeMap<(ServiceName, u64), Arc<Version>>,
    pub(crate) runs: BTreeMap<(ServiceName, u32), Arc<Run>>,
}

/// A worker that waits for news.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Poll {
    /// Its question.
    pub(crate) id: u64,
    /// What it knows.
    pub(crate) known: Option<u64>,
    /// The routes that it knows.
    pub(crate) routed: u64,
}

/// What a user hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Accepted,
    Repeated,
    Refused(Refusal),
    /// 507: nothing was done.
    Full,
    /// Nothing at all: it may have been done.
    Nothing,
}

impl Reply {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Repeated => "repeated",
            Self::Refused(Refusal::NameTaken { .. }) => "name taken",
            Self::Refused(Refusal::RequestReused(_)) => "request reused",
            Self::Refused(Refusal::UnknownNode(_)) => "unknown node",
            Self::Refused(Refusal::PortTaken { .. }) => "port taken",
            Self::Refused(Refusal::ServiceChanged { .. }) => "service changed",
            Self::Refused(Refusal::ServiceLeaves { .. }) => "service leaves",
            Self::Refused(Refusal::NeverFits(_)) => "never fits",
            Self::Refused(Refusal::NothingToSteer(_)) => "nothing to steer",
            Self::Refused(_) => "refused otherwise",
            Self::Full => "full",
            Self::Nothing => "nothing",
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Yes,
    /// There was no room: all is as it was.
    No,
    /// The process died before or after it.
    Died,
}

impl Manager {
    pub(crate) fn new(id: ClusterId, profile: &Profile, random: &mut Random) -> Self {
        let retention =
            if profile.short_retention { Duration::from_secs(30) } else { Patience::default().retention };
        let disk = Disk {
            id,
            epoch: 0,
            epochs: Vec::new(),
            lived: Duration::ZERO,
            revision: 0,
            next_seq: 1,
            rebalance: 0,
            tasks: BTreeMap::new(),
            nodes: BTreeMap::new(),
            requests: BTreeMap::new(),
            services: BTreeMap::new(),
            versions: BTreeMap::new(),
            runs: BTreeMap::new(),
        };
        Self {
            clocks: Clocks::new(profile, random),
            life: 0,
            cluster: None,
            disk,
            patience: Patience { retention, ..Patience::default() },
            full: false,
            crash: None,
            polls: BTreeMap::new(),
            has_decided: false,
            frozen_until: 0,
            ticked: 0,
            heard: BTreeMap::new(),
            plan_at: None,
            wake_at: 0,
            scheduler: profile.scheduler,
        }
    }

    fn restored(&self, now: u64) -> Cluster {
        let services: Vec<Service> =
            self.disk.services.keys().filter_map(|name| self.disk.service(name)).collect();
        let whole = |name: &&ServiceName| services.iter().any(|service| service.name == **name);
        let unreadable_services = self.disk.services.keys().filter(|name| !whole(name)).cloned().collect();
        let Disk { id, epoch, epochs, lived, revision, next_seq, rebalance, tasks, nodes, requests, .. } =
            self.disk.clone();
        let requests = requests.into_iter().map(|(id, (task, digest))| (id, task, digest)).collect();
        let tasks = tasks.into_values().map(Arc::unwrap_or_clone).collect();
        let nodes = nodes.into_values().collect();
        let restored = Restored {
            services,
            unreadable_services,
            files: Vec::new(),
            images: Vec::new(),
            id,
            epoch,
            epochs,
            lived,
            revision,
            next_seq,
            rebalance,
            tasks,
            nodes,
            requests,
            unreadable: Vec::new(),
        };
        Cluster::restore(restored, self.scheduler, self.clocks.at(now))
    }
}

impl World {
    pub(crate) fn boot_manager(&mut self) {
        if self.manager.cluster.is_some() {
            return;
        }
        self.manager.life += 1;
        self.manager.patience.lease = Duration::from_secs(self.random.pick(self.profile.leases));
        self.manager.ticked = self.now;
        let start = InstanceId::from_uuid(Uuid::from_u128(u128::from(self.manager.life)));
        let disk = &mut self.manager.disk;
        disk.epoch += 1;
        disk.epochs.push(Epoch { number: disk.epoch, start, revision: disk.revision });
        self.restore_manager();
        self.manager.plan_at = Some(self.now);
        let epoch = self.manager.disk.epoch;
        self.say(|| format!("manager begins epoch {epoch}"));
        self.arrange_manager();
    }

    /// Reads back what is durable. Every worker's lease begins anew.
    fn restore_manager(&mut self) {
        let cluster = self.manager.restored(self.now);
        self.manager.cluster = Some(cluster);
        self.manager.has_decided = false;
        self.users.go_by(&self.manager.disk.tasks);
        self.manager.heard.values_mut().for_each(|heard| *heard = self.now);
    }

    /// The process is gone, and whoever waited for it learns that.
    pub(crate) fn kill_manager(&mut self) {
        self.say(|| "manager dies".to_owned());
        self.manager.life += 1;
        self.manager.cluster = None;
        self.manager.crash = None;
        for (name, poll) in std::mem::take(&mut self.manager.polls) {
            self.fail_question(&name, poll.id);
        }
    }

    fn arrange_manager(&mut self) {
        let at = self.manager.plan_at.unwrap_or(self.now + TICK).max(self.now);
        self.manager.wake_at = at;
        let life = self.manager.life;
        self.at(at, Event::ManagerWakes { life, at });
    }

    pub(crate) fn manager_wakes(&mut self, life: u64, at: u64) -> Checked {
        if self.manager.life != life || self.manager.wake_at != at {
            return Ok(());
        }
        if self.manager.frozen_until > self.now {
            // All that comes meanwhile waits, as in the buffers of a process that stands still.
            let wake = self.manager.frozen_until;
            self.manager.wake_at = wake;
            self.at(wake, Event::ManagerWakes { life, at: wake });
            return Ok(());
        }
        self.manager.plan_at = None;
        if self.now > self.manager.ticked + STOOD_STILL {
            self.apply_own(&Change::Awoke);
            self.manager.heard.values_mut().for_each(|heard| *heard = self.now);
        }
        self.manager.ticked = self.now;
        let now = self.manager.clocks.at(self.now);
        let patience = self.manager.patience;
        let Some(cluster) = &mut self.manager.cluster else { return Ok(()) };
        let changes = reconcile(cluster, patience, now);
        let some_are_lost = changes.iter().any(|change| matches!(change, Change::Lose { .. }));
        let more = changes.len() >= PASS || some_are_lost;
        if !some_are_lost {
            self.manager.has_decided = true;
            self.judge_routes()?;
        }
        for change in &changes {
            self.say(|| format!("manager decides {change:?}"));
            self.check_placement(change)?;
            self.check_data(change)?;
            self.judge_step(change)?;
            self.apply_own(change);
        }
        match self.commit(Vec::new())? {
            Written::Died => return Ok(()),
            Written::No => {}
            // Where ports lead is told as soon as it is decided: it is not written down.
            Written::Yes => {
                self.answer_polls();
                self.check_due_runs()?;
            }
        }
        self.manager.plan_at = more.then_some(self.now);
        self.arrange_manager();
        Ok(())
    }

    /// Applies a change that no user waits for; `None` when it is refused.
    pub(crate) fn apply_own(&mut self, change: &Change) -> Option<Applied> {
        let now = self.manager.clocks.at(self.now);
        let cluster = self.manager.cluster.as_mut()?;
        let about = if let Change::Report { report, .. } = change { Some(report.task) } else { None };
        let before =
            about.and_then(|task| cluster.task(task)).filter(|task| task.membership.is_some()).cloned();
        let Ok(applied) = cluster.apply(change, now) else {
            self.coverage.count("change", "refused");
            return None;
        };
        self.trials.note_report(before.as_ref(), before.as_ref().and_then(|task| cluster.task(task.id)));
        let what = match (&applied, change) {
            (Applied::Ignored, Change::Report { .. }) => "report ignored",
            (Applied::Ignored, _) => "ignored",
            (_, Change::Report { .. }) => "report",
            (_, Change::Heard(_)) => "heard",
            (_, Change::Move { .. }) => "move",
            (_, Change::GiveWay { .. }) => "give way",
            (_, Change::Recall { .. }) => "recall",
            (_, Change::Released { .. }) => "released",
            (_, Change::TakeBack { .. }) => "take back",
            (_, Change::Immovable { .. }) => "immovable",
            (_, Change::Place { .. }) => "place",
            (_, Change::Unplaceable { .. }) => "unplaceable",
            (_, Change::Cancel { .. }) => "cancel",
            (_, Change::Lose { .. }) => "lose",
            (_, Change::Forget { .. }) => "forget",
            _ => "other",
        };
        self.coverage.count("change", what);
        Some(applied)
    }

    /// Takes a user's word in, and answers once it is durable.
    pub(crate) fn manager_hears_user(&mut self, change: &Change) -> Checked<Reply> {
        let now = self.manager.clocks.at(self.now);
        let Some(cluster) = &mut self.manager.cluster else { return Ok(Reply::Nothing) };
        let request = request_of(change);
        let reply = match cluster.apply(change, now) {
            Ok(Applied::Repeated) => return Ok(Reply::Repeated),
            Ok(_) => Reply::Accepted,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        if self.planted == Some(Planted::AnswersBeforeCommit) && self.manager.crash.is_some() {
            self.commit(request.into_iter().collect())?;
            return Ok(reply);
        }
        let written = self.commit(request.into_iter().collect())?;
        self.plan_soon();
        Ok(match written {
            Written::Yes => reply,
            Written::No => Reply::Full,
            Written::Died => Reply::Nothing,
        })
    }

    pub(crate) fn plan_soon(&mut self) {
        if self.manager.cluster.is_some() && self.manager.plan_at.is_none() {
            self.manager.plan_at = Some(self.now + PLAN_AFTER);
            self.arrange_manager();
        }
    }

    /// Writes what has changed, all or nothing.
    pub(crate) fn commit(&mut self, requests: Vec<(RequestId, TaskId, String)>) -> Checked<Written> {
        let Some(cluster) = &mut self.manager.cluster else { return Ok(Written::Died) };
        let dirty = cluster.take_dirty();
        let nothing = dirty.tasks.is_empty()
            && dirty.nodes.is_empty()
            && dirty.forgotten.is_empty()
            && dirty.services.is_empty()
            && dirty.runs.is_empty()
            && dirty.pruned_runs.is_empty()
            && dirty.dropped.is_empty();
        let rebalance = cluster.rebalance().left;
        if nothing && requests.is_empty() && rebalance == self.manager.disk.rebalance {
            return Ok(Written::Yes);
        }
        if let Some((Point::BeforeWrite, for_ms)) = self.manager.crash {
            self.manager_crashes(for_ms);
            return Ok(Written::Died);
        }
        if self.manager.full {
            let routed = cluster.routes().revision;
            self.restore_manager();
            if let Some(cluster) = &mut self.manager.cluster {
                cluster.number_routes_after(routed);
            }
            return Ok(Written::No);
        }
        let mut disk = self.manager.disk.clone();
        disk.revision = cluster.revision();
        disk.lived = cluster.lived(self.manager.clocks.at(self.now).moment);
        disk.rebalance = rebalance;
        for task in dirty.tasks.iter().filter_map(|id| cluster.task(*id)) {
            disk.next_seq = disk.next_seq.max(task.seq + 1);
            disk.tasks.insert(task.id, Arc::new(task.clone()));
        }
        for name in &dirty.nodes {
            disk.nodes.extend(cluster.node(name).map(|member| (name.clone(), member.node.clone())));
        }
        disk.requests.extend(requests.into_iter().map(|(id, task, digest)| (id, (task, digest))));
        disk.tasks.retain(|id, _| !dirty.forgotten.contains(id));
        disk.requests.retain(|_, (task, _)| !dirty.forgotten.contains(task));
        disk.write_services(cluster, &dirty);
        self.check_commit(&disk, &dirty)?;
        self.keep_books(&disk, &dirty)?;
        self.manager.disk = disk;
        for task in dirty.tasks.iter().filter_map(|id| self.manager.disk.tasks.get(id)) {
            if task.membership.is_some() {
                self.users.note_member(task);
            }
        }
        if let Some((Point::AfterWrite, for_ms)) = self.manager.crash {
            self.manager_crashes(for_ms);
            return Ok(Written::Died);
        }
        self.answer_polls();
        Ok(Written::Yes)
    }

    fn manager_crashes(&mut self, for_ms: u64) {
        self.coverage.count("crash", "manager");
        self.kill_manager();
        self.after(for_ms, Event::Over(Op::ManagerDown { for_ms }));
    }
}

fn request_of(change: &Change) -> Option<(RequestId, TaskId, String)> {
    match change {
        Change::Submit(submission) => Some((submission.request, submission.task, submission.digest.clone())),
        Change::Stop { task, request } => request.clone().map(|(id, digest)| (id, *task, digest)),
        _ => None,
    }
}
