//! What must be so when the faults are over and some time has passed: everything is as users want it, everybody knows
//! it, and nothing goes on.

use std::sync::Arc;

use orc::model::container::ContainerStatus;
use orc::model::id::{ContainerId, NodeName, TaskId};
use orc::model::state::{Desired, State};
use orc::model::task::{Meanwhile, Task};

use crate::calls::OpenCall;
use crate::docker::Body;
use crate::users::Wish;
use crate::world::{Checked, World, broken};

/// Beyond the longest wait that is under way: calls that come late, their deadlines, and what follows from them.
const LIMIT: u64 = 150_000;
/// There and back again takes a service no longer, milliseconds.
const ROLLOUTS: u64 = 300_000;
/// Nothing changes for so long.
const CALM: u64 = 20_000;

impl World {
    /// Waits until all is as it should be, and sees that it stays so.
    pub(crate) fn settle(&mut self) -> Checked {
        self.hush()?;
        // What was said to a manager that stands still is taken in when that is over.
        self.run_until(self.now.max(self.manager.frozen_until))?;
        // What could not be written is, and whoever waits for an answer that was lost asks again: until then a node may
        // still be taken for lost.
        self.run_until(self.now + 15_000)?;
        let rollouts = if self.manager.disk.services.is_empty() { 0 } else { ROLLOUTS };
        let deadline = self.now + LIMIT + rollouts + self.longest_wait();
        self.suspend_all();
        while let Err(violation) = self.is_settled().and_then(|()| self.rollouts_rest()) {
            if self.now > deadline {
                return Err(violation);
            }
            self.run_until(self.now + 1_000)?;
            self.suspend_all();
        }
        let revision = self.manager.disk.revision;
        // Calls that the faults delayed may still do something, which is then undone; and what is over is forgotten.
        while self.calls.values().any(OpenCall::comes_late) {
            self.run_until(self.now + 5_000)?;
        }
        let retention = u64::try_from(self.manager.patience.retention.as_millis()).expect("not for ever");
        self.run_until(self.now + if self.profile.short_retention { retention + 5_000 } else { 5_000 })?;
        let mutations = self.truth.mutations;
        self.run_until(self.now + CALM)?;
        self.is_settled()?;
        let unsettled = self.users.all().any(|wish| wish.never_rests() && !wish.stop_asked);
        if self.truth.mutations != mutations && !unsettled {
            let many = self.truth.mutations - mutations;
            return broken("L8", format!("{many} containers were changed although all was as it should be"));
        }
        if self.manager.disk.revision < revision {
            return broken("S8", "the revision went backwards");
        }
        self.check_decoys()
    }

    /// The longest wait that is under way, milliseconds.
    fn longest_wait(&self) -> u64 {
        if self.users.all().any(Wish::is_of_nothing) {
            // The registry may have been away so long that it is asked again as rarely as ever.
            return 600_000;
        }
        let records = self.workers.iter().flat_map(|worker| worker.disk.records.values());
        let delays = records.filter_map(|record| record.retry).map(|retry| retry.delay.as_millis());
        let longest = delays.max().unwrap_or(0);
        u64::try_from(longest).expect("a short time")
    }

    fn is_settled(&self) -> Checked {
        for wish in self.users.all() {
            self.is_settled_for(wish)?;
        }
        self.services_are_settled()?;
        self.nothing_is_left_over()
    }

    fn is_settled_for(&self, wish: &Wish) -> Checked {
        let Some(accepted) = wish.accepted else {
            return broken("L6", format!("whoever asked for {} was never answered", wish.task));
        };
        if wish.stop_asked && !wish.stop_accepted && !self.forgetful {
            return broken("L6", format!("whoever asked to stop {} was never answered", wish.task));
        }
        match self.manager.disk.tasks.get(&wish.task) {
            None if accepted && !self.forgetful => {
                broken("S1", format!("{} was accepted and is lost", wish.task))
            }
            Some(task) if !accepted => {
                broken("S18", format!("{} was refused, and is {}", wish.task, task.state))
            }
            None => self.has_no_container(wish, "is not known"),
            Some(task) => self.is_as_wanted(wish, task),
        }
    }

    fn is_as_wanted(&self, wish: &Wish, task: &Task) -> Checked {
        let node =
            task.node.as_ref().and_then(|name| self.workers.iter().position(|worker| worker.name == *name));
        if node.is_some_and(|node| self.workers[node].dead) {
            return self.cannot_move(task);
        }
        if let Some(former) = &task.predecessor {
            let dead = self.workers.iter().any(|worker| worker.name == former.node && worker.dead);
            let waits = dead && former.wanted == Meanwhile::Keep && wish.never_rests();
            return if waits {
                Ok(())
            } else {
                broken("L1", format!("{} never leaves {}", task.id, former.node))
            };
        }
        match (task.desired, task.state) {
            (Desired::Run, State::Pending) => self.nothing_fits(task),
            (Desired::Run, State::Running) if wish.never_rests() => Ok(()),
            (Desired::Run, State::Running) => self.runs(task, node.expect("a running task has a node")),
            (_, state) if !state.is_final() && wish.never_rests() && !wish.stop_asked => Ok(()),
            (Desired::Run, State::Completed | State::Failed) => {
                if !self.live_and_reachable(task.id).is_empty() {
                    return broken("L1", format!("{} is {} and runs", task.id, task.state));
                }
                self.is_told_truly(task, node)
            }
            (Desired::Stop, State::Completed | State::Failed) => {
                self.has_no_container(wish, "was stopped")?;
                self.is_told_truly(task, node)
            }
            (desired, state) => {
                broken("L1", format!("{} is to {} and is {state}: {}", task.id, desired.word(), task.message))
            }
        }
    }

    /// L4: what was on a machine that is gone for good runs elsewhere, where it can.
    fn cannot_move(&self, task: &Task) -> Checked {
        let over = task.desired == Desired::Stop || task.state.is_final() || task.pinned.is_some();
        let room = self.workers.iter().find(|worker| !worker.dead && self.fits(&worker.name, task));
        match room.filter(|_| !over) {
            Some(worker) => {
                broken("L4", format!("{} is left on a dead node and fits on {}", task.id, worker.name))
            }
            None => Ok(()),
        }
    }

    /// A task's live containers, but for those on machines that are gone for good: nobody can end them.
    fn live_and_reachable(&self, task: TaskId) -> Vec<(usize, ContainerId)> {
        let mut live = self.live_containers(task);
        live.retain(|(on, id)| {
            let owner = self.engines[*on].containers[id].owned.as_ref().map(|(owner, _)| &owner.node);
            !self.workers.iter().any(|worker| worker.dead && Some(&worker.name) == owner)
        });
        live
    }

    fn runs(&self, task: &Task, node: usize) -> Checked {
        let engine = self.workers[node].engine;
        let live = self.live_and_reachable(task.id);
        let [(on, id)] = live.as_slice() else {
            return broken("L1", format!("{} is running in {} containers", task.id, live.len()));
        };
        let record = self.workers[node].disk.records.get(&task.id);
        if record.and_then(|record| record.attempt.as_ref()).is_some_and(|attempt| attempt.ending.is_some()) {
            return broken("L1", format!("{} is being ended", task.id));
        }
        let body = &self.engines[*on].containers[id];
        let attempt = body.owned.as_ref().map_or(0, |(_, own)| own.attempt);
        let truly = body.status == ContainerStatus::Running
            && *on == engine
            && attempt == task.observed.attempt
            && task.observed.container.as_ref() == Some(id)
            && task.observed.host_ports.as_ref() == Some(&body.host_ports);
        if !truly {
            return broken("S11", format!("{} is said to be {:?}, and is {body:?}", task.id, task.observed));
        }
        if !body.limits_as_set || body.sick {
            return broken("L1", format!("{} is sick, or has other limits than it was given", task.id));
        }
        if !task.is_ready() || task.ready_since.is_none() {
            return broken(
                "L1",
                format!("{} runs and is well, and is not ready: {:?}", task.id, task.observed.ready),
            );
        }
        self.is_told_truly(task, Some(node))
    }

    /// S11: the manager says what the worker says.
    fn is_told_truly(&self, task: &Task, node: Option<usize>) -> Checked {
        let record = node.and_then(|node| self.workers[node].disk.records.get(&task.id));
        match record {
            Some(record)
                if record.state != task.state
                    || record.observed != task.observed
                    || record.message != task.message =>
            {
                broken("S11", format!("the manager says {task:?}, its worker {record:?}"))
            }
            None if task.node.is_some() && task.desired == Desired::Run && !task.state.is_final() => {
                broken("L1", format!("{}'s worker does not know it", task.id))
            }
            _ => Ok(()),
        }
    }

    fn nothing_fits(&self, task: &Task) -> Checked {
        for worker in self.workers.iter().filter(|worker| !worker.dead) {
            let pinned_elsewhere = task.pinned.as_ref().is_some_and(|pinned| *pinned != worker.name);
            if !pinned_elsewhere && self.fits(&worker.name, task) {
                return broken(
                    "L1",
                    format!("{} is pending ({}) and fits on {}", task.id, task.message, worker.name),
                );
            }
        }
        if task.message.is_empty() {
            return broken("S11", format!("{} is pending and does not say why", task.id));
        }
        Ok(())
    }

    fn fits(&self, node: &NodeName, task: &Task) -> bool {
        if self.keeper_elsewhere(task, node).is_some() {
            return false;
        }
        let all = self.manager.disk.tasks.values();
        let holds = |held: &&Arc<Task>| {
            let leaves = held.predecessor.as_ref().is_some_and(|former| former.node == *node);
            leaves || (held.node.as_ref() == Some(node) && !held.state.is_final())
        };
        let held: Vec<&Arc<Task>> = all.filter(holds).collect();
        let cpu: f64 = held.iter().map(|held| held.spec.cpu).sum();
        let memory: u64 = held.iter().map(|held| held.spec.memory).sum();
        let mut ports = held.iter().flat_map(|held| held.spec.fixed_host_ports());
        (task.spec.cpu == 0.0 || cpu + task.spec.cpu <= 4.0)
            && (task.spec.memory == 0 || memory + task.spec.memory <= 8 << 30)
            && !ports.any(|taken| task.spec.fixed_host_ports().any(|wanted| wanted == taken))
    }

    fn has_no_container(&self, wish: &Wish, because: &str) -> Checked {
        match self
            .our_containers()
            .find(|body| body.owned.as_ref().is_some_and(|(_, own)| own.task == wish.task))
        {
            Some(body) => broken("L2", format!("{} {because}, and has {body:?}", wish.task)),
            None => Ok(()),
        }
    }

    /// L3: every container of ours is of a task that is there, at most one of each.
    fn nothing_is_left_over(&self) -> Checked {
        for body in self.our_containers() {
            let Some((owner, identity)) = &body.owned else { continue };
            let task = self.manager.disk.tasks.get(&identity.task);
            if task.and_then(|task| task.node.as_ref()) != Some(&owner.node) {
                return broken("L3", format!("a container is left over: {body:?}"));
            }
            let same = |other: &&Body| other.owned.as_ref().is_some_and(|(_, own)| own.task == identity.task);
            let never_rests = self.users.wish(identity.task).is_some_and(Wish::never_rests);
            if self.our_containers().filter(same).count() > 1 && !never_rests {
                return broken("L3", format!("{} has more than one container", identity.task));
            }
        }
        Ok(())
    }

    /// The containers of workers that live.
    fn our_containers(&self) -> impl Iterator<Item = &Body> {
        let bodies = self.engines.iter().flat_map(|docker| docker.containers.values());
        bodies.filter(|body| {
            body.owned.as_ref().is_some_and(|(owner, _)| {
                let dead = self.workers.iter().any(|worker| worker.name == owner.node && worker.dead);
                owner.cluster == self.manager.disk.id && !dead
            })
        })
    }
}

impl Wish {
    /// Whether it can never run and is tried for ever.
    pub(crate) fn never_rests(&self) -> bool {
        let is_bad = self.is_of_nothing() || self.spec.image.starts_with("crashing");
        is_bad && self.spec.restart_policy.retries().is_none()
    }

    /// Whether there is no such image.
    fn is_of_nothing(&self) -> bool {
        self.spec.image.starts_with("nowhere")
    }
}
