//! What the engine called out. Hearing it only saves time (rule R9): a list shows the same, later. Where it tells enough,
//! it is believed.

use std::time::Duration;

use super::{Host, Slot};
use crate::model::container::{Container, ContainerStatus, Exit};
use crate::model::id::{ContainerId, TaskId};
use crate::model::state::{Desired, State};
use crate::model::time::Moment;
use crate::plan::restart::{Ending, Rules, Verdict};

/// Something that an engine called out.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HintKind {
    /// Somebody asked it to end; whoever did may be about to start it again.
    AskedToEnd,
    /// Somebody killed it.
    Killed,
    /// It has ended. Whether memory had to do with it, the engine does not call out.
    Died(Exit),
    /// It is gone.
    Destroyed,
    /// Anything else: worth a look.
    Changed,
}

/// That somebody else ended a container, or was about to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interruption {
    /// When it was heard.
    pub(super) at: Moment,
    /// Whether it was killed outright, and nobody starts it again.
    for_good: bool,
}

impl Interruption {
    /// The engine was away at `at`, and took its containers with it.
    pub(super) const fn of_engine(at: Moment) -> Self {
        Self { at, for_good: false }
    }
}

/// An engine lists a container as running for so long after it has ended, at most: as long as it cleans up after it.
const CLEANING_UP: Duration = Duration::from_secs(10);

impl Host {
    /// Takes in a hint.
    pub fn hint(&mut self, hint: Hint, now: Moment) {
        let key = (hint.task, hint.container);
        let known = self.containers.contains_key(&key);
        match hint.kind {
            // Its end follows, and is called out too.
            HintKind::AskedToEnd => self.interrupt(key.1, false, now),
            HintKind::Killed => self.interrupt(key.1, true, now),
            HintKind::Died(exit) if self.is_enough(&key, &exit) => self.died(key, exit, now),
            // What orc removes itself is known from the answer.
            HintKind::Destroyed => self.lists.wanted |= known && !self.lanes.contains(&hint.task),
            HintKind::Died(_) | HintKind::Changed if known => _ = self.recheck.insert(key),
            HintKind::Died(_) | HintKind::Changed => self.lists.wanted = true,
        }
    }

    fn interrupt(&mut self, container: ContainerId, for_good: bool, now: Moment) {
        let before = self.interrupted.get(&container);
        let for_good = for_good && before.is_none_or(|before| before.for_good);
        self.interrupted.insert(container, Interruption { at: now, for_good });
    }

    /// Whether what is called out tells all that the next attempt depends on, and that is due at once: an engine does
    /// not answer questions about a container before it has cleaned up after it, which takes a good part of a start.
    fn is_enough(&self, key: &(TaskId, ContainerId), exit: &Exit) -> bool {
        let Some(slot) = self.slots.get(&key.0) else { return false };
        let Some(container) = self.containers.get(key) else { return false };
        let busy = self.lanes.contains(&key.0) || self.doubts.contains(&key.0) || self.recheck.contains(key);
        let comes_back = self.interrupted.get(&key.1).is_some_and(|interruption| !interruption.for_good);
        !busy
            && !comes_back
            && self.current(slot).is_some_and(|current| current.id == key.1)
            && container.status == ContainerStatus::Running
            && container.details.is_some()
            && self.answered.contains(&key.1)
            && is_running_as_wanted(slot)
            && is_followed_at_once(slot, exit)
    }

    /// Takes an end for what it was called out to be, until a list or a look shows more.
    fn died(&mut self, key: (TaskId, ContainerId), exit: Exit, now: Moment) {
        let Some(container) = self.containers.get_mut(&key) else { return };
        container.status = ContainerStatus::Exited;
        if let Some(details) = &mut container.details {
            details.exit = Some(exit);
            self.called_dead.insert(key.1, now);
        }
    }

    /// Whether a list that shows a container as running shows it as it was.
    pub(super) fn is_listed_late(&self, container: &Container, now: Moment) -> bool {
        let died = self.called_dead.get(&container.id);
        container.status.is_live() && died.is_some_and(|at| now.since(*at) < CLEANING_UP)
    }

    /// Whether an ended container may still hold the ports of its host.
    pub(super) fn is_being_cleaned_up(&self, container: &Container) -> bool {
        self.called_dead.contains_key(&container.id)
    }
}

fn is_running_as_wanted(slot: &Slot) -> bool {
    let record = &slot.record;
    let unended = record.attempt.as_ref().is_some_and(|attempt| attempt.ran && attempt.ending.is_none());
    unended && record.assignment.desired == Desired::Run && record.state == State::Running
}

/// Whether another attempt follows at once, whatever a look would add.
fn is_followed_at_once(slot: &Slot, exit: &Exit) -> bool {
    let record = &slot.record;
    let rules = Rules::of(&record.assignment.spec);
    // What the kernel kills for its memory limit has failed, whatever its code: that takes a look.
    let may_be_out_of_memory = record.assignment.spec.memory > 0;
    let next = rules.verdict(record.failures, &Ending::Exited(exit.clone()));
    !may_be_out_of_memory && record.streak == 0 && rules.begins_at_once() && next == Verdict::Restart
}
