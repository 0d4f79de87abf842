//! What must be so of services that run by the clock when the faults are over and they are suspended: every run has ended,
//! or says why it cannot.

use std::collections::BTreeSet;

use orc::model::service::{Run, Service};
use orc::model::state::{Desired, State};
use orc::plan::cluster::change::Pace;

use super::wishes::NUMBERS;
use crate::schedule::Op;
use crate::services::wishes::name;
use crate::world::{Checked, World, broken};

impl World {
    /// Users want quiet, too: nothing begins by the clock any more, nor when what did comes back by itself.
    pub(crate) fn suspend_all(&mut self) {
        for service in BTreeSet::from(NUMBERS) {
            let known = self.manager.disk.service(&name(service));
            let runs = known.is_some_and(|known| goes_on(&known));
            if runs && self.customers.is_silent(service) {
                self.use_service(&Op::PaceRuns { service, how: Pace::Suspend });
            }
        }
    }

    pub(crate) fn runs_have_ended(&self, service: &Service) -> Checked {
        if goes_on(service) {
            return broken("L6", format!("{} was not suspended", service.name));
        }
        let open: Vec<&Run> = service.schedule.open().collect();
        // One that goes on makes room for those that wait when it ends.
        let is_stuck =
            open.iter().all(|run| self.is_held_up(run)) && open.iter().any(|run| run.task.is_some());
        if open.is_empty() || is_stuck {
            return Ok(());
        }
        broken("every run ends", format!("{} has {open:?}", service.name))
    }

    /// Whether a run waits for another, is on a machine that is gone for good, or finds no room: why it does is looked at
    /// where all tasks are.
    fn is_held_up(&self, run: &Run) -> bool {
        let Some(id) = run.task else { return true };
        let task = self.manager.disk.tasks.get(&id);
        task.is_some_and(|task| {
            task.state == State::Pending || (!task.state.is_final() && self.is_on_a_dead_node(task))
        })
    }
}

/// Whether runs of it begin by the clock.
fn goes_on(service: &Service) -> bool {
    let is_by_clock = service.wanted().spec.mode.cron().is_some();
    is_by_clock && service.desired == Desired::Run && !service.schedule.is_suspended
}
