//! Every change that can come over a service. What each means is in `apply_services`.

use crate::model::id::{RequestId, TaskId};
use crate::model::service::{ServiceName, ServiceSpec, Slot};
use crate::model::time::Timestamp;
use crate::plan::cron::Decision;

/// One change of a service: a user's word, or a decision of `plan::cluster::rollouts`.
#[derive(Debug, Clone, PartialEq)]
pub enum ServiceChange {
    /// A user wants a service to be so.
    Set {
        /// What, and whose word that is.
        word: Word,
        /// What it should be.
        spec: Box<ServiceSpec>,
    },
    /// A user wants so many tasks of it.
    Scale {
        /// Which, and whose word that is.
        word: Word,
        /// How many.
        replicas: u32,
    },
    /// A user wants an earlier version of it back.
    Restore {
        /// Which, and whose word that is.
        word: Word,
        /// The version; `None` = the one that was healthy last, or else the one before.
        version: Option<u64>,
    },
    /// A user wants it to be no more.
    Remove {
        /// Which, and whose word that is.
        word: Word,
    },
    /// A user says how its rollout goes on.
    Steer {
        /// Which, and whose word that is.
        word: Word,
        /// How.
        how: Steer,
    },
    /// A user wants a run of it now, whatever the clock says.
    Ask {
        /// Which, and whose word that is.
        word: Word,
        /// Heard once, however often it is sent.
        request: RequestId,
    },
    /// A user says whether its runs begin by the clock.
    Pace {
        /// Which, and whose word that is.
        word: Word,
        /// Whether.
        how: Pace,
    },
    /// The planner finds runs due, or learns when the next one is: all of that at once, or nothing of it.
    Tick {
        /// Of which.
        service: ServiceName,
        /// When the next one was due when this was decided.
        seen: Option<Timestamp>,
        /// What begins, what is left out, and when the next one is due.
        decision: Box<Decision>,
    },
    /// The planner begins a run that waited for the one before it.
    Launch {
        /// Of which.
        service: ServiceName,
        /// The run's.
        number: u32,
    },
    /// The planner finds a run over.
    End {
        /// Of which.
        service: ServiceName,
        /// The run's.
        number: u32,
    },
    /// The planner starts a task of it.
    Start {
        /// Of which.
        service: ServiceName,
        /// Where.
        slot: Slot,
        /// By the template of which version.
        version: u64,
    },
    /// The planner wants a task of it no more.
    Stop {
        /// Whose.
        service: ServiceName,
        /// Which.
        task: TaskId,
        /// Why, in words.
        why: String,
    },
    /// The planner finds that a new task of it does not work: one more failure.
    Discard {
        /// Whose.
        service: ServiceName,
        /// Which.
        task: TaskId,
    },
    /// The planner finds it what it should be.
    Settle {
        /// Which.
        service: ServiceName,
    },
    /// The planner finds that too many new tasks of it do not work.
    Fail {
        /// Which.
        service: ServiceName,
        /// Why, in words.
        why: String,
    },
    /// The planner finds nothing left of one that was to be removed.
    Drop {
        /// Which.
        service: ServiceName,
    },
}

impl ServiceChange {
    /// Whether it is a user's word.
    pub const fn is_of_user(&self) -> bool {
        matches!(
            self,
            Self::Set { .. }
                | Self::Scale { .. }
                | Self::Restore { .. }
                | Self::Remove { .. }
                | Self::Steer { .. }
                | Self::Ask { .. }
                | Self::Pace { .. }
        )
    }

    /// Which service it is about.
    pub const fn service(&self) -> &ServiceName {
        match self {
            Self::Set { word, .. }
            | Self::Scale { word, .. }
            | Self::Restore { word, .. }
            | Self::Remove { word }
            | Self::Steer { word, .. }
            | Self::Ask { word, .. }
            | Self::Pace { word, .. } => &word.service,
            Self::Tick { service, .. }
            | Self::Launch { service, .. }
            | Self::End { service, .. }
            | Self::Start { service, .. }
            | Self::Stop { service, .. }
            | Self::Discard { service, .. }
            | Self::Settle { service }
            | Self::Fail { service, .. }
            | Self::Drop { service } => service,
        }
    }
}

/// What every user's word about a service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Which service.
    pub service: ServiceName,
    /// What the user takes it to be.
    pub expected: Expected,
    /// Who says so, in words.
    pub by: String,
    /// When it was said.
    pub at: Timestamp,
}

/// What a user takes a service to be before a change: so that two who change it at a time never undo each other's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is: the user means that.
    Anything,
    /// None of the name.
    Absent,
    /// Of this version.
    Version(u64),
}

/// How a rollout goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    /// No further for now.
    Pause,
    /// On again. What has failed is tried again.
    Resume,
    /// Beyond the first slots, into all.
    Promote,
}

/// Whether runs begin by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Not for now: those that come due are left out.
    Suspend,
    /// As they come due.
    Resume,
}
