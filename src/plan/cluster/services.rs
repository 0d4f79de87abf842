//! The services by name, with their tasks, and which of them to look at next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::routes::Withdrawn;
use crate::model::id::{NodeName, TaskId};
use crate::model::port::Port;
use crate::model::routes::{Endpoints, Routes};
use crate::model::service::{Mode, Service, ServiceName};
use crate::model::spec::Failover;
use crate::model::state::{Desired, State};
use crate::model::task::Task;
use crate::model::time::{Moment, Now, Timestamp};

/// One that is on its way, or that depends on which nodes there are, is looked at so often without anything having
/// changed of it.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Every service.
#[derive(Debug, Clone, Default)]
pub(super) struct Services {
    all: BTreeMap<ServiceName, Managed>,
    /// Changed since the planner looked.
    stirred: BTreeSet<ServiceName>,
    /// Those for which time alone may bring something.
    restless: BTreeSet<ServiceName>,
    /// Those that are there and cannot be read: nothing is done about them.
    unreadable: BTreeSet<ServiceName>,
    /// Those that run by the clock, by when that is next.
    by_clock: BTreeSet<(Timestamp, ServiceName)>,
    /// What the clock on the wall showed last.
    wall: Option<Timestamp>,
    /// What is behind their ports.
    routes: Routes,
    /// Tasks in whose places a rebalance wants others, and where. Not stored: a manager that starts looks anew.
    displaced: BTreeMap<TaskId, NodeName>,
}

/// A service and what is derived of it.
#[derive(Debug, Clone)]
pub struct Managed {
    /// What the store keeps of it.
    pub service: Service,
    /// Its tasks that live or hold a slot, and how each has done so far.
    pub(super) tasks: BTreeMap<TaskId, Trial>,
    /// Those that get no new connections, because they are to be stopped.
    pub(super) withdrawn: BTreeMap<TaskId, Withdrawn>,
    /// When the planner looked at it last.
    looked_at: Option<Moment>,
    /// Slots that were what they should be at the last look.
    pub(super) done: usize,
    /// When one became that last, on the way to the wanted version.
    pub(super) last_done: Option<Moment>,
}

/// How a task does under its present placement. Not stored: a manager that starts begins each trial anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trial {
    placement: u32,
    /// Restarts before this placement; `None` = not known before it runs.
    restarts: Option<u32>,
    /// Wanted since then.
    pub(super) since: Moment,
    /// It gets traffic, without a break since then.
    pub(super) ready: Option<Moment>,
    /// It ended and began anew, or was ready and is not any more.
    pub(super) has_failed: bool,
    /// Its node is heard of, or it has none.
    is_heard: bool,
}

impl Trial {
    pub(super) const fn new(placement: u32, now: Moment) -> Self {
        // Who is placed for the first time has nothing behind it. Who has moved brings along what was elsewhere.
        let restarts = if placement <= 1 { Some(0) } else { None };
        Self { placement, restarts, since: now, ready: None, has_failed: false, is_heard: true }
    }

    /// Learns how its task is. `is_heard`: its node is heard of, or it has none.
    pub(super) fn learn(&mut self, task: &Task, is_heard: bool, now: Moment) {
        if self.placement != task.placement {
            let was_waiting = self.placement == 0;
            *self =
                Self { since: if was_waiting { self.since } else { now }, ..Self::new(task.placement, now) };
        }
        if task.state == State::Running {
            self.restarts.get_or_insert(task.observed.restarts);
        }
        self.is_heard = is_heard;
        let is_ready = is_heard && task.is_ready();
        let has_restarted = self.restarts.is_some_and(|before| task.observed.restarts > before);
        self.has_failed |= has_restarted || (is_heard && self.ready.is_some() && !is_ready);
        self.ready = is_ready.then(|| self.ready.unwrap_or(now));
    }

    /// Whether a task that was asked to stop is past waiting for: nobody hears of its node, which ends it should it come
    /// back. What may run only once is waited for.
    pub(super) fn is_out_of_reach(&self, task: &Task) -> bool {
        !self.is_heard && task.spec.failover == Failover::Available
    }

    /// Of a task of a version that has shown that it works, what happens to it tells nothing about the version.
    pub(super) fn forgive(&mut self, task: &Task) {
        self.restarts = self.restarts.map(|_| task.observed.restarts);
        self.has_failed = false;
    }
}

impl Services {
    /// None yet, and these are nobody's to make. `epoch` is this life's of the manager.
    pub(super) fn new(unreadable: Vec<ServiceName>, epoch: u64) -> Self {
        let routes = Routes { revision: Routes::first_of(epoch), ..Routes::default() };
        Self { unreadable: unreadable.into_iter().collect(), routes, ..Self::default() }
    }

    /// What is behind their ports.
    pub(super) const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Goes on with numbers that nobody knows.
    pub(super) fn number_routes_after(&mut self, revision: u64) {
        self.routes.revision = self.routes.revision.max(revision.saturating_add(1));
    }

    /// Enters what is behind the ports of a service; whether that is something else than before.
    pub(super) fn set_routes(&mut self, name: &ServiceName, routed: BTreeMap<Port, Endpoints>) -> bool {
        let ports = &mut self.routes.ports;
        let own = ports.iter().filter(|(_, behind)| behind.service == *name);
        if own.eq(routed.iter()) {
            return false;
        }
        ports.retain(|_, behind| behind.service != *name);
        for (port, behind) in routed {
            // Whose port it is was settled when the service was changed.
            ports.entry(port).or_insert(behind);
        }
        self.routes.revision += 1;
        true
    }

    /// Notes which tasks of a service get no new connections, because they are to be stopped: these, and no others.
    pub(super) fn withdraw(&mut self, name: &ServiceName, leaving: &BTreeSet<TaskId>, now: Moment) {
        let Some(managed) = self.all.get_mut(name) else { return };
        managed.withdrawn.retain(|id, _| leaving.contains(id));
        for id in leaving {
            managed.withdrawn.entry(*id).or_insert(Withdrawn::new(now));
        }
        if !leaving.is_empty() {
            // Whether it has connections changes without anything else.
            self.restless.insert(name.clone());
        }
    }

    /// Notes since which routes they get none.
    pub(super) fn date_withdrawn(&mut self, name: &ServiceName) {
        let revision = self.routes.revision;
        if let Some(managed) = self.all.get_mut(name) {
            managed.withdrawn.values_mut().for_each(|withdrawn| withdrawn.date(revision));
        }
    }

    /// The service, other than this one, that has a port, or will have it when it is brought back to what was good.
    pub(super) fn holder_of(&self, port: Port, but: &ServiceName) -> Option<&ServiceName> {
        let others = self.all.values().map(|managed| &managed.service).filter(|service| service.name != *but);
        let has = |service: &&Service| {
            let versions = std::iter::once(service.wanted()).chain(service.stable());
            versions.flat_map(|version| &version.spec.ports).any(|its| its.published == port)
        };
        others.into_iter().find(has).map(|service| &service.name)
    }

    /// Whether a service is there and cannot be read.
    pub(super) fn is_unreadable(&self, name: &ServiceName) -> bool {
        self.unreadable.contains(name)
    }

    pub(super) fn get(&self, name: &ServiceName) -> Option<&Managed> {
        self.all.get(name)
    }

    /// A service, to change it.
    pub(super) fn get_mut(&mut self, name: &ServiceName) -> Option<&mut Managed> {
        let managed = self.all.get_mut(name)?;
        self.stirred.insert(name.clone());
        Some(managed)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Managed> {
        self.all.values()
    }

    pub(super) fn insert(&mut self, service: Service) {
        self.stirred.insert(service.name.clone());
        let name = service.name.clone();
        self.by_clock.extend(service.schedule.next.map(|next| (next, name.clone())));
        let managed = Managed {
            service,
            tasks: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            looked_at: None,
            done: 0,
            last_done: None,
        };
        self.all.insert(name, managed);
    }

    pub(super) fn remove(&mut self, name: &ServiceName) {
        self.set_next(name, None);
        self.all.remove(name);
        self.stirred.remove(name);
        self.restless.remove(name);
    }

    /// Notes when the next run of a service is due.
    pub(super) fn set_next(&mut self, name: &ServiceName, next: Option<Timestamp>) {
        let Some(managed) = self.get_mut(name) else { return };
        let before = std::mem::replace(&mut managed.service.schedule.next, next);
        if let Some(before) = before {
            self.by_clock.remove(&(before, name.clone()));
        }
        self.by_clock.extend(next.map(|next| (next, name.clone())));
    }

    /// Enters a task of a service: one that lives, or that holds its slot although it has ended.
    pub(super) fn enter(&mut self, task: &Task, now: Moment) {
        let Some(membership) = &task.membership else { return };
        if task.state.is_final() && task.desired == Desired::Stop {
            return;
        }
        if let Some(managed) = self.get_mut(&membership.service) {
            managed.tasks.insert(task.id, Trial::new(task.placement, now));
        }
    }

    /// Takes note that a task of a service has changed, or is no more.
    pub(super) fn stir(&mut self, task: &Task) {
        let Some(membership) = &task.membership else { return };
        let Some(managed) = self.get_mut(&membership.service) else { return };
        if task.state.is_final() && task.desired == Desired::Stop {
            managed.tasks.remove(&task.id);
            self.displaced.remove(&task.id);
        }
    }

    /// Takes note that a task of a service is forgotten.
    pub(super) fn leave(&mut self, task: &Task) {
        let Some(membership) = &task.membership else { return };
        if let Some(managed) = self.get_mut(&membership.service) {
            managed.tasks.remove(&task.id);
        }
        self.displaced.remove(&task.id);
    }

    /// Whether a task of a service lives, or holds a slot although it has ended.
    pub(super) fn hold(&self, task: &Task) -> bool {
        let managed = task.membership.as_ref().and_then(|its| self.get(&its.service));
        managed.is_some_and(|managed| managed.tasks.contains_key(&task.id))
    }

    /// Wants another in the place of a task of a service, on that node; whether that is new.
    pub(super) fn displace(&mut self, task: &Task, to: &NodeName) -> bool {
        if !self.hold(task) || self.displaced.contains_key(&task.id) {
            return false;
        }
        self.displaced.insert(task.id, to.clone());
        self.stir(task);
        true
    }

    /// Wants a task where it is, after all.
    pub(super) fn leave_in_place(&mut self, task: &Task) {
        if self.displaced.remove(&task.id).is_some() {
            self.stir(task);
        }
    }

    /// Those in whose places others are wanted, and where.
    pub(super) const fn displaced(&self) -> &BTreeMap<TaskId, NodeName> {
        &self.displaced
    }

    /// The services to look at now.
    pub(super) fn take_due(&mut self, now: Now) -> BTreeSet<ServiceName> {
        let mut due = std::mem::take(&mut self.stirred);
        let is_due = |name: &&ServiceName| {
            let looked_at = self.all.get(*name).and_then(|managed| managed.looked_at);
            looked_at.is_none_or(|at| now.moment.since(at) >= LOOK_EVERY)
        };
        due.extend(self.restless.iter().filter(is_due).cloned());
        // A clock that was set back may have been wrong when it said when the next runs are.
        let is_back = self.wall.replace(now.wall).is_some_and(|before| now.wall < before);
        let by_clock = self.by_clock.iter().take_while(|(at, _)| is_back || *at <= now.wall);
        due.extend(by_clock.map(|(_, name)| name).filter(|name| is_back || is_due(name)).cloned());
        due
    }

    /// Notes how many slots of a service are what they should be.
    pub(super) fn note_done(&mut self, name: &ServiceName, done: usize, now: Moment) {
        let Some(managed) = self.all.get_mut(name) else { return };
        if done > managed.done && !managed.service.is_settled() {
            managed.last_done = Some(now);
        }
        managed.done = done;
    }

    /// A service that is being looked at: that stirs nothing.
    pub(super) fn look_at(&mut self, name: &ServiceName, now: Moment) -> Option<&mut Managed> {
        let managed = self.all.get_mut(name)?;
        managed.looked_at = Some(now);
        let service = &managed.service;
        let is_on_its_way = !(service.is_settled() || service.is_paused) || service.desired == Desired::Stop;
        let has_runs = service.schedule.open().next().is_some();
        let is_global = service.wanted().spec.mode == Mode::Global;
        if is_on_its_way || has_runs || is_global || !managed.withdrawn.is_empty() {
            self.restless.insert(name.clone());
        } else {
            self.restless.remove(name);
        }
        Some(managed)
    }
}
