//! The states of a task and the one table that says who may move it from which to which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is known of a task.
///
/// ```text
///            planner            worker             worker
/// pending ────────────▶ scheduled ───────▶ running ───────▶ completed
///    │ ▲                 │  ▲                 │ │
///    │ └── planner ──────┤  └─────────────────┤ └──────────▶ failed
///    └──▶ completed      └──▶ completed | failed   (a restart, or a move, goes back to scheduled)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Accepted and stored; no node chosen yet.
    Pending,
    /// Given to a node; its container is being pulled, created, started, or waits for its restart.
    Scheduled,
    /// Its container runs.
    Running,
    /// Ended as it should: exited 0, or was stopped on request. Final.
    Completed,
    /// Ended otherwise, and is not restarted any more. Final.
    Failed,
}

impl State {
    /// Every state, in the order of a task's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Scheduled, Self::Running, Self::Completed, Self::Failed];

    /// Whether nothing ever leaves this state.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }

    /// The word in the database and on the wire between manager and worker.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.word() == word).ok_or_else(|| {
            format!("{word:?} is no state: pending, scheduled, running, completed and failed are")
        })
    }
}

/// Who may make a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The manager's planner.
    Planner,
    /// The worker that has the task, from what Docker shows.
    Worker,
}

/// Every lawful transition. Staying where one is needs no row.
#[rustfmt::skip]
pub const TRANSITIONS: &[(State, State, Actor)] = &[
    (State::Pending,   State::Scheduled, Actor::Planner), // placed on a node
    (State::Pending,   State::Completed, Actor::Planner), // stopped before it had a node
    (State::Scheduled, State::Pending,   Actor::Planner), // its node has to let go of it first
    (State::Running,   State::Pending,   Actor::Planner), // its node has to let go of it first
    (State::Running,   State::Scheduled, Actor::Planner), // moves to another node
    (State::Scheduled, State::Running,   Actor::Worker),  // its container runs
    (State::Scheduled, State::Completed, Actor::Worker),  // stopped before it ran, or ran to its end unseen
    (State::Scheduled, State::Failed,    Actor::Worker),  // cannot be started, or ran and failed unseen
    (State::Running,   State::Scheduled, Actor::Worker),  // restarts
    (State::Running,   State::Completed, Actor::Worker),  // exited 0, or stopped on request
    (State::Running,   State::Failed,    Actor::Worker),  // failed for good
];

/// Whether `who` may take a task from `from` to `to`.
pub fn may_move(from: State, to: State, who: Actor) -> bool {
    TRANSITIONS.contains(&(from, to, who))
}

/// What a user wants of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Desired {
    /// Run it, and keep it running as its restart policy says.
    Run,
    /// Stop it and remove its container. Never taken back.
    Stop,
}

impl Desired {
    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Stop => "stop",
        }
    }
}

/// What a health check says of a running container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// There is no check, or nothing runs.
    #[default]
    None,
    /// Runs; not yet healthy, its failures do not count yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// As many checks in a row failed as the task allows.
    Unhealthy,
}

impl Health {
    /// Docker's own word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// Whether a running task gets traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// It does.
    Yes,
    /// Its readiness is not shown yet; what is missing, in words.
    NotYet(String),
    /// As many of its readiness probes in a row failed as are allowed; the last one's failure, in words.
    No(String),
}

impl Ready {
    /// The word in the database.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::NotYet(_) => "not-yet",
            Self::No(_) => "no",
        }
    }

    /// Why it is not ready; `None` when it is.
    pub fn why_not(&self) -> Option<&str> {
        match self {
            Self::Yes => None,
            Self::NotYet(why) | Self::No(why) => Some(why),
        }
    }

    /// From the word in the database and the reason beside it.
    pub fn of(word: &str, why_not: String) -> Result<Self, String> {
        match word {
            "yes" => Ok(Self::Yes),
            "not-yet" => Ok(Self::NotYet(why_not)),
            "no" => Ok(Self::No(why_not)),
            _ => Err(format!("{word:?} is not how ready a task is: yes, not-yet and no are")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_final_state() {
        assert!(TRANSITIONS.iter().all(|(from, _, _)| !from.is_final()));
    }

    #[test]
    fn every_word_reads_back() {
        for state in State::ALL {
            assert_eq!(state.word().parse(), Ok(state));
        }
    }

    #[test]
    fn how_ready_a_task_is_reads_back() {
        for ready in [Ready::Yes, Ready::NotYet("a".to_owned()), Ready::No("b".to_owned())] {
            let why_not = ready.why_not().unwrap_or_default().to_owned();
            assert_eq!(Ready::of(ready.word(), why_not), Ok(ready));
        }
        assert!(Ready::of("maybe", String::new()).is_err());
    }
}
