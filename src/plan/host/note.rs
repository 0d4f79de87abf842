//! What the engine showed: outcomes of calls and hints, taken into what a worker knows.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Host;
use super::call::{Answer, Call, Outcome, Verb};
use crate::model::container::{Container, ContainerStatus, Failure};
use crate::model::event::EventKind;
use crate::model::id::{ContainerId, TaskId};
use crate::model::state::Desired;
use crate::model::time::{Moment, Now};

/// Something that an engine called out. Saves time; nothing depends on it (rule R9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Of which task.
    pub task: TaskId,
    /// About which container.
    pub container: ContainerId,
    /// What.
    pub kind: HintKind,
}

/// What an engine called out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintKind {
    /// Somebody sent it a signal that ends it.
    Killed,
    /// It is gone.
    Destroyed,
    /// Anything else: worth a look.
    Changed,
}

/// A foreign kill explains an end that comes within so long after it.
const KILL_EXPLAINS: Duration = Duration::from_mins(2);

const FIRST_QUIET: Duration = Duration::from_millis(500);
const LONGEST_QUIET: Duration = Duration::from_secs(30);

/// A wait that doubles from `first` to `longest`.
fn back_off(first: Duration, longest: Duration, failures: u32) -> Duration {
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
            Call::Probe { task, .. } => {
                if let Some(slot) = self.slots.get_mut(task) {
                    slot.probe.asking = true;
                }
            }
            Call::Lane { task, verb } => {
                self.lanes.insert(*task);
                self.trusted_from.insert(*task, u64::MAX);
                match verb {
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
            Outcome::Probed { task, container, result } => self.probed(task, &container, result, now),
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

    /// Takes in a hint.
    pub fn hint(&mut self, hint: &Hint, now: Moment) {
        let key = (hint.task, hint.container.clone());
        if !self.containers.contains_key(&key) || hint.kind == HintKind::Destroyed {
            self.lists.wanted = true;
            return;
        }
        if hint.kind == HintKind::Killed {
            self.interrupted.insert(hint.container.clone(), now);
        }
        self.recheck.insert(key);
    }

    /// The engine's connection broke: it may be on its way down.
    pub fn engine_may_be_gone(&mut self) {
        self.lists.gone = true;
        self.lists.wanted = true;
    }

    fn listed(&mut self, number: u64, containers: Vec<Container>, now: Now) {
        let was_gone = std::mem::take(&mut self.lists.gone);
        self.lists.seen = Some(now.moment);
        self.lists.retry_at = None;
        self.lists.failures = 0;
        self.lists.trouble = None;
        let before = std::mem::take(&mut self.containers);
        let mut untrusted = BTreeSet::new();
        for (key, container) in &before {
            if !self.may_speak(number, key.0) {
                self.containers.insert(key.clone(), container.clone());
                untrusted.insert(key.0);
            }
        }
        for mut container in containers {
            let task = container.identity.task;
            if !self.may_speak(number, task) {
                untrusted.insert(task);
                continue;
            }
            let key = (task, container.id.clone());
            let known = before.get(&key).filter(|known| known.status == container.status);
            if container.details.is_none() {
                container.details = known.and_then(|known| known.details.clone());
            }
            if was_gone && container.status == ContainerStatus::Exited && known.is_none() {
                self.interrupted.insert(container.id.clone(), now.moment);
            }
            self.containers.insert(key, container);
        }
        self.doubts.retain(|task| self.trusted_from.get(task).is_some_and(|from| *from > number));
        self.trusted_from.retain(|_, from| *from > number);
        self.lists.wanted |=
            !self.doubts.is_empty() || untrusted.iter().any(|task| !self.lanes.contains(task));
        self.interrupted.retain(|_, at| now.moment.since(*at) < KILL_EXPLAINS);
        self.recheck.retain(|key| self.containers.contains_key(key));
        self.recheck_next_running();
    }

    /// Whether list number `number` saw all that calls about `task` did.
    fn may_speak(&self, number: u64, task: TaskId) -> bool {
        self.trusted_from.get(&task).is_none_or(|from| *from <= number)
    }

    /// Looks closely at one running container a list, in turn: what a list does not show is noticed too.
    fn recheck_next_running(&mut self) {
        let runs = |(_, container): &(&(TaskId, ContainerId), &Container)| {
            container.status == ContainerStatus::Running
        };
        let after = self.lists.rechecked.clone();
        let next = self
            .containers
            .iter()
            .filter(runs)
            .find(|(key, _)| after.as_ref().is_none_or(|last| *key > last));
        let next = next.or_else(|| self.containers.iter().find(runs)).map(|(key, _)| key.clone());
        self.recheck.extend(next.clone());
        self.lists.rechecked = next;
    }

    fn not_listed(&mut self, failure: &Failure, now: Moment) {
        self.lists.failures += 1;
        self.lists.gone |= matches!(failure, Failure::Unreachable(_));
        let wait = back_off(Duration::from_millis(250), Duration::from_secs(5), self.lists.failures - 1);
        self.lists.retry_at = Some(now + wait);
        if self.lists.failures > 1 || matches!(failure, Failure::Unreachable(_) | Failure::Unknown(_)) {
            self.lists.trouble = Some(failure.to_string());
        }
    }

    fn done(&mut self, task: TaskId, verb: Verb, answer: Answer, now: Now) {
        if let Some(slot) = self.slots.get_mut(&task) {
            slot.troubles = 0;
            slot.quiet_until = None;
        }
        match (verb, answer) {
            (_, Answer::Container(container)) => self.looked(task, *container),
            (Verb::Create { name, identity, .. }, Answer::Created(id)) => {
                self.created(task, name, identity, id)
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
            }
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
        if let Some(attempt) = self.slots.get_mut(&task).and_then(|slot| slot.record.attempt.as_mut()) {
            if attempt.number == identity.attempt {
                attempt.container = Some(id.clone());
            }
        }
        let container = Container {
            id: id.clone(),
            name,
            identity,
            status: ContainerStatus::Created,
            health: crate::model::state::Health::None,
            host_ports: crate::model::task::HostPorts::new(),
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
        self.containers.insert((identity.task, container.id.clone()), container);
    }

    fn set_status(&mut self, task: TaskId, id: &ContainerId, status: ContainerStatus) {
        if let Some(container) = self.containers.get_mut(&(task, id.clone())) {
            container.status = status;
            container.details = None;
        }
    }

    fn failed(&mut self, task: TaskId, verb: &Verb, failure: Failure, now: Now) {
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
            (Verb::Create { .. } | Verb::Start(_), Failure::Refused(why)) => slot.refused = Some(why),
            (Verb::Find(_), Failure::Missing(_)) => {}
            (Verb::Find(name), Failure::Conflict(whose)) => {
                slot.plain_name_taken = true;
                slot.refused = Some(format!("the container name {name:?} is taken: {whose}"));
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

    fn probed(&mut self, task: TaskId, container: &ContainerId, result: Result<(), String>, now: Now) {
        let Some(slot) = self.slots.get_mut(&task) else { return };
        slot.probe.asking = false;
        let Some(check) = slot.record.assignment.spec.health_check.clone() else { return };
        if slot.record.observed.container.as_ref() != Some(container) || slot.probe.since.is_none() {
            return;
        }
        slot.probe.take(&check, result.is_ok(), now.moment);
        slot.probe.last_failure = result.err();
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
            Self::RestoreLimits(..) => "set its limits",
        }
    }
}
