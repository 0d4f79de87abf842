//! Which tasks should leave their nodes: those of nodes that are lost or being drained, one by one where one may wait.

use std::time::Duration;

use super::change::Change;
use super::rollouts::{is_handed_over, why_not_handed_over};
use super::{Cluster, Member};
use crate::model::node::{Availability, NodeState};
use crate::model::spec::Failover;
use crate::model::state::Desired;
use crate::model::task::{Meanwhile, Move, Predecessor, Task};
use crate::model::time::{Moment, Now};
use crate::plan::schedule::{Pass, Placed};

/// A task is moved off a lost node at most so often: a link that comes and goes must not chase it around.
pub(super) const MOVE_EVERY: Duration = Duration::from_mins(1);

/// Tasks that leave one draining node at a time.
const DRAINED_AT_A_TIME: usize = 1;

/// What Docker waits between a container's signal and its kill when nobody says otherwise.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// How long an engine may take over a kill, and a worker over noticing that its lease has run out.
const FENCE_MARGIN: Duration = Duration::from_secs(5);

/// What follows for tasks that are on their way: released ones are placed anew, and where the former node is heard
/// of before the new one runs the task, it stays.
pub(super) fn leaving_tasks(cluster: &Cluster, now: Now) -> impl Iterator<Item = Change> + '_ {
    let leaving = cluster.leaving.iter().filter_map(|id| cluster.tasks.get(id));
    leaving.filter_map(move |task| {
        let former = task.predecessor.as_ref()?;
        match (former.wanted, cluster.nodes.get(&former.node)) {
            (Meanwhile::Release, member) => {
                let how = released(task, former, member, now.moment)?;
                Some(Change::Released { task: task.id, how })
            }
            (Meanwhile::Keep, Some(member)) => {
                let why = stays(former, member).or_else(|| forsaken(cluster, task, former, member))?;
                Some(Change::TakeBack { task: task.id, why })
            }
            (Meanwhile::Keep, None) => None,
        }
    })
}

/// How it is known that a node has let go of a task; `None` = it is not known.
fn released(task: &Task, former: &Predecessor, member: Option<&Member>, now: Moment) -> Option<String> {
    let node = &former.node;
    let Some(member) = member else { return Some(format!("{node} is no more")) };
    if member.node.state == NodeState::Unreachable {
        let silent = now.since(member.heard);
        let fenced = silent > fence(task, member.node.lease);
        return fenced
            .then(|| format!("{node} must have stopped it: it was not heard of for {} s", silent.as_secs()));
    }
    let told = member.taken_in.is_some_and(|revision| revision >= task.revision);
    let gone = member.leftovers.as_ref().is_some_and(|left| !left.contains(&task.id));
    (told && gone).then(|| format!("{node} has let go of it"))
}

/// After so long a silence a worker has stopped what may run only once: its lease began when it asked, before it was
/// heard here; then it has the task's own grace, and a margin of a tenth for clocks that differ in pace.
fn fence(task: &Task, lease: Duration) -> Duration {
    let grace = task.spec.stop_timeout.map_or(DEFAULT_GRACE, |seconds| Duration::from_secs(seconds.into()));
    lease.mul_f64(1.1) + grace.mul_f64(1.1) + FENCE_MARGIN
}

/// Why a task should stay where it was; `None` = it goes on moving.
fn stays(former: &Predecessor, member: &Member) -> Option<String> {
    let node = &former.node;
    match (former.why, member.node.state, member.node.availability) {
        (Move::Lost, NodeState::Ready, Availability::Active | Availability::Pause) => {
            Some(format!("stays on {node}, which is back"))
        }
        (Move::Drain, NodeState::Ready, Availability::Active | Availability::Pause) => {
            Some(format!("stays on {node}, which is no longer drained"))
        }
        _ => None,
    }
}

/// Why a task that only stands better elsewhere should not wait for a node that has gone meanwhile.
fn forsaken(cluster: &Cluster, task: &Task, former: &Predecessor, member: &Member) -> Option<String> {
    let to = cluster.nodes.get(task.node.as_ref()?)?;
    let gone = to.node.state == NodeState::Unreachable && member.node.state != NodeState::Unreachable;
    (gone && former.why == Move::Rebalance)
        .then(|| format!("stays on {}, for {} is not heard of", former.node, to.node.name))
}

/// The moves to begin now.
pub(super) fn moves(cluster: &Cluster, pass: &mut Pass, now: Now) -> Vec<Change> {
    let mut changes = Vec::new();
    for member in cluster.nodes.restless() {
        let (why, room) = match (member.node.state, member.node.availability) {
            (NodeState::Unreachable, _) => (Move::Lost, usize::MAX),
            (_, Availability::Drain) => (Move::Drain, DRAINED_AT_A_TIME.saturating_sub(member.leaving.len())),
            _ => continue,
        };
        let tasks = member.assigned.values().filter_map(|id| cluster.tasks.get(id));
        let may_move = |task: &&Task| {
            let recently = cluster.moved.get(&task.id).is_some_and(|at| now.moment.since(*at) < MOVE_EVERY);
            task.desired == Desired::Run
                && !task.state.is_final()
                && task.predecessor.is_none()
                && !(why == Move::Lost && recently)
        };
        let mut begun = 0;
        for task in tasks.filter(may_move) {
            if begun >= room {
                break;
            }
            let change = if why == Move::Drain && is_handed_over(cluster, task) {
                let Some(why) = why_not_handed_over(cluster, task) else { continue };
                Change::Immovable { task: task.id, why: format!("{}: {why}", plight(member, Move::Drain)) }
            } else {
                leave(task, member, why, pass)
            };
            match &change {
                Change::Immovable { why, .. } if cluster.stuck.get(&task.id) == Some(why) => {}
                Change::Immovable { .. } => changes.push(change),
                _ => {
                    begun += 1;
                    changes.push(change);
                }
            }
        }
    }
    changes
}

/// How a task stands that cannot leave its node.
fn plight(member: &Member, why: Move) -> String {
    let from = &member.node.name;
    match why {
        Move::Lost => format!("{from} is not heard of, and it cannot run elsewhere"),
        Move::Drain => format!("cannot leave {from}, which is being drained"),
        Move::Rebalance => format!("cannot leave {from}"),
    }
}

/// How a task leaves its node.
fn leave(task: &Task, member: &Member, why: Move, pass: &mut Pass) -> Change {
    let id = task.id;
    let plight = plight(member, why);
    let stuck = |reason: &str| Change::Immovable { task: id, why: format!("{plight}: {reason}") };
    if task.pinned.is_some() {
        return stuck("it was posted to this node and may run on no other");
    }
    if pass.is_closed() {
        return stuck("no other node takes tasks");
    }
    match pass.place(&task.spec, None) {
        // Where it goes is decided when it may go.
        Ok(_) if task.spec.failover == Failover::Single => Change::Recall { task: id, why },
        Ok(Placed { node, reasoning }) => Change::Move { task: id, to: node, why, chosen: reasoning },
        Err(reason) => stuck(&reason.to_string()),
    }
}
