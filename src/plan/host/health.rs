//! The health of one task: what its probes, or the image's own HEALTHCHECK, make of it, and what follows.
//!
//! Readiness says whether it gets traffic, and never ends anything. Liveness ends an attempt that fails it.

use super::action::Action;
use super::call::{Call, Question, Reply};
use super::probe::Tally;
use super::reconcile::wants_to_run;
use super::{Host, Slot};
use crate::model::container::{Container, ContainerStatus};
use crate::model::event::EventKind;
use crate::model::id::{ContainerId, TaskId};
use crate::model::probe::{Probe, Source, Test};
use crate::model::record::Reason;
use crate::model::state::{Health, Ready, State};
use crate::model::time::{Moment, Now};
use crate::plan::restart::fraction;

/// What is asked of one container.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// Which one; `None` = none yet.
    container: Option<ContainerId>,
    /// One for each probe of [`crate::model::probe::Probes::asked`].
    tallies: Vec<Tally>,
}

impl Watch {
    /// When something is to be asked.
    pub(super) fn next(&self) -> Option<Moment> {
        self.tallies.iter().filter(|tally| !tally.asking).map(|tally| tally.next).min()
    }

    /// Notes that a question is on its way.
    pub(super) fn asks(&mut self, container: &ContainerId, number: usize) {
        if self.container.as_ref() == Some(container)
            && let Some(tally) = self.tallies.get_mut(number)
        {
            tally.asking = true;
        }
    }
}

/// How a running container is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// By its liveness.
    health: Health,
    /// Why it is unhealthy, when it is.
    why: String,
    /// By its readiness.
    pub(super) ready: Ready,
}

/// The next step for the health of a task that runs.
pub(super) fn health_step(host: &Host, slot: &Slot, now: Moment) -> Option<Action> {
    let task = slot.id();
    let record = &slot.record;
    let attempt = record.attempt.as_ref()?;
    if record.state != State::Running || !wants_to_run(slot) || attempt.ending.is_some() {
        return None;
    }
    let container = host.current(slot).filter(|container| container.status == ContainerStatus::Running)?;
    if !slot.probes.asked.is_empty() && slot.watch.container.as_ref() != Some(&container.id) {
        return Some(Action::Watch { task });
    }
    if let Some(question) = due(slot, container, now) {
        return Some(Action::Call(question));
    }
    let Standing { health, why, ready } = standing(slot, container);
    match health {
        Health::Unhealthy if host.is_being_looked_at(container) => None,
        Health::Unhealthy => Some(Action::Condemn { task, why }),
        _ if health != record.observed.health || record.observed.ready.as_ref() != Some(&ready) => {
            Some(Action::SetHealth { task, health, ready })
        }
        _ => None,
    }
}

/// The next question that is due.
fn due(slot: &Slot, container: &Container, now: Moment) -> Option<Call> {
    let numbered = slot.probes.asked.iter().zip(&slot.watch.tallies).enumerate();
    let mut due = numbered.filter(|(_, (_, tally))| !tally.asking && tally.next <= now);
    due.find_map(|(number, (probe, tally))| {
        let question = question(probe, tally, container).ok()?;
        let (container, timeout) = (container.id.clone(), probe.timeout());
        Some(Call::Probe { task: slot.id(), container, number, question, timeout })
    })
}

/// What to ask of a container; else why it cannot be asked, in words.
fn question(probe: &Probe, tally: &Tally, container: &Container) -> Result<Question, &'static str> {
    let own = |port: u16| -> Result<String, &'static str> {
        let address = container.address.ok_or("the engine names no address of its container")?;
        Ok(std::net::SocketAddr::new(address, port).to_string())
    };
    match &probe.test {
        Test::Http(http) => {
            let address = match http.port {
                Some(port) => own(port)?,
                None => first_published(container).ok_or("it publishes no port that could be asked")?,
            };
            Ok(Question::Http { address, http: http.clone() })
        }
        Test::Tcp(port) => Ok(Question::Tcp { address: own(*port)? }),
        Test::Exec(command) => Ok(Question::Exec { command: command.clone(), left: tally.left.clone() }),
        Test::Image | Test::Off => Err("it needs no question"),
    }
}

/// Where the first published port of a container is reached from its host.
fn first_published(container: &Container) -> Option<String> {
    let (_, binding) =
        container.host_ports.iter().find_map(|(port, bindings)| Some((port, bindings.first()?)))?;
    let ip = match binding.host_ip.as_str() {
        "" | "0.0.0.0" | "::" => "127.0.0.1",
        ip => ip,
    };
    Some(format!("{ip}:{}", binding.host_port))
}

/// How a running container is, as far as is known.
pub(super) fn standing(slot: &Slot, container: &Container) -> Standing {
    let (health, why) = verdict(slot, container, slot.probes.liveness);
    let ready = match verdict(slot, container, slot.probes.readiness) {
        (Health::None, why) if !why.is_empty() => Ready::NotYet(why),
        (Health::None | Health::Healthy, _) => Ready::Yes,
        (Health::Starting, why) => Ready::NotYet(why),
        (Health::Unhealthy, why) => Ready::No(why),
    };
    Standing { health, why, ready }
}

/// What one source says of a container, and why it is no better. [`Health::None`] with a reason cannot be asked.
fn verdict(slot: &Slot, container: &Container, source: Source) -> (Health, String) {
    let number = match source {
        Source::Nothing => return (Health::None, String::new()),
        Source::Image => {
            let why = match container.health {
                Health::Starting => "the image's own HEALTHCHECK has not passed yet",
                Health::Unhealthy => "the image's own HEALTHCHECK says so",
                Health::None | Health::Healthy => "",
            };
            return (container.health, why.to_owned());
        }
        Source::Asked(number) => number,
    };
    let Some(probe) = slot.probes.asked.get(number) else { return (Health::None, String::new()) };
    let watched = slot.watch.container.as_ref() == Some(&container.id);
    let tally = slot.watch.tallies.get(number).filter(|_| watched);
    let test = &probe.test;
    let not_yet = || (Health::Starting, format!("{test} has not been answered well yet"));
    match tally.map(|tally| (tally.health, tally)) {
        Some((Health::Healthy, _)) => (Health::Healthy, String::new()),
        Some((Health::Unhealthy, tally)) => {
            (Health::Unhealthy, format!("{test} {}, {} times in a row", tally.words, probe.retries))
        }
        Some((Health::None | Health::Starting, tally)) => match question(probe, tally, container) {
            Err(why) => (Health::None, format!("{test} cannot be asked: {why}")),
            Ok(_) if tally.words.is_empty() => not_yet(),
            Ok(_) => (Health::Starting, format!("{test} {}", tally.words)),
        },
        None => not_yet(),
    }
}

impl Host {
    pub(super) fn watch(&mut self, task: TaskId, now: Now) {
        let container = self.slots.get(&task).and_then(|slot| self.current(slot));
        let Some(container) = container.map(|container| container.id.clone()) else { return };
        let Some(slot) = self.slots.get_mut(&task) else { return };
        let observed = &slot.record.observed;
        let same = observed.container.as_ref() == Some(&container);
        let (was_ready, was_healthy) =
            (same && observed.ready == Some(Ready::Yes), same && observed.health == Health::Healthy);
        let chance = fraction(task, observed.attempt);
        let tally = |(number, probe): (usize, &Probe)| {
            let of_liveness = slot.probes.liveness == Source::Asked(number);
            Tally::begin(probe, if of_liveness { was_healthy } else { was_ready }, chance, now.moment)
        };
        let tallies = slot.probes.asked.iter().enumerate().map(tally).collect();
        slot.watch = Watch { container: Some(container), tallies };
    }

    pub(super) fn set_health(&mut self, task: TaskId, health: Health, ready: &Ready, now: Now) {
        let Some(slot) = self.slots.get_mut(&task) else { return };
        let observed = &slot.record.observed;
        let (health_before, ready_before) = (observed.health, observed.ready.clone());
        slot.record.observed.health = health;
        slot.set_ready(Some(ready.clone()), now.moment);
        // What decides both is told as health alone.
        let apart = !slot.probes.are_one();
        if apart {
            slot.record.message = match ready {
                Ready::No(why) => format!("running, but not ready: {why}"),
                Ready::Yes | Ready::NotYet(_) => "running".to_owned(),
            };
        }
        self.changed(task);
        let worth_telling = health == Health::Healthy || health_before == Health::Healthy;
        if worth_telling && health != health_before {
            self.event(task, EventKind::Health, None, health.word().to_owned(), now);
        }
        let turned = apart && ready_before.is_none_or(|before| before.word() != ready.word());
        match ready {
            Ready::Yes if turned => self.event(task, EventKind::Health, None, "ready".to_owned(), now),
            Ready::No(why) if turned => {
                self.event(task, EventKind::Health, None, format!("not ready: {why}"), now);
            }
            _ => {}
        }
    }

    pub(super) fn condemn(&mut self, task: TaskId, why: &str, now: Now) {
        let Some(slot) = self.slots.get_mut(&task) else { return };
        let Some(attempt) = slot.record.attempt.as_mut() else { return };
        attempt.ending = Some(Reason::Unhealthy(why.to_owned()));
        slot.record.observed.health = Health::Unhealthy;
        slot.record.message = format!("unhealthy: {why}; is being restarted");
        slot.set_ready(Some(Ready::No(why.to_owned())), now.moment);
        self.changed(task);
        self.event(task, EventKind::Health, None, format!("unhealthy: {why}"), now);
    }

    /// Takes in what a probe brought.
    pub(super) fn probed(
        &mut self,
        task: TaskId,
        container: &ContainerId,
        number: usize,
        reply: Reply,
        now: Now,
    ) {
        let mute = self.mute.is_some();
        let Some(slot) = self.slots.get_mut(&task) else { return };
        if slot.watch.container.as_ref() != Some(container) {
            return;
        }
        let (Some(probe), Some(tally)) = (slot.probes.asked.get(number), slot.watch.tallies.get_mut(number))
        else {
            return;
        };
        let reply = match reply {
            // An engine that hangs runs no program in time: that is not the container's fault.
            Reply::Failed { left, .. } if mute && matches!(probe.test, Test::Exec(_)) => {
                Reply::Unasked { left }
            }
            reply => reply,
        };
        tally.take(probe, reply, now.moment);
        if tally.health == Health::Unhealthy && slot.probes.liveness == Source::Asked(number) {
            // Nobody answers for a container that has ended either: then how it ended counts.
            self.recheck.insert((task, container.clone()));
        }
    }
}
