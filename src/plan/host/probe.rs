//! How the answers of one probe add up, and when to ask next.

use std::time::Duration;

use super::call::Reply;
use crate::model::id::ExecId;
use crate::model::probe::Probe;
use crate::model::state::Health;
use crate::model::time::Moment;

/// What is known of one running container by one probe. Begins anew with each container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// When its container was first seen running.
    since: Moment,
    /// When to ask next.
    pub next: Moment,
    /// An answer is awaited.
    pub asking: bool,
    /// Failures in a row that count.
    failures: u32,
    /// What was wrong the last time, in words; empty = nothing yet.
    pub words: String,
    /// When that was written.
    words_at: Moment,
    /// A program that was given up and may still run.
    pub left: Option<ExecId>,
    /// What it amounts to.
    pub health: Health,
}

/// The first question comes soon, so that a task that is well shows it soon.
const FIRST: Duration = Duration::from_secs(1);

/// A failure in other words than the last one is told no sooner after it: each telling is a durable write.
const RETELL: Duration = Duration::from_secs(10);

impl Tally {
    /// Begins to watch a container. One that was well before this worker was restarted still is, as far as anybody
    /// knows. `chance`, from 0 to 1, brings the first question forward by up to a half, so that tasks which start
    /// together are not asked together.
    pub fn begin(probe: &Probe, was_well: bool, chance: f64, now: Moment) -> Self {
        let first = probe.interval().min(probe.start_interval()).min(FIRST).mul_f64(1.0 - chance / 2.0);
        Self {
            since: now,
            next: now + first,
            asking: false,
            failures: 0,
            words: String::new(),
            words_at: now,
            left: None,
            health: if was_well { Health::Healthy } else { Health::Starting },
        }
    }

    /// Takes an answer in.
    pub fn take(&mut self, probe: &Probe, reply: Reply, now: Moment) {
        self.asking = false;
        let before = self.health;
        match reply {
            Reply::Passed => {
                self.failures = 0;
                self.left = None;
                self.health = Health::Healthy;
            }
            Reply::Failed { why, left } => {
                self.left = left;
                if !self.is_starting(probe, now) {
                    self.failures += 1;
                }
                if self.failures >= probe.retries {
                    self.health = Health::Unhealthy;
                }
                let is_due = self.words.is_empty() || now.since(self.words_at) >= RETELL;
                if is_due || self.health != before {
                    (self.words, self.words_at) = (why, now);
                }
            }
            // Nobody knows how the container is: nothing is concluded from that (rule R7).
            Reply::Unasked { left } => self.left = left,
        }
        let wait = if self.is_starting(probe, now) { probe.start_interval() } else { probe.interval() };
        self.next = now + wait;
    }

    /// Whether failures do not count yet.
    fn is_starting(&self, probe: &Probe, now: Moment) -> bool {
        self.health == Health::Starting && now.since(self.since) < probe.start_period()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::probe::Test;

    fn probe(start_period_ms: u64) -> Probe {
        Probe {
            test: Test::Tcp(80),
            interval_ms: 10_000,
            timeout_ms: 5_000,
            retries: 3,
            start_period_ms,
            start_interval_ms: None,
        }
    }

    fn reply(well: bool) -> Reply {
        if well { Reply::Passed } else { failed("was not accepted") }
    }

    fn failed(why: &str) -> Reply {
        Reply::Failed { why: why.to_owned(), left: None }
    }

    fn after(start_period_ms: u64, answers: &[(u64, bool)]) -> Health {
        let probe = probe(start_period_ms);
        let mut tally = Tally::begin(&probe, false, 0.0, Moment(0));
        for (at, well) in answers {
            tally.take(&probe, reply(*well), Moment(*at));
        }
        tally.health
    }

    #[test]
    fn as_many_failures_in_a_row_as_allowed_make_it_unhealthy() {
        assert_eq!(after(0, &[]), Health::Starting);
        assert_eq!(after(0, &[(1_000, true)]), Health::Healthy);
        assert_eq!(after(0, &[(1_000, false), (2_000, false)]), Health::Starting);
        assert_eq!(after(0, &[(1_000, false), (2_000, false), (3_000, false)]), Health::Unhealthy);
        assert_eq!(after(0, &[(1, true), (2, false), (3, false), (4, true), (5, false)]), Health::Healthy);
    }

    #[test]
    fn one_good_answer_makes_it_healthy_again() {
        let failing = [(1, false), (2, false), (3, false), (4, false), (5, true), (6, false)];
        assert_eq!(after(0, &failing[..4]), Health::Unhealthy);
        assert_eq!(after(0, &failing), Health::Healthy);
    }

    #[test]
    fn failures_within_the_start_period_do_not_count_until_it_was_healthy_once() {
        let failing = [(1_000, false), (2_000, false), (3_000, false), (4_000, false)];
        assert_eq!(after(5_000, &failing), Health::Starting);
        let was_healthy = [(500, true), (1_000, false), (2_000, false), (3_000, false)];
        assert_eq!(after(5_000, &was_healthy), Health::Unhealthy);
        let then_counted = [&failing[..], &[(5_000, false), (6_000, false)]].concat();
        assert_eq!(after(5_000, &then_counted), Health::Starting, "only those after it");
    }

    #[test]
    fn what_could_not_be_asked_counts_neither_way() {
        let mut tally = Tally::begin(&probe(0), false, 0.0, Moment(0));
        for at in [1, 2] {
            tally.take(&probe(0), reply(false), Moment(at));
        }
        tally.take(&probe(0), Reply::Unasked { left: None }, Moment(3));
        assert_eq!((tally.health, tally.next), (Health::Starting, Moment(10_003)));
        tally.take(&probe(0), reply(false), Moment(4));
        assert_eq!(tally.health, Health::Unhealthy);
    }

    #[test]
    fn the_next_question_comes_an_interval_after_the_last_answer() {
        let mut tally = Tally::begin(&probe(0), false, 0.0, Moment(0));
        assert_eq!(tally.next, Moment(1_000));
        tally.take(&probe(0), Reply::Passed, Moment(1_200));
        assert_eq!(tally.next, Moment(11_200));
    }

    #[test]
    fn first_questions_are_spread_over_half_of_their_time() {
        let first = |chance| Tally::begin(&probe(0), false, chance, Moment(0)).next;
        assert_eq!([first(0.0), first(0.5), first(1.0)], [Moment(1_000), Moment(750), Moment(500)]);
    }

    #[test]
    fn a_start_interval_counts_in_the_start_period_until_it_was_healthy_once() {
        let probe = Probe { start_interval_ms: Some(200), ..probe(5_000) };
        let mut tally = Tally::begin(&probe, false, 0.0, Moment(0));
        assert_eq!(tally.next, Moment(200));
        tally.take(&probe, reply(false), Moment(300));
        assert_eq!(tally.next, Moment(500));
        let mut well = tally.clone();
        well.take(&probe, Reply::Passed, Moment(600));
        assert_eq!(well.next, Moment(10_600));
        tally.take(&probe, reply(false), Moment(5_000));
        assert_eq!(tally.next, Moment(15_000), "the start period is over");
    }

    #[test]
    fn a_failure_that_goes_on_in_other_words_is_not_told_each_time() {
        let probe = Probe { retries: 1, ..probe(0) };
        let mut tally = Tally::begin(&probe, false, 0.0, Moment(0));
        let mut words = |at, reply| {
            tally.take(&probe, reply, Moment(at));
            tally.words.clone()
        };
        assert_eq!(words(1_000, failed("at 1")), "at 1");
        assert_eq!(words(2_000, failed("at 2")), "at 1");
        assert_eq!(words(11_000, failed("at 11")), "at 11");
        words(12_000, Reply::Passed);
        assert_eq!(words(13_000, failed("at 13")), "at 13", "that is news");
    }
}
