//! Lists of containers: what is taken from one, and what a call that was under way meanwhile knows better.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Host;
use super::hint::Interruption;
use super::note::back_off;
use crate::model::container::{Container, ContainerStatus, Failure};
use crate::model::id::{ContainerId, TaskId};
use crate::model::time::{Moment, Now};

/// A foreign kill explains an end that comes within so long after it.
const KILL_EXPLAINS: Duration = Duration::from_mins(2);

impl Host {
    /// Takes a list in, as far as it saw what calls did.
    pub(super) fn listed(&mut self, number: u64, containers: Vec<Container>, now: Now) {
        let was_gone = std::mem::take(&mut self.lists.gone);
        self.lists.seen = Some(now.moment);
        self.lists.retry_at = None;
        self.lists.failures = 0;
        self.lists.trouble = None;
        let before = std::mem::take(&mut self.containers);
        for (key, container) in &before {
            if !self.may_speak(number, key.0) {
                self.containers.insert(key.clone(), container.clone());
            }
        }
        for mut container in containers {
            let task = container.identity.task;
            if !self.may_speak(number, task) {
                continue;
            }
            let key = (task, container.id.clone());
            if let Some(known) = before.get(&key).filter(|_| self.is_listed_late(&container, now.moment)) {
                self.containers.insert(key, known.clone());
                continue;
            }
            let known = before.get(&key).filter(|known| known.status == container.status);
            if container.details.is_none() {
                container.details = known.and_then(|known| known.details.clone());
            }
            if was_gone && container.status == ContainerStatus::Exited && known.is_none() {
                self.interrupted.insert(container.id.clone(), Interruption::of_engine(now.moment));
            }
            self.containers.insert(key, container);
        }
        self.doubts.retain(|task| self.trusted_from.get(task).is_some_and(|from| *from > number));
        self.trusted_from.retain(|_, from| *from > number);
        self.lists.wanted |= !self.doubts.is_empty();
        self.interrupted.retain(|_, interruption| now.moment.since(interruption.at) < KILL_EXPLAINS);
        let there: BTreeSet<&ContainerId> = self.containers.keys().map(|(_, id)| id).collect();
        self.called_dead.retain(|id, _| there.contains(id));
        self.answered.retain(|id| there.contains(id));
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

    /// Notes that there is no list: nothing is concluded from that (rule R7).
    pub(super) fn not_listed(&mut self, failure: &Failure, now: Moment) {
        self.lists.failures += 1;
        self.lists.gone |= matches!(failure, Failure::Unreachable(_));
        let wait = back_off(Duration::from_millis(250), Duration::from_secs(5), self.lists.failures - 1);
        self.lists.retry_at = Some(now + wait);
        if self.lists.failures > 1 || matches!(failure, Failure::Unreachable(_) | Failure::Unknown(_)) {
            self.lists.trouble = Some(failure.to_string());
        }
    }
}
