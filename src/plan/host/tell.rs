//! What the manager says is wanted, and when a worker refuses to believe it.

use std::collections::BTreeSet;

use super::standing::Standing;
use super::{Host, Slot};
use crate::model::event::EventKind;
use crate::model::id::{ClusterId, InstanceId, TaskId};
use crate::model::record::Record;
use crate::model::state::{Desired, Health, State};
use crate::model::task::{Assignment, Observed};
use crate::model::time::{Moment, Now};

/// A manager's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its epoch.
    pub epoch: u64,
    /// Which start of it that is; `None` = it does not say.
    pub start: Option<InstanceId>,
    /// What the worker had said that it knows; the answer builds on it.
    pub base: Option<u64>,
    /// What the worker knows after it.
    pub revision: u64,
    /// Whether `assignments` is all that is wanted here.
    pub whole: bool,
    /// What is wanted.
    pub assignments: Vec<Assignment>,
    /// Tasks that the manager cannot read: whatever there is of them stays as it is (rule R7).
    pub leave_alone: Vec<TaskId>,
    /// Until when what may run only once may run: as long a lease as the manager gives, from when it was asked.
    pub lease_until: Moment,
}

/// Why a worker does not do what it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Another cluster's manager.
    #[error(
        "the manager is of the cluster {theirs}, this worker of {ours}: it goes on by itself; to join the other one, \
         stop its tasks and remove its worker-N.db"
    )]
    OtherCluster {
        /// This worker's.
        ours: ClusterId,
        /// The manager's.
        theirs: ClusterId,
    },
    /// An older life of the manager: a copy, or a database that went back in time.
    #[error(
        "the manager's history (epoch {theirs_epoch}, revision {theirs_revision}) is older than what this worker knows \
         (epoch {ours_epoch}, revision {ours_revision}): its database was restored or copied; nothing is stopped"
    )]
    OlderHistory {
        /// The manager's.
        theirs_epoch: u64,
        /// The manager's.
        theirs_revision: u64,
        /// This worker's.
        ours_epoch: u64,
        /// This worker's.
        ours_revision: u64,
    },
}

impl Host {
    /// Takes in what a manager says; [`Distrust`] leaves everything as it is.
    pub fn tell(&mut self, told: Told) -> Result<(), Distrust> {
        if let Some(ours) = self.cluster.filter(|ours| *ours != told.cluster) {
            return Err(Distrust::OtherCluster { ours, theirs: told.cluster });
        }
        if self.is_overtaken(&told) {
            self.renew_lease(&told);
            return Ok(());
        }
        let known = (self.epoch, self.revision.unwrap_or(0));
        if told.epoch < self.epoch || told.revision < known.1 {
            return Err(Distrust::OlderHistory {
                theirs_epoch: told.epoch,
                theirs_revision: told.revision,
                ours_epoch: known.0,
                ours_revision: known.1,
            });
        }
        self.standing = Standing::Admitted;
        if !told.whole && told.base != self.revision {
            self.renew_lease(&told);
            // It builds on something that has changed since it was asked: a later answer has it too.
            return Ok(());
        }
        self.heard_manager = true;
        self.renew_lease(&told);
        let same = told.epoch == self.epoch && told.start == self.manager_start;
        if self.cluster.is_none() || !same || Some(told.revision) != self.revision {
            self.dirty.knowledge = true;
        }
        if self.cluster.is_none() {
            self.lists.wanted = true;
        }
        self.cluster = Some(told.cluster);
        self.epoch = told.epoch;
        self.manager_start = told.start;
        self.revision = Some(told.revision);
        self.leave_alone = told.leave_alone.into_iter().collect();
        if told.whole {
            let wanted: BTreeSet<TaskId> = told.assignments.iter().map(|assignment| assignment.id).collect();
            self.drop_all_but(&wanted);
        }
        for assignment in told.assignments {
            self.assign(assignment);
        }
        Ok(())
    }

    /// Whether a later answer of the same start of the manager, which counts forward alone, came before this one: questions
    /// hang beside each other, each on a connection of its own.
    fn is_overtaken(&self, told: &Told) -> bool {
        let is_same_start = told.start.is_some() && told.start == self.manager_start;
        is_same_start && told.epoch == self.epoch && Some(told.revision) < self.revision
    }

    /// In one life of the manager all leases are of one length, and the answer to the latest question ends last. A later
    /// life may give shorter ones, and counts on it that they are gone by.
    fn renew_lease(&mut self, told: &Told) {
        let known = Some(self.lease_until).filter(|_| told.epoch == self.epoch);
        self.lease_until = known.map_or(told.lease_until, |known| known.max(told.lease_until));
    }

    fn drop_all_but(&mut self, wanted: &BTreeSet<TaskId>) {
        let stays = |id: &&TaskId| wanted.contains(id) || self.leave_alone.contains(id);
        let unwanted: Vec<TaskId> = self.slots.keys().filter(|id| !stays(id)).copied().collect();
        for id in unwanted {
            self.slots.remove(&id);
            self.dirty.records.remove(&id);
            self.dirty.dropped.insert(id);
        }
    }

    fn assign(&mut self, assignment: Assignment) {
        let id = assignment.id;
        match self.slots.get_mut(&id).filter(|slot| slot.record.assignment.placement == assignment.placement)
        {
            Some(slot) if slot.record.assignment.desired == Desired::Stop => {}
            Some(slot) if assignment.desired == Desired::Stop => {
                slot.record.assignment.desired = Desired::Stop;
                slot.quiet_until = None;
                self.dirty.records.insert(id);
                if self.slots.get(&id).is_some_and(|slot| !slot.record.state.is_final()) {
                    self.explain(id, "is being stopped on request".to_owned());
                }
            }
            Some(_) => {}
            None => {
                self.slots.insert(id, Slot::new(first_record(assignment)));
                self.dirty.dropped.remove(&id);
                self.changed(id);
            }
        }
    }

    /// Changes a task's message.
    pub(super) fn explain(&mut self, task: TaskId, message: String) {
        if let Some(slot) = self.slots.get_mut(&task).filter(|slot| slot.record.message != message) {
            slot.record.message = message;
            self.changed(task);
        }
    }

    /// Writes a line of history about what goes wrong, and says it.
    pub(super) fn complain(&mut self, task: TaskId, message: String, now: Now) {
        if self.slots.get(&task).is_some_and(|slot| slot.record.message != message) {
            self.event(task, EventKind::Trouble, None, message.clone(), now);
            self.explain(task, message);
        }
    }
}

/// The record of a task that this worker has none of.
fn first_record(assignment: Assignment) -> Record {
    let state = if assignment.state.is_final() { assignment.state } else { State::Scheduled };
    let observed = Observed {
        container: None,
        host_ports: None,
        health: Health::None,
        ready: None,
        ..assignment.observed.clone()
    };
    let message = if state.is_final() { assignment.message.clone() } else { "is being started".to_owned() };
    Record { assignment, state, observed, message, attempt: None, failures: 0, streak: 0, retry: None }
}
