//! What the engine showed: outcomes of calls, taken into what a worker knows.

use std::time::Duration;

use super::Host;
use super::call::{Answer, Call, Outcome, Verb};
use crate::model::container::{Container, ContainerStatus, Failure};
use crate::model::event::EventKind;
use crate::model::id::{ContainerId, TaskId};
use crate::model::state::{Desired, Health};
use crate::model::time::Now;
use crate::plan::restart::Ending;

const FIRST_QUIET: Duration = Duration::from_millis(500);
const LONGEST_QUIET: Duration = Duration::from_secs(30);

/// A wait that doubles from `first` to `longest`.
pub(super) fn back_off(first: Duration, longest: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.min(16)).min(longest)
}

impl Host {
    /// Notes that a call is being made.
    pub fn begin(&mut self, call: &Call, now: Now) {
        match call {
            Call::List { number } => {
                self.lists.under_way = Some(*number);
                self.lists.next = number + 1;
                self.lists.wanted = false;
            }
            Call::Pull { image } => self.pull_begun(image, now.moment),
            Call::Networks => self.networks_asked(),
            Call::RemoveNetwork { name, .. } => self.network_leaves(name),
            Call::Probe { task, container, number, .. } => {
                if let Some(slot) = self.slots.get_mut(task) {
                    slot.watch.asks(container, *number);
                }
            }
            Call::Lane { task, verb } => {
                self.lanes.insert(*task);
                self.trusted_from.insert(*task, u64::MAX);
                match verb {
                    Verb::Create { spec, .. } => self.networks_named(spec),
                    Verb::Inspect(id) => _ = self.recheck.remove(&(*task, id.clone())),
                    Verb::Find(_) => {
                        if let Some(slot) = self.slots.get_mut(task) {
                            slot.name_clash = false;
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Takes in what a call brought.
    pub fn note(&mut self, outcome: Outcome, now: Now) {
        match outcome {
            Outcome::Listed { number, result } => {
                self.lists.under_way = None;
                match result {
                    Ok(containers) => self.listed(number, containers, now),
                    Err(failure) => self.not_listed(&failure, now.moment),
                }
            }
            Outcome::Pulling { image, progress } => self.pull_moved(&image, progress),
            Outcome::Pulled { image, result } => self.pull_ended(&image, result, now),
            Outcome::Networks { result } => self.networks_listed(result, now.moment),
            Outcome::NetworkRemoved { name, result } => self.network_left(&name, result.is_ok(), now.moment),
            Outcome::Probed { task, container, number, reply } => {
                self.probed(task, &container, number, reply, now);
            }
            Outcome::Done { task, verb, result } => {
                self.lanes.remove(&task);
                self.trusted_from.insert(task, self.lists.next);
                match result {
                    Ok(answer) => self.done(task, verb, answer, now),
                    Err(failure) => self.failed(task, &verb, failure, now),
                }
            }
        }
    }

    /// The engine's connection broke: it may be on its way down.
    pub fn engine_may_be_gone(&mut self) {
        self.lists.gone = true;
        self.lists.wanted = true;
    }

    /// Takes in whether the engine said what it is. One that lists its containers from memory may start and stop none,
    /// when what runs them hangs; what is wanted of it is asked all the same, and shows how it goes.
    pub fn described(&mut self, failure: Option<&Failure>) {
        self.mute = match failure {
            Some(failure @ Failure::Unknown(_)) => {
                Some(format!("the engine may list containers, but does not say how it is: {failure}"))
            }
            // Whether it is there at all, lists show.
            _ => None,
        };
    }

    fn done(&mut self, task: TaskId, verb: Verb, answer: Answer, now: Now) {
        if let Some(slot) = self.slots.get_mut(&task) {
            slot.troubles = 0;
            slot.quiet_until = None;
        }
        match (verb, answer) {
            (_, Answer::Container(container)) => self.looked(task, *container),
            (Verb::Create { name, identity, .. }, Answer::Created(id)) => {
                self.created(task, name, identity, id);
            }
            (Verb::Start(id) | Verb::Unpause(id), _) => {
                self.set_status(task, &id, ContainerStatus::Running);
                let was_paused = self
                    .slots
                    .get(&task)
                    .is_some_and(|slot| slot.record.observed.container.as_ref() == Some(&id));
                if was_paused {
                    self.event(
                        task,
                        EventKind::Healed,
                        None,
                        "thawed: somebody had paused it".to_owned(),
                        now,
                    );
                }
            }
            (Verb::Stop(id, _), _) => self.set_status(task, &id, ContainerStatus::Exited),
            (Verb::Remove(id), _) => {
                self.containers.remove(&(task, id.clone()));
                self.interrupted.remove(&id);
                self.called_dead.remove(&id);
                self.answered.remove(&id);
            }
            (Verb::Rename(id, name), _) => self.renamed(task, &id, name),
            (Verb::RestoreLimits(id, _), _) => {
                self.recheck.insert((task, id));
                self.event(
                    task,
                    EventKind::Healed,
                    None,
                    "its limits were changed from outside; they are set again".to_owned(),
                    now,
                );
            }
            (Verb::Inspect(_) | Verb::Find(_) | Verb::Create { .. }, _) => {}
        }
    }

    fn created(
        &mut self,
        task: TaskId,
        name: String,
        identity: crate::model::container::Identity,
        id: ContainerId,
    ) {
        let attempt = self.slots.get_mut(&task).and_then(|slot| slot.record.attempt.as_mut());
        if let Some(attempt) = attempt.filter(|attempt| attempt.number == identity.attempt) {
            attempt.container = Some(id.clone());
        }
        self.answered.insert(id.clone());
        let container = Container {
            id: id.clone(),
            name,
            identity,
            status: ContainerStatus::Created,
            health: Health::None,
            host_ports: crate::model::task::HostPorts::new(),
            address: None,
            details: None,
        };
        self.containers.insert((task, id), container);
    }

    /// Takes in a close look at a container of ours.
    fn looked(&mut self, task: TaskId, container: Container) {
        let identity = &container.identity;
        if let Some(slot) =
            self.slots.get_mut(&identity.task).filter(|slot| slot.fingerprint == identity.spec)
        {
            let attempt = slot.record.attempt.as_mut().filter(|attempt| attempt.number == identity.attempt);
            if let Some(attempt) = attempt {
                attempt.container = Some(container.id.clone());
                let exit = container.details.as_ref().and_then(|details| details.exit.as_ref());
                if let Some(exit) =
                    exit.filter(|_| slot.record.assignment.desired == Desired::Stop && attempt.ran)
                {
                    slot.record.observed.exit_code = Some(exit.code);
                    slot.record.observed.finished_at = exit.finished_at;
                }
            }
        }
        if identity.task != task {
            // Found by name: another task of ours has it. A list shows the rest of that one.
            self.lists.wanted = true;
        }
        self.called_dead.remove(&container.id);
        self.containers.insert((identity.task, container.id.clone()), container);
    }

    fn renamed(&mut self, task: TaskId, id: &ContainerId, name: String) {
        let Some(container) = self.containers.get_mut(&(task, id.clone())) else { return };
        container.name.clone_from(&name);
        let attempt = self.slots.get_mut(&task).and_then(|slot| slot.record.attempt.as_mut());
        if let Some(attempt) = attempt.filter(|attempt| attempt.container.as_ref() == Some(id)) {
            attempt.name = name;
            self.dirty.records.insert(task);
        }
    }

    fn set_status(&mut self, task: TaskId, id: &ContainerId, status: ContainerStatus) {
        if let Some(container) = self.containers.get_mut(&(task, id.clone())) {
            container.status = status;
            container.details = None;
        }
    }

    fn failed(&mut self, task: TaskId, verb: &Verb, failure: Failure, now: Now) {
        if let Verb::Start(id) = verb {
            self.answered.remove(id);
        }
        if let Failure::Unreachable(_) = failure {
            self.lists.trouble = Some(failure.to_string());
            self.lists.gone = true;
            self.lists.wanted = true;
            return;
        }
        let Some(slot) = self.slots.get_mut(&task) else {
            self.doubt(task);
            return;
        };
        match (verb, failure) {
            (Verb::Create { .. }, Failure::Missing(_)) => slot.image_wanted = Some(now.moment),
            (Verb::Create { .. }, Failure::Conflict(_)) => slot.name_clash = true,
            (Verb::Create { .. } | Verb::Start(_), Failure::Refused(why)) => {
                slot.refused = Some(Ending::CannotStart(why));
            }
            // It keeps the name that it has: nothing depends on it.
            (Verb::Rename(..), Failure::Conflict(_) | Failure::Refused(_)) => slot.plain_name_taken = true,
            (Verb::Find(_), Failure::Missing(_)) => {}
            // A list without it and a 404 together are proof; one alone is not (rule R3).
            (Verb::Inspect(id), Failure::Missing(_))
                if !self.containers.contains_key(&(task, id.clone())) =>
            {
                slot.gone = Some(id.clone());
            }
            (Verb::Inspect(_), Failure::Missing(_)) => self.doubt(task),
            (Verb::Find(name), Failure::Conflict(whose)) => {
                slot.plain_name_taken |= *name == slot.record.assignment.spec.name;
                let why = format!("the container name {name:?} is taken: {whose}");
                slot.refused = Some(Ending::NameTaken(why));
            }
            (verb, failure) => {
                slot.troubles += 1;
                let quiet = back_off(FIRST_QUIET, LONGEST_QUIET, slot.troubles - 1);
                slot.quiet_until = Some(now.moment + quiet);
                let often = slot.troubles > 1;
                self.doubt(task);
                if often {
                    self.complain(task, format!("cannot {}: {failure}; it is tried again", verb.word()), now);
                }
            }
        }
    }

    /// Nothing is decided about `task` before a list that saw all that was done about it.
    fn doubt(&mut self, task: TaskId) {
        self.doubts.insert(task);
        self.lists.wanted = true;
    }
}

impl Verb {
    /// What it does, for sentences: "cannot … it".
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Inspect(_) | Self::Find(_) => "look at its container",
            Self::Create { .. } => "create its container",
            Self::Start(_) => "start its container",
            Self::Unpause(_) => "thaw its container",
            Self::Stop(..) => "stop its container",
            Self::Remove(_) => "remove its container",
            Self::Rename(..) => "name its container",
            Self::RestoreLimits(..) => "set its limits",
        }
    }
}
