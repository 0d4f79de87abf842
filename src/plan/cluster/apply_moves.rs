//! What the changes mean by which a task leaves its node: moves, recalls, and coming back.

use super::Cluster;
use super::apply::about;
use super::change::Applied;
use super::rebalance::Rebalance;
use crate::model::event::{Event, EventKind};
use crate::model::id::{NodeName, TaskId};
use crate::model::node::NodeState;
use crate::model::state::{Actor, Desired, State, may_move};
use crate::model::task::{Meanwhile, Move, Predecessor, Report, Task};
use crate::model::time::Now;

impl Cluster {
    /// Gives a task to another node, and leaves it with its present one until it runs there.
    pub(super) fn move_to(&mut self, id: TaskId, to: &NodeName, why: Move, now: Now) -> Applied {
        let may_leave = |task: &Task| {
            task.desired == Desired::Run
                && task.predecessor.is_none()
                && (task.state == State::Scheduled || may_move(task.state, State::Scheduled, Actor::Planner))
        };
        let Some(task) = self.tasks.get(&id).filter(|task| may_leave(task)) else { return Applied::Ignored };
        let Some(from) = task.node.clone().filter(|from| from != to && self.nodes.contains(to)) else {
            return Applied::Ignored;
        };
        let (spec, placement) = (task.spec.clone(), task.placement);
        let former = Predecessor { node: from.clone(), placement, why, wanted: Meanwhile::Keep };
        self.leave(id, former);
        if let Some(member) = self.nodes.get_mut(to) {
            member.usage.add(&spec);
        }
        self.last_placed = Some(to.clone());
        self.note_move(id, why, now);
        let Some(task) = self.tasks.get_mut(&id) else { return Applied::Ignored };
        task.state = State::Scheduled;
        task.node = Some(to.clone());
        task.placement += 1;
        task.message = format!("moves to {to}: {}", reason(why, &from));
        self.touch(id, now);
        let task = self.bump(id);
        Applied::Changed(vec![about(task, now.wall, EventKind::Moved, task.message.clone())])
    }

    /// Has the next look at a task's service find that another should take its place.
    pub(super) fn give_way(&mut self, id: TaskId, to: &NodeName, now: Now) -> Applied {
        let Some(task) = self.tasks.get(&id).filter(|task| task.desired == Desired::Run) else {
            return Applied::Ignored;
        };
        let Some(from) = task.node.clone() else { return Applied::Ignored };
        if !self.services.displace(task, to) {
            return Applied::Ignored;
        }
        let message =
            format!("gives way to another on {to}, once that is ready: {}", reason(Move::Rebalance, &from));
        let event = about(task, now.wall, EventKind::Moved, message);
        self.note_move(id, Move::Rebalance, now);
        self.touch(id, now);
        Applied::Changed(vec![event])
    }

    /// Takes a task off its node; it is placed anew once that has let go of it.
    pub(super) fn recall(&mut self, id: TaskId, why: Move, now: Now) -> Applied {
        let may_leave = |task: &Task| {
            task.desired == Desired::Run
                && task.predecessor.is_none()
                && may_move(task.state, State::Pending, Actor::Planner)
        };
        let Some(task) = self.tasks.get(&id).filter(|task| may_leave(task)) else { return Applied::Ignored };
        let Some(from) = task.node.clone() else { return Applied::Ignored };
        let placement = task.placement;
        self.revision += 1;
        let former = Predecessor { node: from.clone(), placement, why, wanted: Meanwhile::Release };
        self.leave(id, former);
        self.tell_whole(&from);
        self.note_move(id, why, now);
        let revision = self.revision;
        let Some(task) = self.tasks.get_mut(&id) else { return Applied::Ignored };
        task.state = State::Pending;
        task.node = None;
        task.revision = revision;
        task.message =
            format!("runs only once, and waits until {from} has let go of it: {}", reason(why, &from));
        self.touch(id, now);
        let Some(task) = self.tasks.get(&id) else { return Applied::Ignored };
        let event =
            Event { node: Some(from), ..about(task, now.wall, EventKind::Moved, task.message.clone()) };
        Applied::Changed(vec![event])
    }

    /// A recalled task may be placed again.
    pub(super) fn released(&mut self, id: TaskId, how: &str, now: Now) -> Applied {
        let recalled = |task: &&mut Task| {
            task.predecessor.as_ref().is_some_and(|former| former.wanted == Meanwhile::Release)
        };
        let Some(task) = self.tasks.get_mut(&id).filter(recalled) else { return Applied::Ignored };
        task.message = how.to_owned();
        self.forget_predecessor(id);
        self.touch(id, now);
        let Some(task) = self.tasks.get(&id) else { return Applied::Ignored };
        if task.state == State::Pending {
            self.fresh.insert((task.seq, id));
        }
        Applied::Changed(vec![about(task, now.wall, EventKind::Moved, how.to_owned())])
    }

    /// Leaves a task where it was: its former node has it still, and takes it over under a new placement.
    pub(super) fn take_back(&mut self, id: TaskId, why: &str, now: Now) -> Applied {
        let Some(task) = self.tasks.get(&id) else { return Applied::Ignored };
        let Some(former) = task.predecessor.clone().filter(|former| former.wanted == Meanwhile::Keep) else {
            return Applied::Ignored;
        };
        if task.state.is_final() || task.desired == Desired::Stop || !self.nodes.contains(&former.node) {
            return Applied::Ignored;
        }
        let (spec, revision, left) = (task.spec.clone(), task.revision, task.node.clone());
        self.revision += 1;
        if let Some(left) = left {
            if let Some(member) = self.nodes.get_mut(&left) {
                member.assigned.remove(&revision);
                member.usage.remove(&spec);
            }
            self.tell_whole(&left);
            self.fresh.append(&mut self.parked);
        }
        // What it holds of its former node it goes on to hold, in its own right: the ports too, which are counted once.
        self.forget_predecessor(id);
        if let Some(member) = self.nodes.get_mut(&former.node) {
            member.usage.add(&spec);
        }
        let Some(task) = self.tasks.get_mut(&id) else { return Applied::Ignored };
        task.state = State::Scheduled;
        task.node = Some(former.node);
        task.placement += 1;
        why.clone_into(&mut task.message);
        self.touch(id, now);
        let task = self.bump(id);
        Applied::Changed(vec![about(task, now.wall, EventKind::Stays, why.to_owned())])
    }

    /// Remembers why a task cannot leave its node.
    pub(super) fn immovable(&mut self, id: TaskId, why: &str, now: Now) -> Applied {
        let Some(task) = self.tasks.get(&id) else { return Applied::Ignored };
        self.services.leave_in_place(task);
        if task.state.is_final() {
            return Applied::Ignored;
        }
        if self.stuck.get(&id).is_some_and(|known| known == why) {
            return Applied::Ignored;
        }
        self.stuck.insert(id, why.to_owned());
        Applied::Changed(vec![about(task, now.wall, EventKind::Stays, why.to_owned())])
    }

    /// Forgets why tasks could not leave a node: they need not any more.
    pub(super) fn unstick(&mut self, node: &NodeName) {
        let Some(member) = self.nodes.get(node) else { return };
        for id in member.assigned.values() {
            self.stuck.remove(id);
        }
    }

    /// Whether a report says that a task runs where it moved to, as well as it can be known to.
    pub(super) fn has_arrived(task: &Task, report: &Report) -> bool {
        let runs = report.state == State::Running && report.observed.is_ready(&task.spec);
        report.state == State::Completed || runs
    }

    /// Ends what is left of a task's earlier placement: its node is told to let go of it.
    pub(super) fn end_predecessor(&mut self, id: TaskId) {
        let Some(former) = self.tasks.get(&id).and_then(|task| task.predecessor.clone()) else { return };
        self.revision += 1;
        self.tell_whole(&former.node);
        self.forget_predecessor(id);
        self.dirty.tasks.insert(id);
    }

    /// Enters that a task leaves its node, which holds it until the predecessor is forgotten.
    fn leave(&mut self, id: TaskId, former: Predecessor) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if let Some(member) = self.nodes.get_mut(&former.node) {
            member.assigned.remove(&task.revision);
            member.leaving.insert(id);
        }
        task.predecessor = Some(former);
        self.leaving.insert(id);
        self.stuck.remove(&id);
    }

    pub(super) fn forget_predecessor(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(former) = task.predecessor.take() else { return };
        self.leaving.remove(&id);
        if let Some(member) = self.nodes.get_mut(&former.node) {
            member.leaving.remove(&id);
            member.usage.remove(&task.spec);
            self.fresh.append(&mut self.parked);
        }
    }

    /// Lets a node be told everything anew, so that it lets go of what is not in it.
    pub(super) fn tell_whole(&mut self, node: &NodeName) {
        let revision = self.revision;
        if let Some(member) = self.nodes.get_mut(node) {
            member.floor = revision;
        }
    }

    fn note_move(&mut self, id: TaskId, why: Move, now: Now) {
        match why {
            Move::Lost => {
                self.moved.insert(id, now.moment);
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.moved_at = Some(now.wall);
                }
            }
            Move::Rebalance => {
                self.rebalance.left = self.rebalance.left.saturating_sub(1);
                self.rebalance.moved.insert(id);
            }
            Move::Drain => {}
        }
    }

    /// Lets so many tasks move to where they stand better.
    pub(super) fn begin_rebalance(&mut self, moves: u32, now: Now) -> Applied {
        if moves == self.rebalance.left {
            return Applied::Ignored;
        }
        self.rebalance = Rebalance { left: moves, ..Rebalance::default() };
        let message = match moves {
            0 => "an operator's rebalance has nothing to move".to_owned(),
            1 => "an operator asked for a rebalance: 1 task moves".to_owned(),
            many => format!("an operator asked for a rebalance: {many} tasks move"),
        };
        Applied::Changed(vec![of_cluster(message, now)])
    }

    /// Ends a rebalance that has nothing left to do, whatever it was still allowed.
    pub(super) fn end_rebalance(&mut self, now: Now) -> Applied {
        if !self.rebalance.goes_on() {
            return Applied::Ignored;
        }
        self.rebalance = Rebalance::default();
        Applied::Changed(vec![of_cluster("the rebalance is over".to_owned(), now)])
    }

    /// Whether a task's former node is heard of and has it still.
    pub(super) fn former_node_is_heard(&self, task: &Task) -> bool {
        let former = task.predecessor.as_ref().filter(|former| former.wanted == Meanwhile::Keep);
        let member = former.and_then(|former| self.nodes.get(&former.node));
        member.is_some_and(|member| member.node.state != NodeState::Unreachable)
    }
}

fn of_cluster(message: String, now: Now) -> Event {
    let (at, kind) = (now.wall, EventKind::Rebalance);
    Event { at, task: None, node: None, attempt: 0, kind, exit_code: None, message }
}

fn reason(why: Move, from: &NodeName) -> String {
    match why {
        Move::Lost => format!("{from} is not heard of"),
        Move::Drain => format!("{from} is being drained"),
        Move::Rebalance => format!("it stands better there than on {from}"),
    }
}
