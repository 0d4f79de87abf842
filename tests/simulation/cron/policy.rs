//! Which of the runs that came due may begin, as users asked for it: the naive rule, over what the ledger has counted.

use std::collections::BTreeSet;

use orc::model::cron::{Missed, Overlap};
use orc::model::service::{Cron, Outcome, Run, Service};
use orc::model::time::Timestamp;

use crate::world::{Checked, World, broken};

/// What comes later was missed, milliseconds.
const LATE: i64 = 60_000;

/// So many go on beside each other at most.
const MOST: usize = 100;

impl World {
    /// `due` are the runs that came due with this write, and were told of, in order.
    pub(super) fn check_policy(
        &mut self,
        before: &Service,
        after: &Service,
        cron: &Cron,
        due: &[Run],
        wall: i64,
    ) -> Checked {
        let numbered = before.schedule.numbered;
        let earlier = || after.schedule.runs.range(..=numbered).map(|(_, run)| run);
        let running = earlier().filter(|run| !run.is_over()).count();
        let is_late = |run: &&Run| run.due.millis() + LATE < wall;
        let mut may: Vec<&Run> = match (after.schedule.is_suspended, cron.missed) {
            (true, _) => Vec::new(),
            (false, Missed::Skip) => due.iter().filter(|run| !is_late(run)).collect(),
            (false, Missed::Once) => due.last().into_iter().collect(),
            (false, Missed::All) => due.iter().collect(),
        };
        match cron.overlap {
            Overlap::Allow => may.truncate(MOST.saturating_sub(running)),
            Overlap::Replace => may = may.last().copied().into_iter().collect(),
            Overlap::Forbid if running > 0 => may.clear(),
            Overlap::Forbid => may.truncate(1),
        }
        let may: BTreeSet<Timestamp> = may.into_iter().map(|run| run.due).collect();
        for run in due {
            let begins = run.outcome != Some(Outcome::Skipped);
            let is_told = begins || !run.why.is_empty() && run.is_over() && run.task.is_none();
            if begins != may.contains(&run.due) || !is_told {
                let (name, missed) = (&after.name, cron.missed);
                let suspended = after.schedule.is_suspended;
                return broken(
                    "overlap, missed and suspended mean what they say",
                    format!(
                        "{name} ({:?}, {missed:?}, suspended: {suspended}, beside {running}) at {}: {run:?}",
                        cron.overlap,
                        Timestamp::from_millis(wall)
                    ),
                );
            }
            let what = match (begins, is_late(&run)) {
                (true, false) => "begins in time",
                (true, true) => "begins late",
                _ if after.schedule.is_suspended => "is left out while suspended",
                (false, true) => "is left out as it is late",
                (false, false) => "is left out beside another",
            };
            self.coverage.count("run", what);
            if begins && run.task.is_none() {
                self.coverage.count("run", "waits for the one that it replaces");
            }
        }
        if super::ledger::waits_its_turn(after, cron)
            && after.schedule.next.is_some_and(|next| next.millis() <= wall)
        {
            self.coverage.count("run", "waits its turn");
        }
        Ok(())
    }
}
