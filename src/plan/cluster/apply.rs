//! The one meaning of each change of the cluster, for the store and the simulation alike.

use std::time::Duration;

use super::Cluster;
use super::change::{Applied, Change, Refusal, Submission};
use crate::model::event::{Event, EventKind};
use crate::model::id::{NodeName, RequestId, TaskId};
use crate::model::state::{Actor, Desired, State, may_move};
use crate::model::task::{Meanwhile, Report, Task};
use crate::model::time::{Now, Timestamp};

impl Cluster {
    /// Makes a change, or says why not. The only way in which a cluster changes.
    pub fn apply(&mut self, change: &Change, now: Now) -> Result<Applied, Refusal> {
        let of_user = match change {
            Change::Service(change) => change.is_of_user(),
            Change::Image(change) => change.is_of_user(),
            Change::Submit(_)
            | Change::Stop { .. }
            | Change::RemoveNode { .. }
            | Change::Rebalance { .. }
            | Change::File(_) => true,
            _ => false,
        };
        if let Some(why) = self.safe_mode().filter(|_| of_user) {
            return Err(Refusal::SafeMode(why));
        }
        let applied = self.change(change, now);
        self.nodes.settle();
        applied
    }

    fn change(&mut self, change: &Change, now: Now) -> Result<Applied, Refusal> {
        match change {
            Change::Submit(submission) => self.submit(submission),
            Change::Stop { task, request } => self.stop(*task, request.as_ref(), now),
            Change::Heard(heard) => self.heard(heard, now),
            Change::SetNode { node, patch } => self.set_node(node, patch, now),
            Change::RemoveNode { node, force } => self.remove_node(node, *force, now),
            Change::Rebalance { moves } => Ok(self.begin_rebalance(*moves, now)),
            Change::Balanced => Ok(self.end_rebalance(now)),
            Change::AcceptState => self.accept_state(now),
            Change::Awoke => Ok(self.awoke(now)),
            Change::Report { node, report } => Ok(self.report(node, report, now)),
            Change::EventsSeen { node, upto } => Ok(self.events_seen(node, *upto)),
            Change::Place { task, node, .. } => Ok(self.place(*task, node, now)),
            Change::Unplaceable { task, why } => Ok(self.unplaceable(*task, &why.summary, now)),
            Change::Move { task, to, why, .. } => Ok(self.move_to(*task, to, *why, now)),
            Change::GiveWay { task, to } => Ok(self.give_way(*task, to, now)),
            Change::Recall { task, why } => Ok(self.recall(*task, *why, now)),
            Change::Released { task, how } => Ok(self.released(*task, how, now)),
            Change::TakeBack { task, why } => Ok(self.take_back(*task, why, now)),
            Change::Immovable { task, why } => Ok(self.immovable(*task, why, now)),
            Change::Cancel { task } => Ok(self.cancel(*task, now)),
            Change::Lose { node, silent_seconds } => Ok(self.lose(node, *silent_seconds, now)),
            Change::Service(change) => self.change_service(change, now),
            Change::File(change) => self.change_file(change),
            Change::Image(change) => Ok(self.change_image(change, now)),
            Change::Forget { task } => Ok(self.forget(*task)),
        }
    }

    fn submit(&mut self, submission: &Submission) -> Result<Applied, Refusal> {
        if let Some(repeated) = self.repeated(submission.request, &submission.digest) {
            return repeated;
        }
        if self.tasks.contains_key(&submission.task) || self.unreadable.contains(&submission.task) {
            return Err(Refusal::TaskExists(submission.task));
        }
        let name = &submission.spec.name;
        if let Some(holder) = self.names.get(name) {
            return Err(Refusal::NameTaken { name: name.clone(), holder: *holder });
        }
        if let Some(node) = submission.pinned.as_ref().filter(|node| !self.nodes.contains(node)) {
            return Err(Refusal::UnknownNode(node.clone()));
        }
        let Submission { task, pinned, at, .. } = submission;
        let spec = self.with_versions(&submission.spec)?;
        let task = Task { seq: self.next_seq, ..Task::accepted(*task, spec, pinned.clone(), *at) };
        self.next_seq += 1;
        self.names.insert(name.clone(), task.id);
        self.fresh.insert((task.seq, task.id));
        self.accept(submission.request, task.id, submission.digest.clone());
        let event = about(
            &task,
            submission.at,
            EventKind::Submitted,
            format!("accepted, to run {}", task.spec.image),
        );
        self.dirty.tasks.insert(task.id);
        self.tasks.insert(task.id, task);
        Ok(Applied::Changed(vec![event]))
    }

    /// What to answer when the request was accepted before.
    fn repeated(&self, request: RequestId, digest: &str) -> Option<Result<Applied, Refusal>> {
        let accepted = self.requests.get(&request)?;
        Some(if accepted == digest { Ok(Applied::Repeated) } else { Err(Refusal::RequestReused(request)) })
    }

    fn accept(&mut self, request: RequestId, task: TaskId, digest: String) {
        self.requests.insert(request, digest);
        self.requests_of.insert((task, request));
    }

    fn stop(
        &mut self,
        id: TaskId,
        request: Option<&(RequestId, String)>,
        now: Now,
    ) -> Result<Applied, Refusal> {
        if let Some(repeated) = request.and_then(|(request, digest)| self.repeated(*request, digest)) {
            return repeated;
        }
        if !self.tasks.contains_key(&id) {
            return Err(Refusal::UnknownTask(id));
        }
        if let Some((request, digest)) = request {
            self.accept(*request, id, digest.clone());
        }
        let is_final = self.tasks.get(&id).is_some_and(|task| task.state.is_final());
        let message = if is_final { "asked to remove what is left of it" } else { "asked to stop" };
        Ok(self.ask_to_stop(id, message, now))
    }

    /// Wants a task no more.
    pub(super) fn ask_to_stop(&mut self, id: TaskId, message: &str, now: Now) -> Applied {
        let Some(task) = self.tasks.get_mut(&id) else { return Applied::Ignored };
        if task.desired == Desired::Stop {
            return Applied::Ignored;
        }
        task.desired = Desired::Stop;
        if self.parked.remove(&(task.seq, id)) {
            self.fresh.insert((task.seq, id));
        }
        let kept = task.predecessor.as_ref().is_some_and(|former| former.wanted == Meanwhile::Keep);
        if kept {
            self.end_predecessor(id);
        }
        self.touch(id, now);
        let task = self.bump(id);
        Applied::Changed(vec![about(task, now.wall, EventKind::StopRequested, message.to_owned())])
    }

    /// Notes that a task was changed, for the store and for the order in which finished ones are forgotten.
    pub(super) fn touch(&mut self, id: TaskId, now: Now) {
        let lived = self.lived(now.moment);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if self.finished.remove(&(task.ended.unwrap_or_default(), id)) {
            task.ended = Some(lived);
            self.finished.insert((lived, id));
        }
        task.updated_at = now.wall;
        self.mark(id);
    }

    /// Notes that a task is to be written, and that its service should be looked at.
    pub(super) fn mark(&mut self, id: TaskId) {
        self.dirty.tasks.insert(id);
        if let Some(task) = self.tasks.get(&id) {
            self.services.stir(task);
        }
    }

    /// Gives a task a new revision, so that its node hears of it.
    pub(super) fn bump(&mut self, id: TaskId) -> &Task {
        self.revision += 1;
        let task = self.tasks.get_mut(&id).expect("only known tasks are bumped");
        if let Some(member) = task.node.as_ref().and_then(|name| self.nodes.get_mut(name)) {
            member.assigned.remove(&task.revision);
            member.assigned.insert(self.revision, id);
        }
        task.revision = self.revision;
        task
    }

    fn report(&mut self, node: &NodeName, report: &Report, now: Now) -> Applied {
        let Some(task) = self.tasks.get_mut(&report.task) else { return Applied::Ignored };
        let current = task.node.as_ref() == Some(node) && task.placement == report.placement;
        let newer = report.observed.seq > task.observed.seq;
        let lawful = task.state == report.state || may_move(task.state, report.state, Actor::Worker);
        if !(current && newer && lawful) {
            return Applied::Ignored;
        }
        let arrived = Self::has_arrived(task, report);
        if report.state == State::Failed && self.former_node_is_heard(&self.tasks[&report.task]) {
            let why = format!("does not run on {node}, and stays where it was: {}", report.message);
            return self.take_back(report.task, &why, now);
        }
        let lived = self.lived(now.moment);
        let Some(task) = self.tasks.get_mut(&report.task) else { return Applied::Ignored };
        let finishes = report.state.is_final() && !task.state.is_final();
        task.state = report.state;
        task.observed = report.observed.clone();
        task.message.clone_from(&report.message);
        note_readiness(task, report.ready_for_ms, lived, now.wall);
        if finishes && task.desired == Desired::Stop {
            // What its node has leaves it out from now on: an answer from before that, come late, must be known by it.
            self.revision += 1;
        }
        self.touch(report.task, now);
        if arrived || finishes {
            self.end_predecessor(report.task);
        }
        if finishes {
            self.release(report.task, now);
        }
        // Its lines of history come from the worker, which saw more of it than its last state.
        Applied::Changed(Vec::new())
    }

    /// Takes a task that has just finished out of what live tasks hold.
    fn release(&mut self, id: TaskId, now: Now) {
        let lived = self.lived(now.moment);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.ended = Some(lived);
        self.names.remove(&task.spec.name);
        self.stuck.remove(&id);
        self.finished.insert((lived, id));
        if let Some(member) = task.node.as_ref().and_then(|name| self.nodes.get_mut(name)) {
            member.usage.remove(&task.spec);
            if task.observed.had_a_container() && member.keep_volumes(&task.spec, now.moment) {
                self.dirty.nodes.insert(member.node.name.clone());
            }
            self.fresh.append(&mut self.parked);
        }
    }

    fn place(&mut self, id: TaskId, node: &NodeName, now: Now) -> Applied {
        let (Some(task), Some(member)) = (self.tasks.get_mut(&id), self.nodes.get_mut(node)) else {
            return Applied::Ignored;
        };
        if task.desired == Desired::Stop || !may_move(task.state, State::Scheduled, Actor::Planner) {
            return Applied::Ignored;
        }
        self.fresh.remove(&(task.seq, id));
        self.parked.remove(&(task.seq, id));
        member.usage.add(&task.spec);
        task.state = State::Scheduled;
        task.node = Some(node.clone());
        task.placement += 1;
        task.message = format!("waits for {node}");
        task.updated_at = now.wall;
        self.last_placed = Some(node.clone());
        self.mark(id);
        let task = self.bump(id);
        Applied::Changed(vec![about(task, now.wall, EventKind::Placed, format!("placed on {node}"))])
    }

    fn unplaceable(&mut self, id: TaskId, why: &str, now: Now) -> Applied {
        let Some(task) = self.tasks.get_mut(&id).filter(|task| task.state == State::Pending) else {
            return Applied::Ignored;
        };
        self.fresh.remove(&(task.seq, id));
        self.parked.insert((task.seq, id));
        if task.message == why {
            return Applied::Ignored;
        }
        why.clone_into(&mut task.message);
        task.updated_at = now.wall;
        let event = about(task, now.wall, EventKind::Unplaceable, why.to_owned());
        self.mark(id);
        Applied::Changed(vec![event])
    }

    fn cancel(&mut self, id: TaskId, now: Now) -> Applied {
        let Some(task) = self.tasks.get_mut(&id) else { return Applied::Ignored };
        if task.desired == Desired::Run || !may_move(task.state, State::Completed, Actor::Planner) {
            return Applied::Ignored;
        }
        self.fresh.remove(&(task.seq, id));
        self.parked.remove(&(task.seq, id));
        task.state = State::Completed;
        let before = if task.placement == 0 { ", before it had a node" } else { "" };
        task.message = format!("stopped on request{before}");
        task.observed.finished_at = Some(now.wall);
        task.updated_at = now.wall;
        let event = about(task, now.wall, EventKind::Completed, task.message.clone());
        self.mark(id);
        self.release(id, now);
        Applied::Changed(vec![event])
    }

    pub(super) fn forget(&mut self, id: TaskId) -> Applied {
        let Some(task) = self.tasks.get(&id).filter(|task| task.state.is_final()) else {
            return Applied::Ignored;
        };
        self.finished.remove(&(task.ended.unwrap_or_default(), id));
        if let Some(member) = task.node.as_ref().and_then(|name| self.nodes.get_mut(name)) {
            member.assigned.remove(&task.revision);
            self.revision += 1;
            member.floor = self.revision;
        }
        if let Some(task) = self.tasks.remove(&id) {
            self.services.leave(&task);
        }
        let whole_range = (id, RequestId::MIN)..=(id, RequestId::MAX);
        let requests: Vec<_> = self.requests_of.range(whole_range).copied().collect();
        for (task, request) in requests {
            self.requests_of.remove(&(task, request));
            self.requests.remove(&request);
        }
        self.moved.remove(&id);
        self.stuck.remove(&id);
        self.dirty.tasks.remove(&id);
        self.dirty.forgotten.insert(id);
        Applied::Changed(Vec::new())
    }
}

/// Notes since when a task has been ready, going by how long its worker says that it has been. One that does not say so
/// has just become it.
fn note_readiness(task: &mut Task, ready_for_ms: Option<u64>, lived: Duration, wall: Timestamp) {
    if !task.is_ready() {
        (task.ready_since, task.ready_at) = (None, None);
    } else if ready_for_ms.is_some() || task.ready_since.is_none() {
        // Whatever a worker says, it was not ready before there was a manager that could have wanted it.
        let ready_for = Duration::from_millis(ready_for_ms.unwrap_or_default()).min(lived);
        task.ready_since = Some(lived.saturating_sub(ready_for));
        task.ready_at = Some(wall.before(ready_for));
    }
}

pub(super) fn about(task: &Task, at: Timestamp, kind: EventKind, message: String) -> Event {
    Event {
        at,
        task: Some(task.id),
        node: task.node.clone(),
        attempt: task.observed.attempt,
        kind,
        exit_code: None,
        message,
    }
}
