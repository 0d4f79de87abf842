//! The books that are kept of services that run by the clock: each scheduled time is written down once, with what became of
//! it, whatever is killed when. They go by what is durable, and by the manager's clock alone.

use std::collections::{BTreeMap, BTreeSet};

use orc::model::cron::{Missed, Overlap};
use orc::model::service::{Cron, Run, Service, ServiceName};
use orc::model::state::Desired;
use orc::model::time::Timestamp;
use orc::plan::cluster::Dirty;

use super::calendar::Calendar;
use crate::manager::Disk;
use crate::world::{Checked, World, broken};

/// What histories must have met.
pub(crate) const MET: &[&str] = &[
    "begins in time",
    "begins late",
    "begins by hand",
    "is left out while suspended",
    "is left out as it is late",
    "is left out beside another",
    "waits for the one that it replaces",
    "waits its turn",
    "several were missed",
    "so many were missed that not all are told",
    "a clock was far ahead",
    "succeeded",
    "failed",
    "replaced",
    "stopped",
];

/// So many missed runs are told one by one.
const TOLD: usize = 100;

/// A clock that is set back by more was wrong before.
const SET_BACK: i64 = 3 * 3_600_000;

/// Runs are due for so long at most before they are decided on, milliseconds, by a manager that decides.
const PATIENCE: u64 = 2_000;

/// The books of all of them.
#[derive(Debug, Default)]
pub(crate) struct Ledgers(BTreeMap<ServiceName, Ledger>);

/// The book of one service under one line.
#[derive(Debug)]
struct Ledger {
    calendar: Calendar,
    /// What was scheduled until then has been written down, milliseconds of the manager's date.
    upto: i64,
    /// Since when something was due and nothing was decided about it, by the world's clock.
    overdue: Option<u64>,
}

impl World {
    /// Enters what the manager writes down of runs, if it may be so.
    pub(crate) fn keep_books(&mut self, after: &Disk, dirty: &Dirty) -> Checked {
        for name in &dirty.dropped {
            self.ledgers.0.remove(name);
        }
        let of_runs = dirty.runs.iter().chain(&dirty.pruned_runs).map(|(name, _)| name);
        let names: BTreeSet<&ServiceName> = of_runs.chain(&dirty.services).collect();
        for name in names {
            let before = self.manager.disk.service(name);
            let Some(after_it) = after.service(name) else { continue };
            if before.is_none() && after_it.wanted().spec.mode.cron().is_none() {
                continue;
            }
            self.check_rows(before.as_ref(), &after_it, after)?;
            self.enter(before.as_ref(), &after_it)?;
        }
        Ok(())
    }

    /// Accounts for every scheduled time until now.
    fn enter(&mut self, before: Option<&Service>, after: &Service) -> Checked {
        let name = &after.name;
        let wall = self.manager.clocks.at(self.now).wall.millis();
        let by_clock = new_by_clock(before, after);
        let (Some(cron), Some(next)) = (after.wanted().spec.mode.cron(), after.schedule.next) else {
            self.ledgers.0.remove(name);
            return nothing_begins(name, &by_clock);
        };
        if after.desired == Desired::Stop {
            return nothing_begins(name, &by_clock);
        }
        let (calendar, next) = (Calendar::of(&cron.line), next.millis());
        let Some(ledger) = self.ledgers.0.get_mut(name).filter(|ledger| ledger.calendar == calendar) else {
            // The first look at this line.
            self.ledgers.0.insert(name.clone(), Ledger { calendar, upto: wall, overdue: None });
            nothing_begins(name, &by_clock)?;
            return next_is(name, next, calendar.next(wall));
        };
        let was_far_ahead = ledger.upto > wall + SET_BACK;
        let forgets = was_far_ahead && next <= ledger.upto && next == calendar.next(wall);
        let from = if forgets { wall } else { ledger.upto };
        // What is due and not decided on is before the first that is.
        let to = if next <= wall { next - 1 } else { from.max(wall) };
        next_is(name, next, calendar.next(to))?;
        let told: Vec<i64> = by_clock.iter().map(|run| run.due.millis()).collect();
        let scheduled = calendar.last(from, to, TOLD + 1);
        // Of more than are told, the first are passed over; those that wait their turn count among them.
        let waiting = calendar.last(to, wall, TOLD).len();
        let is_crowded = scheduled.len() > TOLD && !told.is_empty() || told.len() + waiting >= TOLD;
        let is_whole = told == scheduled || (is_crowded && told.len() <= TOLD && scheduled.ends_with(&told));
        if !is_whole {
            let [from, to, wall] = [from, to, wall].map(Timestamp::from_millis);
            let [told, scheduled] = [told, scheduled]
                .map(|times| times.into_iter().map(Timestamp::from_millis).collect::<Vec<_>>());
            return broken(
                "every scheduled time counts once",
                format!("{name} at {wall}: {told:?} were told, of {scheduled:?} after {from} until {to}"),
            );
        }
        ledger.upto = to;
        if forgets {
            self.coverage.count("run", "a clock was far ahead");
        }
        match told.len() {
            0 | 1 => {}
            TOLD => self.coverage.count("run", "so many were missed that not all are told"),
            _ => self.coverage.count("run", "several were missed"),
        }
        let same = |before: &&Service| {
            before.schedule.is_suspended == after.schedule.is_suspended
                && before.wanted().number == after.wanted().number
        };
        match before.filter(same) {
            Some(before) => self.check_policy(before, after, cron, &by_clock, wall),
            None => nothing_begins(name, &by_clock),
        }
    }

    /// The manager has decided and written all down: what was due is decided on.
    pub(crate) fn check_due_runs(&mut self) -> Checked {
        let wall = self.manager.clocks.at(self.now).wall;
        for (name, ledger) in &mut self.ledgers.0 {
            let Some(service) = self.manager.disk.service(name) else { continue };
            let Some(cron) = service.wanted().spec.mode.cron() else { continue };
            let is_due = service.schedule.next.is_none_or(|next| next <= wall);
            if !is_due || service.desired == Desired::Stop || waits_its_turn(&service, cron) {
                ledger.overdue = None;
                continue;
            }
            let since = *ledger.overdue.get_or_insert(self.now);
            if self.now > since + PATIENCE {
                let (next, since) = (service.schedule.next, self.now - since);
                return broken(
                    "a run begins when it is due",
                    format!("{name} should run at {next:?}, and nothing was decided for {since} ms"),
                );
            }
        }
        Ok(())
    }
}

/// Whether what is due waits for another run to end.
pub(super) fn waits_its_turn(service: &Service, cron: &Cron) -> bool {
    let goes_on = service.schedule.open().any(|run| run.outcome.is_none());
    cron.overlap == Overlap::Forbid && cron.missed == Missed::All && goes_on && !service.schedule.is_suspended
}

/// Rows that are new, and that nobody asked for.
fn new_by_clock(before: Option<&Service>, after: &Service) -> Vec<Run> {
    let numbered = before.map_or(0, |before| before.schedule.numbered);
    let new = after.schedule.runs.range(numbered + 1..).map(|(_, run)| run);
    new.filter(|run| run.by.is_none()).cloned().collect()
}

fn nothing_begins(name: &ServiceName, by_clock: &[Run]) -> Checked {
    match by_clock {
        [] => Ok(()),
        runs => {
            broken("every scheduled time counts once", format!("{name} has {runs:?}, which were not due"))
        }
    }
}

fn next_is(name: &ServiceName, next: i64, scheduled: i64) -> Checked {
    if next == scheduled {
        return Ok(());
    }
    let [next, scheduled] = [next, scheduled].map(Timestamp::from_millis);
    broken("every scheduled time counts once", format!("{name} is to run next at {next}, not at {scheduled}"))
}
