//! What a worker decides, and the one meaning of each decision.

use std::time::Duration;

use super::Host;
use super::call::Call;
use super::health::standing;
use crate::model::container::Container;
use crate::model::event::EventKind;
use crate::model::id::{ContainerId, TaskId};
use crate::model::record::{Attempt, Reason, Retry};
use crate::model::spec::PullPolicy;
use crate::model::state::{Health, Ready, State};
use crate::model::task::Observed;
use crate::model::time::{Now, Timestamp};
use crate::plan::restart::{Ending, Rules, Verdict};

/// One decision of [`super::reconcile`].
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Begin the next attempt under a name.
    Begin {
        /// Of which task.
        task: TaskId,
        /// Of its container.
        name: String,
    },
    /// Take over a container that runs already, of an attempt that this worker has no record of.
    Adopt {
        /// Of which task.
        task: TaskId,
        /// Which one.
        container: ContainerId,
    },
    /// The attempt's container runs.
    Saw {
        /// Of which task.
        task: TaskId,
    },
    /// Begin to watch the health of the running container.
    Watch {
        /// Of which task.
        task: TaskId,
    },
    /// Its health or readiness is another than was said.
    SetHealth {
        /// Of which task.
        task: TaskId,
        /// What its health is.
        health: Health,
        /// Whether it gets traffic.
        ready: Ready,
    },
    /// End the attempt for its health.
    Condemn {
        /// Of which task.
        task: TaskId,
        /// Why, in words.
        why: String,
    },
    /// End the attempt because the lease is over.
    Fence {
        /// Of which task.
        task: TaskId,
    },
    /// The attempt has ended.
    End {
        /// Of which task.
        task: TaskId,
        /// How.
        ending: Ending,
    },
    /// Nothing is left of a task that was to stop.
    Settle {
        /// Which one.
        task: TaskId,
    },
    /// Say why a task waits.
    Explain {
        /// Which one.
        task: TaskId,
        /// Why, in words.
        message: String,
    },
    /// Ask the engine.
    Call(Call),
}

impl Host {
    /// Makes a decision. A call is noted as under way: whoever applies it makes it, after the store has
    /// what was decided before it.
    pub fn apply(&mut self, action: &Action, now: Now) {
        match action {
            Action::Begin { task, name } => self.begin_attempt(*task, name, now),
            Action::Adopt { task, container } => self.adopt(*task, container, now),
            Action::Saw { task } => self.saw(*task, now),
            Action::Watch { task } => self.watch(*task, now),
            Action::SetHealth { task, health, ready } => self.set_health(*task, *health, ready, now),
            Action::Condemn { task, why } => self.condemn(*task, why, now),
            Action::Fence { task } => self.fence(*task, now),
            Action::End { task, ending } => self.end(*task, ending, now),
            Action::Settle { task } => self.settle(*task, now),
            Action::Explain { task, message } => self.explain(*task, message.clone()),
            Action::Call(call) => self.begin(call, now),
        }
    }

    fn begin_attempt(&mut self, task: TaskId, name: &str, now: Now) {
        let Some(number) = self.slots.get(&task).map(|slot| self.next_attempt(slot)) else { return };
        let Some(slot) = self.slots.get_mut(&task) else { return };
        slot.ready_since = None;
        let record = &mut slot.record;
        record.attempt =
            Some(Attempt { number, name: name.to_owned(), container: None, ran: false, ending: None });
        record.observed = Observed {
            attempt: number,
            container: None,
            host_ports: None,
            health: Health::None,
            ready: None,
            started_at: None,
            finished_at: None,
            ..record.observed.clone()
        };
        record.retry = None;
        record.message = "is being started".to_owned();
        slot.retry_at = None;
        slot.refused = None;
        slot.name_clash = false;
        slot.image_wanted = (record.assignment.spec.pull_policy == PullPolicy::Always).then_some(now.moment);
        self.changed(task);
    }

    fn adopt(&mut self, task: TaskId, id: &ContainerId, now: Now) {
        let Some(container) = self.containers.get(&(task, id.clone())) else { return };
        let (number, name) = (container.identity.attempt, container.name.clone());
        let Some(slot) = self.slots.get_mut(&task) else { return };
        let record = &mut slot.record;
        record.attempt = Some(Attempt { number, name, container: Some(id.clone()), ran: true, ending: None });
        // Maybe a lower number than the last one: of a task that was begun elsewhere meanwhile, and came back.
        record.observed.attempt = number;
        record.retry = None;
        slot.retry_at = None;
        self.changed(task);
        self.event(
            task,
            EventKind::Adopted,
            None,
            format!("found container {} running and took it over", id.short()),
            now,
        );
    }

    fn saw(&mut self, task: TaskId, now: Now) {
        let Some(container) = self.slots.get(&task).and_then(|slot| self.current(slot)).cloned() else {
            return;
        };
        let Some(slot) = self.slots.get_mut(&task) else { return };
        if slot.record.observed.container.as_ref() != Some(&container.id)
            || slot.record.observed.ready.is_none()
        {
            slot.set_ready(None, now.moment);
            slot.set_ready(Some(standing(slot, &container).ready), now.moment);
        }
        let record = &mut slot.record;
        let Some(attempt) = record.attempt.as_mut() else { return };
        let first = !attempt.ran;
        attempt.ran = true;
        attempt.container = Some(container.id.clone());
        record.state = State::Running;
        record.message = "running".to_owned();
        record.observed.container = Some(container.id.clone());
        record.observed.host_ports = Some(container.host_ports.clone());
        record.observed.started_at = container.details.as_ref().and_then(|details| details.started_at);
        if record.observed.started_at.is_none() {
            record.observed.started_at = Some(now.wall);
        }
        self.changed(task);
        if first {
            self.event(task, EventKind::Started, None, started_message(&container), now);
        }
    }

    fn fence(&mut self, task: TaskId, now: Now) {
        let Some(slot) = self.slots.get_mut(&task) else { return };
        let Some(attempt) = slot.record.attempt.as_mut() else { return };
        attempt.ending = Some(Reason::LeaseOver);
        "the manager is not heard of, and it may run only once: it is stopped until the manager is back"
            .clone_into(&mut slot.record.message);
        let message = slot.record.message.clone();
        slot.set_ready(Some(Ready::No(message.clone())), now.moment);
        self.changed(task);
        self.event(task, EventKind::Fenced, None, message, now);
    }

    fn end(&mut self, task: TaskId, ending: &Ending, now: Now) {
        let container = self.slots.get(&task).and_then(|slot| self.current(slot));
        let started_at = container.and_then(|container| container.details.as_ref()?.started_at);
        let Some(slot) = self.slots.get_mut(&task) else { return };
        let Some(attempt) = slot.record.attempt.take() else { return };
        slot.set_ready(None, now.moment);
        let record = &mut slot.record;
        slot.refused = None;
        slot.image_wanted = None;
        let finished_at = ending_time(ending).unwrap_or(now.wall);
        let rules = Rules::of(&record.assignment.spec);
        if record.observed.started_at.is_some_and(|started| started.until(finished_at) >= rules.stable()) {
            record.failures = 0;
            record.streak = 0;
        }
        // One that ended before it was ever seen running is kept for its logs all the same.
        record.observed.container.clone_from(&attempt.container);
        record.observed.started_at = record.observed.started_at.or(started_at);
        record.observed.exit_code = ending.exit_code();
        record.observed.finished_at = Some(finished_at);
        record.observed.health = Health::None;
        if let Some(container) = &attempt.container {
            self.interrupted.remove(container);
        }
        let words = in_words(ending, record.assignment.spec.memory);
        let (kind, message) = match rules.verdict(record.failures, ending) {
            Verdict::Complete => {
                record.state = State::Completed;
                (EventKind::Completed, words)
            }
            Verdict::Fail => {
                record.state = State::Failed;
                (EventKind::Failed, given_up(&words, record.observed.restarts))
            }
            Verdict::Restart => {
                record.failures += u32::from(ending.counts());
                record.observed.restarts += u32::from(!matches!(ending, Ending::NameTaken(_)));
                // What never ran is not tried again at once: nothing has changed since.
                let least = u32::from(!attempt.ran && ending.counts());
                let delay = rules.delay(record.streak.max(least), task, attempt.number);
                record.streak = record.streak.max(least) + 1;
                record.retry = (!delay.is_zero()).then(|| Retry { at: later(now.wall, delay), delay });
                slot.retry_at = record.retry.map(|retry| now.moment + retry.delay);
                record.state = State::Scheduled;
                (
                    EventKind::Restarting,
                    restarts(&words, rules.limit().filter(|_| ending.counts()), record.failures, delay),
                )
            }
        };
        record.message.clone_from(&message);
        self.changed(task);
        self.event(task, kind, ending.exit_code(), message, now);
    }

    fn settle(&mut self, task: TaskId, now: Now) {
        let Some(slot) = self.slots.get_mut(&task) else { return };
        slot.set_ready(None, now.moment);
        let record = &mut slot.record;
        let was_final = record.state.is_final();
        record.attempt = None;
        record.retry = None;
        record.observed.container = None;
        record.observed.health = Health::None;
        slot.retry_at = None;
        let (kind, message) = if was_final {
            (EventKind::Removed, "its container was removed")
        } else {
            record.state = State::Completed;
            record.message = "stopped on request".to_owned();
            record.observed.finished_at = record.observed.finished_at.or(Some(now.wall));
            (EventKind::Completed, "stopped on request, and its container was removed")
        };
        let exit_code = record.observed.exit_code;
        self.changed(task);
        self.event(task, kind, exit_code, message.to_owned(), now);
    }
}

fn started_message(container: &Container) -> String {
    let ports = container.host_ports.iter().filter_map(|(port, bindings)| {
        bindings.first().map(|binding| format!("{port} on port {} of the host", binding.host_port))
    });
    let ports: Vec<String> = ports.collect();
    let short = container.id.short();
    if ports.is_empty() {
        format!("started container {short}")
    } else {
        format!("started container {short}, {}", ports.join(", "))
    }
}

fn ending_time(ending: &Ending) -> Option<Timestamp> {
    match ending {
        Ending::Exited(exit) | Ending::Interrupted(exit) => exit.finished_at,
        _ => None,
    }
}

fn later(wall: Timestamp, delay: Duration) -> Timestamp {
    Timestamp::from_millis(wall.millis().saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)))
}

/// How an attempt ended, for people. Not every kernel lets Docker know that it killed for memory.
fn in_words(ending: &Ending, memory_limit: u64) -> String {
    match ending {
        Ending::Exited(exit) if exit.code == 137 && !exit.oom_killed && memory_limit > 0 => {
            format!("{ending}, as what the kernel kills for its memory limit does")
        }
        _ => ending.to_string(),
    }
}

fn given_up(words: &str, restarts: u32) -> String {
    match restarts {
        0 => format!("{words}; its restart policy allows no restart"),
        1 => format!("{words}; given up after 1 restart"),
        _ => format!("{words}; given up after {restarts} restarts"),
    }
}

/// `limit` where this ending counts against one.
fn restarts(words: &str, limit: Option<u32>, failures: u32, delay: Duration) -> String {
    let when =
        if delay.is_zero() { "at once".to_owned() } else { format!("in {:.1} s", delay.as_secs_f64()) };
    match limit {
        Some(limit) => format!("{words}; restart {failures} of {limit} {when}"),
        None => format!("{words}; restart {when}"),
    }
}
