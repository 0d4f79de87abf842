//! How a job comes to its end: which of its tasks to start and to stop next.
//!
//! Each slot is to be run to its end once. As in [`super::rollout`], nothing is remembered: asked again after any crash,
//! [`decide`] goes on where things are.

use std::collections::BTreeMap;

use crate::model::id::TaskId;
use crate::model::service::{Job, Slot};
use crate::plan::rollout::Step;

/// A task of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Which.
    pub task: TaskId,
    /// Where it stands.
    pub slot: Slot,
    /// Of which version of the specification.
    pub version: u64,
    /// How it is.
    pub condition: Condition,
}

/// How a task of a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It has not ended.
    Live,
    /// It has exited with 0.
    Done,
    /// It has ended otherwise, and is not restarted any more.
    Failed,
    /// It was asked to stop.
    Leaving,
}

/// What to do now towards the wanted version; `is_held`: no further, somebody or a failure holds it.
pub fn decide(job: Job, wanted: u64, is_held: bool, runs: &[Run]) -> Vec<Step> {
    let (own, others): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.version == wanted);
    let is_in =
        |run: &Run| matches!(run.slot, Slot::Number(number) if (1..=job.completions).contains(&number));
    let (own, outside): (Vec<&Run>, Vec<&Run>) = own.into_iter().partition(|run| is_in(run));
    let mut steps: Vec<Step> = others
        .into_iter()
        .chain(outside)
        .filter(|run| run.condition != Condition::Leaving)
        .map(|run| Step::Stop { task: run.task, why: format!("version {wanted} takes its place") })
        .collect();
    let count = |condition| own.iter().filter(|run| run.condition == condition).count();
    let failed = count(Condition::Failed);
    if is_held {
        steps.extend(
            own.iter()
                .filter(|run| run.condition == Condition::Live)
                .map(|run| Step::Stop { task: run.task, why: "the job is held".to_owned() }),
        );
        return steps;
    }
    if failed > 0 {
        steps.push(Step::Fail {
            why: format!("{failed} of {} tasks of version {wanted} failed", job.completions),
        });
        return steps;
    }
    let by_slot: BTreeMap<&Slot, &Run> = own.iter().map(|run| (&run.slot, *run)).collect();
    let under_way = count(Condition::Live) + count(Condition::Leaving);
    let at_a_time = if job.parallelism == 0 { job.completions } else { job.parallelism };
    let room = usize::try_from(at_a_time).unwrap_or(usize::MAX).saturating_sub(under_way);
    let empty = (1..=job.completions).map(Slot::Number).filter(|slot| !by_slot.contains_key(slot));
    // The tasks of the version before end first.
    if steps.is_empty() && runs.iter().all(|run| run.version == wanted) {
        steps.extend(empty.take(room).map(|slot| Step::Start { slot, version: wanted }));
    }
    if steps.is_empty() && count(Condition::Done) == usize::try_from(job.completions).unwrap_or(usize::MAX) {
        steps.push(Step::Finish);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: Job = Job { completions: 3, parallelism: 2 };

    fn run(number: u32, version: u64, condition: Condition) -> Run {
        let task = TaskId::from_uuid(uuid::Uuid::from_u128(u128::from(version * 100 + u64::from(number))));
        Run { task, slot: Slot::Number(number), version, condition }
    }

    fn starts(steps: &[Step]) -> Vec<Slot> {
        let start = |step: &Step| match step {
            Step::Start { slot, .. } => Some(slot.clone()),
            _ => None,
        };
        steps.iter().filter_map(start).collect()
    }

    #[test]
    fn as_many_run_at_a_time_as_may_and_each_slot_once() {
        let slots = |numbers: &[u32]| numbers.iter().copied().map(Slot::Number).collect::<Vec<_>>();
        assert_eq!(starts(&decide(JOB, 1, false, &[])), slots(&[1, 2]));
        let half = [run(1, 1, Condition::Done), run(2, 1, Condition::Live)];
        assert_eq!(starts(&decide(JOB, 1, false, &half)), slots(&[3]));
        let most = [run(1, 1, Condition::Done), run(2, 1, Condition::Live), run(3, 1, Condition::Done)];
        assert_eq!(decide(JOB, 1, false, &most), []);
    }

    #[test]
    fn it_is_over_when_every_slot_has_exited_with_0() {
        let done = [1, 2, 3].map(|number| run(number, 1, Condition::Done));
        assert_eq!(decide(JOB, 1, false, &done), [Step::Finish]);
    }

    #[test]
    fn one_that_fails_for_good_fails_the_job_and_held_its_others_stop() {
        let runs = [run(1, 1, Condition::Failed), run(2, 1, Condition::Live)];
        let why = "1 of 3 tasks of version 1 failed".to_owned();
        assert_eq!(decide(JOB, 1, false, &runs), [Step::Fail { why }]);
        assert!(
            matches!(&decide(JOB, 1, true, &runs)[..], [Step::Stop { task, .. }] if *task == runs[1].task)
        );
    }

    #[test]
    fn another_version_begins_once_what_was_there_has_gone() {
        let old = [run(1, 1, Condition::Done), run(2, 1, Condition::Live)];
        assert_eq!(decide(JOB, 2, false, &old).len(), 2, "both are stopped, and nothing is started");
        assert_eq!(decide(JOB, 2, false, &[run(2, 1, Condition::Leaving)]), []);
        assert_eq!(starts(&decide(JOB, 2, false, &[])).len(), 2);
    }
}
