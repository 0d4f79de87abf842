//! What must be so of services when the faults are over and some time has passed.

use std::collections::BTreeSet;

use orc::model::id::TaskId;
use orc::model::service::{Mode, Service, Slot, Stage};
use orc::model::state::{Desired, State};
use orc::model::task::Task;

use super::users::place;
use super::view::{slot_of, version_of};
use crate::users::Wish;
use crate::world::{Checked, World, broken};

/// What a step of a rollout leads to, another step follows within, milliseconds: a deadline, and the end of a task with
/// the end of its connections before.
const REST: u64 = 45_000;

impl World {
    /// Each is what it should be, or says why not; and every word was answered.
    pub(crate) fn services_are_settled(&self) -> Checked {
        for (number, customer) in &self.customers.all {
            if let Some(word) = customer.words.front() {
                return broken("L6", format!("who said {word:?} of service-{number} was never answered"));
            }
        }
        for name in self.manager.disk.services.keys() {
            let Some(service) = self.manager.disk.service(name) else { continue };
            self.service_is_settled(&service)?;
        }
        self.ports_are_told()
    }

    /// A rollout that waits for what is not there does what it can meanwhile: that has come to its end, too.
    pub(crate) fn rollouts_rest(&self) -> Checked {
        let disk = &self.manager.disk;
        let services = disk.services.keys().filter_map(|name| disk.service(name));
        // A machine that is gone is waited for until its lease is over.
        let lease = 2 * u64::try_from(self.manager.patience.lease.as_millis()).expect("a short time");
        let mut waiting = services.filter(|service| !service.is_settled() && !service.is_paused);
        match waiting.next() {
            Some(service) if self.now < self.trials.last_step + REST + lease => {
                broken("a rollout ends", format!("{} goes on for ever", service.name))
            }
            _ => Ok(()),
        }
    }

    fn service_is_settled(&self, service: &Service) -> Checked {
        let name = &service.name;
        let is_its = |task: &&Task| task.membership.as_ref().is_some_and(|its| its.service == *name);
        let tasks: Vec<&Task> = self.manager.disk.tasks.values().map(|task| &**task).filter(is_its).collect();
        let is_lost = |task: &&Task| !task.state.is_final() && self.is_on_a_dead_node(task);
        let is_hindered = tasks.iter().any(is_lost);
        let leaves_lost = tasks.iter().any(|task| is_lost(task) && task.desired == Desired::Stop);
        if service.desired == Desired::Stop {
            // Whether what is on a machine that is gone for good has ended, its operator has to say.
            return if is_hindered { Ok(()) } else { broken("L2", format!("{name} is never gone")) };
        }
        let left: BTreeSet<&Slot> =
            tasks.iter().copied().filter(|task| is_lost(task)).filter_map(slot_of).collect();
        let wanted: Vec<&Task> = tasks.iter().copied().filter(|task| task.desired == Desired::Run).collect();
        if service.is_paused {
            return if service.message.is_empty() {
                broken("S11", format!("{name} is held, and does not say why"))
            } else {
                Ok(())
            };
        }
        if service.is_settled() && service.wanted().spec.mode.cron().is_some() {
            return self.runs_have_ended(service);
        }
        if service.is_settled() {
            return self.slots_are_filled(service, &wanted, &left);
        }
        let template = service.wanted().template;
        let new = || wanted.iter().filter(|task| version_of(task) == Some(template));
        let slots = self.slots_of(service);
        let waits_for_room = wanted.iter().any(|task| task.state == State::Pending);
        let canaries = new().filter(|task| task.is_ready()).count();
        let is_job = matches!(service.wanted().spec.mode, Mode::Job(_));
        let canary_waits = service.stage == Stage::Canary
            && !is_job
            && canaries >= slots.len().min(usize::try_from(service.policy().canary).expect("a small number"));
        let for_ever = |task: &&&Task| self.users.wish(task.id).is_some_and(Wish::never_rests);
        let has_ended = |task: &&&Task| task.state.is_final();
        // What has to show that it works has so long to do it, and is judged then.
        let has_time = service.is_proven() || is_job;
        let waits = waits_for_room || new().any(|task| for_ever(&task) || has_ended(&task));
        if canary_waits || is_hindered && (has_time || leaves_lost) || has_time && waits {
            return Ok(());
        }
        let how: Vec<_> = wanted
            .iter()
            .map(|task| (&task.spec.name, task.state, task.is_ready(), task.message.as_str()))
            .collect();
        broken("a rollout ends", format!("{name} is on its way for ever: {service:?} has {how:?}"))
    }

    fn slots_of(&self, service: &Service) -> BTreeSet<Slot> {
        match service.wanted().spec.mode {
            Mode::Replicated(count) => (1..=count).map(Slot::Number).collect(),
            Mode::Job(job) => (1..=job.completions).map(Slot::Number).collect(),
            Mode::Global => self.manager.disk.nodes.keys().cloned().map(Slot::Node).collect(),
            // Its runs are looked at by themselves.
            Mode::Cron(_) => BTreeSet::new(),
        }
    }

    /// One task in each slot, and none elsewhere: of a job one that has exited with 0, else one that runs.
    /// What is `left` on a machine that is gone for good may hold its slot for ever.
    fn slots_are_filled(&self, service: &Service, wanted: &[&Task], left: &BTreeSet<&Slot>) -> Checked {
        let slots = self.slots_of(service);
        let template = service.wanted().template;
        let is_job = matches!(service.wanted().spec.mode, Mode::Job(_));
        for slot in &slots {
            let here: Vec<&Task> =
                wanted.iter().copied().filter(|task| slot_of(task) == Some(slot)).collect();
            let is_good = |task: &Task| {
                let is_done = match task.state {
                    State::Completed => is_job || !task.spec.restart_policy.restarts_after_success(),
                    // Its restart policy lets it end, or it waits: why is looked at where all tasks are.
                    State::Failed | State::Pending | State::Running => !is_job,
                    State::Scheduled => {
                        !is_job && (self.is_on_a_dead_node(task) || self.never_rests(task.id))
                    }
                };
                version_of(task) == Some(template) && is_done
            };
            let is_held = here.is_empty() && left.contains(slot);
            if !is_held && !matches!(here.as_slice(), [one] if is_good(one)) {
                return broken("L1", format!("{} has {here:?}", place(&service.name, slot)));
            }
        }
        if wanted.len() > slots.len() {
            return broken("L3", format!("{} has other tasks, too: {wanted:?}", service.name));
        }
        Ok(())
    }

    fn never_rests(&self, task: TaskId) -> bool {
        self.users.wish(task).is_some_and(Wish::never_rests)
    }

    pub(crate) fn is_on_a_dead_node(&self, task: &Task) -> bool {
        let node = task.node.as_ref();
        self.workers.iter().any(|worker| worker.dead && Some(&worker.name) == node)
    }

    /// Every worker sends connections where the manager says, and that is to all that are ready.
    fn ports_are_told(&self) -> Checked {
        let Some(cluster) = &self.manager.cluster else { return Ok(()) };
        if self.users.all().any(|wish| wish.never_rests() && !wish.stop_asked) {
            // One that begins and ends for ever comes and goes.
            return Ok(());
        }
        let routes = cluster.routes();
        for worker in self.workers.iter().filter(|worker| worker.host.is_some()) {
            let known = worker.ports.routes();
            if known.ports != routes.ports {
                return broken(
                    "S11",
                    format!("{} knows {known:?}, and behind the ports is {routes:?}", worker.name),
                );
            }
        }
        for (name, port) in
            cluster.services().filter(|service| service.desired == Desired::Run).flat_map(|service| {
                service.wanted().spec.ports.iter().map(|port| (&service.name, port.published))
            })
        {
            let behind = routes.ports.get(&port).map(|behind| &behind.tasks);
            let is_ready = |task: &&Task| {
                task.membership.as_ref().is_some_and(|its| its.service == *name) && task.is_ready()
            };
            let ready = cluster.tasks().filter(is_ready).filter(|task| !self.is_on_a_dead_node(task)).count();
            if behind.map_or(0, Vec::len) < ready {
                return broken(
                    "L1",
                    format!("{ready} tasks of {name} are ready, and behind its port is {behind:?}"),
                );
            }
        }
        Ok(())
    }
}
