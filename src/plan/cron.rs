//! What a job that runs by the clock does next: which runs begin, which are left out, and when the next one is due.
//!
//! The time of the next run is written down with each decision, so that no crash repeats a run or leaves one out. It is the
//! one thing in orc that goes by the wall clock, since that is what was asked for; so it has to live with clocks that are set.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::cron::{CronLine, Missed, Overlap};
use crate::model::time::Timestamp;

/// A run that comes later than this was missed: nobody looked when it was due.
pub const GRACE: Duration = Duration::from_mins(1);

/// A clock that was set back by more than this was wrong before: what it counted on is forgotten. By less, runs would be
/// repeated.
const SET_BACK: Duration = Duration::from_hours(3);

/// The most missed runs that are made up for: a pattern of minutes after a month off would be a flood.
pub const MOST_MISSED: usize = 100;

/// The most times that are gone through one by one: a clock that is set to the next century must not hold up a manager.
const MOST_COUNTED: usize = 10_000;

/// The most runs of a job that go on beside each other: one that never ends, every minute, would be a flood.
pub const MOST_RUNNING: usize = 100;

/// A job as it is.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// When it runs.
    pub line: &'a CronLine,
    /// Whether runs may overlap.
    pub overlap: Overlap,
    /// What becomes of missed runs.
    pub missed: Missed,
    /// Whether an operator has suspended it.
    pub suspended: bool,
    /// When the next run is due, as it was written down; `None` = the job is new.
    pub next: Option<Timestamp>,
    /// Runs that have begun and not ended.
    pub running: usize,
}

/// What to do with a run that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// It begins, after what still runs has been stopped where `replaces` says so.
    Begin {
        /// When it was due.
        due: Timestamp,
        /// Whether what runs of the job is stopped first.
        replaces: bool,
    },
    /// It is left out.
    Skip {
        /// When it was due.
        due: Timestamp,
        /// In words.
        why: &'static str,
    },
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Runs that are due, in order.
    pub runs: Vec<Run>,
    /// Runs before these that were missed, and are too many to tell each; at least so many.
    pub forgotten: usize,
    /// When the next one is, to be written down in the same transaction; `None` = never.
    pub next: Option<Timestamp>,
}

/// What to do now. The same for the same job and time.
pub fn decide(job: &Job<'_>, now: Timestamp) -> Decision {
    let next = job.line.next_after(now);
    let Some(written) = job.next else { return Decision { next, ..Decision::default() } };
    if written > now {
        // The clock was set back since: a little, and what it ran already is not run again; a lot, and it was wrong before.
        // It showed no less than the time before the written one, so how far it is from that tells which.
        let far = job.line.next_after(now.after(SET_BACK)).is_some_and(|later| later < written);
        return Decision { next: if far { next } else { Some(written) }, ..Decision::default() };
    }
    let (due, forgotten) = due(job.line, written, now);
    let (mut runs, wanted) = sort_out(job, due, now);
    let waits = begin(job, wanted, &mut runs);
    runs.sort_by_key(Run::due);
    Decision { runs, forgotten, next: waits.or(next) }
}

/// The runs that are due, the last of them where there are too many, and how many there were before these at least.
fn due(line: &CronLine, first: Timestamp, now: Timestamp) -> (VecDeque<Timestamp>, usize) {
    let (mut due, counted) = last_of(line, first, now);
    if counted < MOST_COUNTED {
        let forgotten = counted - due.len();
        return (due, forgotten);
    }
    // So many that even the way to the last of them is too long: from ever farther before now, until one is found.
    let reached = due.back().copied().unwrap_or(first);
    let mut ago = first.until(reached) / 100;
    loop {
        let from = now.before(ago);
        let begin = if from <= reached { Some(reached) } else { line.next_after(from) };
        due = begin.map_or_else(VecDeque::new, |begin| last_of(line, begin, now).0);
        if !due.is_empty() || from <= reached {
            let forgotten = counted.saturating_sub(due.len());
            return (due, forgotten);
        }
        ago *= 2;
    }
}

/// The last times of a line from this one to now, and how many there are of them all; of more than are counted, the first.
fn last_of(line: &CronLine, first: Timestamp, now: Timestamp) -> (VecDeque<Timestamp>, usize) {
    let (mut last, mut counted) = (VecDeque::new(), 0);
    let times = std::iter::successors(Some(first), |at| line.next_after(*at)).take_while(|at| *at <= now);
    for at in times.take(MOST_COUNTED) {
        counted += 1;
        last.push_back(at);
        if last.len() > MOST_MISSED {
            last.pop_front();
        }
    }
    (last, counted)
}

/// Those that are left out whatever else runs, and those that should run.
fn sort_out(job: &Job<'_>, due: VecDeque<Timestamp>, now: Timestamp) -> (Vec<Run>, VecDeque<Timestamp>) {
    let last = due.back().copied();
    let why = |at: Timestamp| match job.missed {
        _ if job.suspended => Some("the job is suspended"),
        Missed::Skip if at.until(now) > GRACE => Some("it was missed: nobody looked when it was due"),
        Missed::Once if Some(at) != last => Some("it was missed, and a later one makes up for it"),
        _ => None,
    };
    let (mut skipped, mut wanted) = (Vec::new(), VecDeque::new());
    for at in due {
        match why(at) {
            Some(why) => skipped.push(Run::Skip { due: at, why }),
            None => wanted.push_back(at),
        }
    }
    (skipped, wanted)
}

/// Lets runs begin, as far as they may beside each other; the first of those that wait for another to end.
fn begin(job: &Job<'_>, mut wanted: VecDeque<Timestamp>, runs: &mut Vec<Run>) -> Option<Timestamp> {
    match job.overlap {
        Overlap::Allow => {
            let room = MOST_RUNNING.saturating_sub(job.running).min(wanted.len());
            let why = "too many runs before it have not ended";
            runs.extend(wanted.split_off(room).into_iter().map(|due| Run::Skip { due, why }));
            runs.extend(wanted.into_iter().map(|due| Run::Begin { due, replaces: false }));
        }
        Overlap::Replace => {
            let last = wanted.pop_back()?;
            let why = "the one after it would replace it at once";
            runs.extend(wanted.into_iter().map(|due| Run::Skip { due, why }));
            runs.push(Run::Begin { due: last, replaces: job.running > 0 });
        }
        Overlap::Forbid => {
            if job.running == 0 {
                runs.extend(wanted.pop_front().map(|due| Run::Begin { due, replaces: false }));
            }
            if job.missed == Missed::All {
                // All are to run, one after the other.
                return wanted.pop_front();
            }
            let why = "the run before it has not ended";
            runs.extend(wanted.into_iter().map(|due| Run::Skip { due, why }));
        }
    }
    None
}

impl Run {
    /// When it was due.
    pub const fn due(&self) -> Timestamp {
        match self {
            Self::Begin { due, .. } | Self::Skip { due, .. } => *due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + minute * 60_000)
    }

    fn hourly() -> CronLine {
        CronLine::parse("@hourly", "").unwrap()
    }

    /// A job that runs at minutes 0, 60, 120 …, and is due at `next`.
    fn job(line: &CronLine, next: i64) -> Job<'_> {
        let (overlap, missed) = (Overlap::default(), Missed::default());
        Job { line, overlap, missed, suspended: false, next: Some(at(next)), running: 0 }
    }

    fn begin(minute: i64) -> Run {
        Run::Begin { due: at(minute), replaces: false }
    }

    fn begun(decision: &Decision) -> Vec<Timestamp> {
        let begins = decision.runs.iter().filter(|run| matches!(run, Run::Begin { .. }));
        begins.map(Run::due).collect()
    }

    #[test]
    fn a_new_job_waits_for_its_first_time() {
        let line = hourly();
        let decision = decide(&Job { next: None, ..job(&line, 0) }, at(10));
        assert_eq!(decision, Decision { next: Some(at(60)), ..Decision::default() });
    }

    #[test]
    fn a_run_begins_once_when_it_is_due() {
        let line = hourly();
        assert_eq!(decide(&job(&line, 60), at(59)).runs, []);
        let decision = decide(&job(&line, 60), at(60));
        assert_eq!((&decision.runs[..], decision.next), (&[begin(60)][..], Some(at(120))));
        assert_eq!(decide(&Job { next: decision.next, ..job(&line, 0) }, at(60)).runs, []);
    }

    #[test]
    fn after_a_night_off_missed_runs_are_made_up_for_as_was_asked() {
        let line = hourly();
        let missed = |missed| decide(&Job { missed, ..job(&line, 60) }, at(250));
        assert_eq!(begun(&missed(Missed::Skip)), []);
        assert_eq!(missed(Missed::Skip).runs.len(), 4);
        assert_eq!(begun(&missed(Missed::Once)), [at(240)]);
        assert_eq!(missed(Missed::Once).next, Some(at(300)));
        let allowed = Job { missed: Missed::All, overlap: Overlap::Allow, ..job(&line, 60) };
        assert_eq!(begun(&decide(&allowed, at(250))), [at(60), at(120), at(180), at(240)]);
    }

    #[test]
    fn where_all_are_to_run_and_none_overlap_they_run_one_after_the_other() {
        let line = hourly();
        let all = Job { missed: Missed::All, ..job(&line, 60) };
        let first = decide(&all, at(190));
        assert_eq!((begun(&first), first.next), (vec![at(60)], Some(at(120))));
        let meanwhile = decide(&Job { next: first.next, running: 1, ..all.clone() }, at(191));
        assert_eq!((&meanwhile.runs[..], meanwhile.next), (&[][..], Some(at(120))));
        let second = decide(&Job { next: meanwhile.next, ..all }, at(192));
        assert_eq!((begun(&second), second.next), (vec![at(120)], Some(at(180))));
    }

    #[test]
    fn a_year_off_makes_no_flood() {
        let line = hourly();
        let all = Job { missed: Missed::All, overlap: Overlap::Allow, ..job(&line, 60) };
        let decision = decide(&all, at(60 * 24 * 365));
        assert_eq!((decision.runs.len(), decision.forgotten), (MOST_MISSED, 24 * 365 - MOST_MISSED));
    }

    #[test]
    fn a_clock_that_shows_the_next_century_makes_up_for_the_last_run_before_it_and_holds_up_nobody() {
        for (text, longest) in [("* * * * *", 1), ("0 9 * * MON", 7 * 24 * 60), ("@yearly", 366 * 24 * 60)] {
            let line = CronLine::parse(text, "Europe/Berlin").unwrap();
            let next = line.next_after(at(0)).unwrap();
            let now = at(60 * 24 * 365 * 73);
            let decision = decide(&Job { next: Some(next), ..job(&line, 0) }, now);
            let begun = begun(&decision);
            assert_eq!(begun.len(), 1, "{text}");
            assert!(begun[0].until(now) <= Duration::from_mins(longest), "{text}: {begun:?}");
            assert!(decision.runs.len() <= MOST_MISSED && decision.next > Some(now), "{text}");
        }
    }

    #[test]
    fn what_still_runs_counts_as_was_asked() {
        let line = hourly();
        let running = Job { running: 1, ..job(&line, 60) };
        assert!(matches!(decide(&running, at(60)).runs[..], [Run::Skip { .. }]));
        let replaces = decide(&Job { overlap: Overlap::Replace, ..running.clone() }, at(60)).runs;
        assert_eq!(replaces, [Run::Begin { due: at(60), replaces: true }]);
        let beside = Job { overlap: Overlap::Allow, ..running };
        assert_eq!(decide(&beside, at(60)).runs, [begin(60)]);
        let many = Job { running: MOST_RUNNING, ..beside };
        assert!(matches!(decide(&many, at(60)).runs[..], [Run::Skip { .. }]));
    }

    #[test]
    fn a_suspended_job_leaves_its_runs_out_and_makes_up_for_none() {
        let line = hourly();
        let decision = decide(&Job { suspended: true, missed: Missed::All, ..job(&line, 60) }, at(130));
        assert_eq!((begun(&decision), decision.next), (vec![], Some(at(180))));
    }

    #[test]
    fn a_clock_that_is_set_back_repeats_nothing_and_one_that_was_a_year_ahead_is_forgotten() {
        let line = hourly();
        assert_eq!(decide(&job(&line, 120), at(30)).next, Some(at(120)));
        assert_eq!(decide(&job(&line, 60 * 24 * 365), at(30)).next, Some(at(60)));
        // However seldom it runs: by a minute is little.
        let daily = CronLine::parse("@daily", "").unwrap();
        let today = daily.next_after(at(0)).unwrap();
        let tomorrow = daily.next_after(today);
        let a_minute_before = Timestamp::from_millis(today.millis() - 60_000);
        let ran = Job { next: tomorrow, ..job(&daily, 0) };
        assert_eq!(decide(&ran, a_minute_before).next, tomorrow);
        let hours_before = Timestamp::from_millis(today.millis() - 4 * 3_600_000);
        assert_eq!(decide(&ran, hours_before).next, Some(today));
    }
}
