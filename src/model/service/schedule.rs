//! The runs of a service that runs by the clock: when the next one is due, and what became of those before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::id::{RequestId, TaskId};
use crate::model::time::Timestamp;

/// Runs of a service: the next one, and those that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// When the next run is due, by the clock on the wall; `None` = not known yet, or never.
    pub next: Option<Timestamp>,
    /// Whether a user has suspended it: runs that come due are left out.
    pub is_suspended: bool,
    /// The number of the last run.
    pub numbered: u32,
    /// Those that are not over, and the last of those that are, by number.
    pub runs: BTreeMap<u32, Run>,
}

/// One run: one task, or the word why there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// From 1, and the slot of its task.
    pub number: u32,
    /// The version of the service that it is of; as long as it waits, the one that was wanted when it came due.
    pub version: u64,
    /// When it was due, or was asked for.
    pub due: Timestamp,
    /// Who asked for it, in words; `None` = the clock.
    pub by: Option<String>,
    /// The request that asked for it, so that it is heard once however often it is sent.
    pub request: Option<RequestId>,
    /// Its task; `None` = it waits for the run before it to end, or never began.
    pub task: Option<TaskId>,
    /// When its task was made.
    pub begun: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// What became of it; `None` = nothing yet. A replaced one has it before it is over.
    pub outcome: Option<Outcome>,
    /// What its container exited with.
    pub exit_code: Option<i64>,
    /// Why it is as it is, in words.
    pub why: String,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It exited with 0.
    Succeeded,
    /// It ended otherwise, and is not tried again.
    Failed,
    /// It was due and did not begin.
    Skipped,
    /// A later one took its place.
    Replaced,
    /// Somebody stopped it.
    Stopped,
}

impl Outcome {
    /// The word in the database and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Replaced => "replaced",
            Self::Stopped => "stopped",
        }
    }
}

impl Run {
    /// A run that has not begun.
    pub const fn due(number: u32, version: u64, due: Timestamp) -> Self {
        Self {
            number,
            version,
            due,
            by: None,
            request: None,
            task: None,
            begun: None,
            ended: None,
            outcome: None,
            exit_code: None,
            why: String::new(),
        }
    }

    /// Whether nothing more comes of it.
    pub const fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// The word for how it is.
    pub fn state(&self) -> &'static str {
        match (self.outcome, self.task) {
            (Some(outcome), _) => outcome.word(),
            (None, Some(_)) => "running",
            (None, None) => "waiting",
        }
    }
}

impl Schedule {
    /// So many runs that were left out are remembered, and as many of those that began.
    pub const KEPT: usize = 100;

    /// Runs that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().filter(|run| !run.is_over())
    }

    /// The run that a request has asked for.
    pub fn of_request(&self, request: RequestId) -> Option<&Run> {
        self.runs.values().find(|run| run.request == Some(request))
    }

    /// Adds a run under the next number, which it gives.
    pub fn add(&mut self, version: u64, due: Timestamp) -> &mut Run {
        self.numbered += 1;
        self.runs.entry(self.numbered).or_insert(Run::due(self.numbered, version, due))
    }

    /// Forgets what is not kept any more, and gives it.
    pub fn prune(&mut self) -> Vec<Run> {
        let is_skip = |run: &&Run| run.outcome == Some(Outcome::Skipped);
        let over = || self.runs.values().filter(|run| run.is_over());
        let (skips, others): (Vec<&Run>, Vec<&Run>) = over().partition(is_skip);
        let spare = |runs: &[&Run]| {
            let spare = runs.len().saturating_sub(Self::KEPT);
            runs.iter().take(spare).map(|run| run.number).collect::<Vec<_>>()
        };
        let numbers = [spare(&skips), spare(&others)].concat();
        numbers.iter().filter_map(|number| self.runs.remove(number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1_000)
    }

    #[test]
    fn a_flood_of_skips_pushes_out_no_run_that_began_and_none_that_goes_on() {
        let mut schedule = Schedule::default();
        schedule.add(1, at(0));
        let run = schedule.add(1, at(1));
        (run.outcome, run.ended) = (Some(Outcome::Succeeded), Some(at(2)));
        for second in 0..150 {
            let run = schedule.add(1, at(second));
            (run.outcome, run.ended) = (Some(Outcome::Skipped), Some(at(second)));
        }
        let pruned: Vec<u32> = schedule.prune().iter().map(|run| run.number).collect();
        assert_eq!(pruned, (3..53).collect::<Vec<_>>());
        assert_eq!(schedule.runs.len(), 2 + Schedule::KEPT);
        assert_eq!(schedule.open().map(|run| run.number).collect::<Vec<_>>(), [1]);
        assert_eq!(schedule.add(1, at(0)).number, 153, "no number is given twice");
    }
}
