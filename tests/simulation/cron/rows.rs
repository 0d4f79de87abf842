//! What may become of a run that was written down, and how many may go on at a time.

use orc::model::cron::Overlap;
use orc::model::node::NodeState;
use orc::model::service::{Outcome, Run, Schedule, Service};
use orc::model::spec::Failover;
use orc::model::state::{Desired, State};

use crate::manager::Disk;
use crate::world::{Checked, World, broken};

impl World {
    /// Compares the runs of a service before and after a write.
    pub(super) fn check_rows(&mut self, before: Option<&Service>, after: &Service, disk: &Disk) -> Checked {
        let none = Schedule::default();
        let old = before.map_or(&none, |before| &before.schedule);
        let new = &after.schedule;
        if new.numbered < old.numbered || new.runs.keys().any(|number| *number > new.numbered) {
            return broken("S8", format!("{} counts its runs backwards", after.name));
        }
        for (number, was) in &old.runs {
            match new.runs.get(number) {
                Some(is) => self.check_row(was, is, after, disk)?,
                None => check_pruned(was, old, after)?,
            }
        }
        for is in new.runs.values() {
            let was = old.runs.get(&is.number);
            if was.is_none() {
                self.check_new(is, old, after)?;
            }
            if is.task.is_some() && was.is_none_or(|was| was.task.is_none()) {
                check_alone(is, after, disk)?;
            }
        }
        Ok(())
    }

    fn check_new(&mut self, is: &Run, old: &Schedule, after: &Service) -> Checked {
        if is.number <= old.numbered {
            return broken("S8", format!("run {} of {} is there once more", is.number, after.name));
        }
        if is.by.is_none() {
            return Ok(());
        }
        self.coverage.count("run", "begins by hand");
        let twice = after.schedule.runs.values().filter(|run| run.request == is.request).count() > 1;
        if twice || self.customers.saying() != Some(&after.name) {
            return broken("S9", format!("run {} of {} was asked for once", is.number, after.name));
        }
        Ok(())
    }

    fn check_row(&mut self, was: &Run, is: &Run, after: &Service, disk: &Disk) -> Checked {
        let wrong = |what: &str| {
            let name = &after.name;
            broken("what has become of a run stays so", format!("{name}: {what}: {was:?} is {is:?}"))
        };
        let stays = (was.number, was.due, &was.by, &was.request) == (is.number, is.due, &is.by, &is.request);
        let begins = was.task != is.task;
        let turns = was.outcome != is.outcome;
        if !stays || (begins && was.task.is_some()) || (turns && was.outcome.is_some()) {
            return wrong("it was another");
        }
        if was.is_over() {
            return if was == is { Ok(()) } else { wrong("it was over") };
        }
        if !is.is_over() {
            return Ok(());
        }
        let task = is.task.and_then(|id| disk.tasks.get(&id));
        if task.is_some_and(|task| !task.state.is_final()) {
            return wrong("its task goes on");
        }
        // What has ended may be stopped with the same write.
        let before = is.task.and_then(|id| self.manager.disk.tasks.get(&id));
        let ran = before.or(task).is_some_and(|task| task.desired == Desired::Run);
        let stops = task.is_none_or(|task| task.desired == Desired::Stop);
        let state = task.map(|task| task.state);
        let (is_true, word) = match is.outcome {
            Some(Outcome::Succeeded) => (ran && state == Some(State::Completed), "succeeded"),
            Some(Outcome::Failed) => (task.is_none() || ran && state == Some(State::Failed), "failed"),
            Some(Outcome::Stopped) => (stops, "stopped"),
            Some(Outcome::Replaced) => {
                let later = after.schedule.runs.range(is.number + 1..);
                (later.into_iter().any(|(_, run)| run.outcome != Some(Outcome::Skipped)), "replaced")
            }
            Some(Outcome::Skipped) | None => (false, "skipped"),
        };
        if !is_true {
            return wrong("it did not end so");
        }
        self.coverage.count("run", word);
        Ok(())
    }
}

/// A run that is forgotten is over, and a hundred later ones are remembered.
fn check_pruned(was: &Run, old: &Schedule, after: &Service) -> Checked {
    let is_skip = |run: &&Run| run.outcome == Some(Outcome::Skipped);
    let same = |run: &&Run| is_skip(run) == is_skip(&was);
    let kept = after.schedule.runs.values().filter(|run| run.is_over()).filter(same).count();
    let ends_now = !old.runs.get(&was.number).is_some_and(Run::is_over);
    if kept < Schedule::KEPT || ends_now {
        return broken("S1", format!("run {} of {} is forgotten", was.number, after.name));
    }
    Ok(())
}

/// A run begins alone where that was asked for.
fn check_alone(is: &Run, after: &Service, disk: &Disk) -> Checked {
    let Some(cron) = after.wanted().spec.mode.cron() else { return Ok(()) };
    if cron.overlap == Overlap::Allow {
        return Ok(());
    }
    let mut others = after.schedule.open().filter(|run| run.number != is.number && run.task.is_some());
    // One that is to make room, and of whose node nobody hears, is past waiting for.
    let is_past = |run: &Run| {
        let task = run.task.and_then(|id| disk.tasks.get(&id));
        task.is_some_and(|task| {
            let node = task.node.as_ref().and_then(|node| disk.nodes.get(node));
            task.desired == Desired::Stop
                && task.spec.failover == Failover::Available
                && node.is_some_and(|node| node.state == NodeState::Unreachable)
        })
    };
    match others.find(|run| !is_past(run)) {
        Some(other) => broken(
            "runs that may not overlap do not",
            format!("run {} of {} begins beside {other:?}", is.number, after.name),
        ),
        None => Ok(()),
    }
}
