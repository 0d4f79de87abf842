//! Whether a worker may act: one that has just started may be a copy of another, which lives.

use std::time::Duration;

use super::action::Action;
use super::call::{Call, Verb};
use super::step::is_fenced;
use super::{FIRST_ANSWER, Host};
use crate::model::id::TaskId;
use crate::model::time::Moment;

/// A worker that starts waits so long for a manager's word before it goes on by itself: mostly that takes milliseconds.
/// Where packets are lost, or the network comes up after the worker, it leaves time for five questions; and it is less
/// than a lease.
const FIRST_WORD: Duration = Duration::from_secs(5);

/// What a manager has said of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing yet.
    Unheard {
        /// When this worker goes on by itself.
        until: Moment,
    },
    /// What is wanted of it.
    Admitted,
    /// That another worker speaks for its node.
    Second {
        /// When it said so last.
        at: Moment,
        /// Whether it had admitted this process before.
        was_admitted: bool,
    },
}

/// What a worker may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// Whatever is to be done.
    Act,
    /// End what may run only once and whose lease is over, and look around.
    Fence,
    /// Look around: what runs may be another's.
    Look,
}

impl Standing {
    /// That of a worker that starts.
    pub(super) fn unheard(now: Moment) -> Self {
        Self::Unheard { until: now + FIRST_WORD }
    }

    /// When it means something else though nobody has spoken.
    pub(super) fn next_change(self) -> Option<Moment> {
        match self {
            Self::Unheard { until } => Some(until),
            Self::Admitted => None,
            Self::Second { at, .. } => Some(at + FIRST_ANSWER),
        }
    }

    fn leave(self, now: Moment) -> Leave {
        match self {
            Self::Admitted => Leave::Act,
            Self::Unheard { until } if until <= now => Leave::Act,
            Self::Unheard { .. } | Self::Second { was_admitted: true, .. } => Leave::Fence,
            // Its manager is not heard of any more, and neither may be the other.
            Self::Second { at, .. } if at + FIRST_ANSWER <= now => Leave::Fence,
            Self::Second { .. } => Leave::Look,
        }
    }
}

impl Host {
    /// Takes note that the manager hears another worker of this one's name: this one begins and stops nothing until it is
    /// told something again.
    pub fn another_speaks(&mut self, now: Moment) {
        let was_admitted =
            matches!(self.standing, Standing::Admitted | Standing::Second { was_admitted: true, .. });
        self.standing = Standing::Second { at: now, was_admitted };
    }

    /// Whether this may be done now.
    pub(super) fn may(&self, action: &Action, now: Moment) -> bool {
        match self.standing.leave(now) {
            Leave::Act => true,
            Leave::Fence => only_looks(action) || self.ends_fenced(action, now),
            Leave::Look => only_looks(action),
        }
    }

    fn ends_fenced(&self, action: &Action, now: Moment) -> bool {
        let fenced = |task: TaskId| self.slot(task).is_some_and(|slot| is_fenced(self, slot, now));
        match action {
            Action::Fence { .. } => true,
            Action::Call(Call::Lane { task, verb: Verb::Stop(..) }) => fenced(*task),
            _ => false,
        }
    }
}

/// Whether an action leaves all containers as they are, and leads to nothing that does not.
fn only_looks(action: &Action) -> bool {
    match action {
        Action::Begin { .. }
        | Action::Fence { .. }
        | Action::Condemn { .. }
        | Action::Call(Call::Pull { .. } | Call::RemoveNetwork { .. }) => false,
        Action::Call(Call::Lane { verb, .. }) => matches!(verb, Verb::Inspect(_) | Verb::Find(_)),
        _ => true,
    }
}
