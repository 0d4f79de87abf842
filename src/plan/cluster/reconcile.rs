//! What the manager should do next, from what is.

use std::sync::Arc;
use std::time::Duration;

use super::Cluster;
use super::change::Change;
use super::moves::{leaving_tasks, moves};
use super::rebalance::{next_moves, wanted_at};
use super::rollouts::rollouts;
use crate::model::decision::Reasoning;
use crate::model::id::TaskId;
use crate::model::state::Desired;
use crate::model::task::Task;
use crate::model::time::Now;
use crate::plan::schedule::{Pass, Placed, Unplaceable};

/// How patient the planner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A node that was not heard of for so long is unreachable; a worker that was not answered for so long lets go of
    /// what may run only once.
    pub lease: Duration,
    /// A task since whose end managers have run for so long is forgotten.
    pub retention: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lease: Duration::from_secs(6), retention: Duration::from_hours(30 * 24) }
    }
}

/// The most changes that one pass decides, so that a flood of tasks never holds up a heartbeat. Whoever gets
/// so many asks again at once.
pub const PASS: usize = 4096;

/// The changes to make now: none when all is as it should be. The cluster stays as it is, but for what it remembers of
/// this look, so that the next one need not look at all again.
pub fn reconcile(cluster: &mut Cluster, patience: Patience, now: Now) -> Vec<Change> {
    let mut changes = lost_nodes(cluster, patience.lease, now);
    if cluster.ahead.is_some() {
        return changes;
    }
    let some_are_lost = !changes.is_empty();
    changes.extend(leaving_tasks(cluster, now));
    if !some_are_lost {
        // None is stopped for a successor on a node that has just been found lost.
        changes.extend(rollouts(cluster, now));
    }
    if !changes.is_empty() {
        // They make room, or take it: what follows is decided when it is known, and not from before.
        changes.truncate(PASS);
        return changes;
    }
    if cluster.nodes.are_restless() || !cluster.fresh.is_empty() {
        let mut pass = cluster.take_pass();
        changes.extend(moves(cluster, &mut pass, now));
        changes.extend(pending_tasks(cluster, &mut pass));
        cluster.pass = Some(pass);
    }
    if changes.is_empty() {
        // What must move, and what waits for a place, goes first.
        changes.extend(next_moves(cluster, now));
    }
    changes.extend(old_tasks(cluster, patience.retention, now));
    changes.truncate(PASS);
    changes
}

fn lost_nodes(cluster: &mut Cluster, lease: Duration, now: Now) -> Vec<Change> {
    let lost = cluster.nodes.fallen_silent(lease, now.moment).into_iter();
    lost.map(|(node, silent)| Change::Lose { node, silent_seconds: silent.as_secs() }).collect()
}

fn pending_tasks(cluster: &Cluster, pass: &mut Pass) -> Vec<Change> {
    let fresh = cluster.fresh.iter().filter_map(|(_, id)| cluster.tasks.get(id)).take(PASS);
    let decide = |task: &Task| match task.desired {
        Desired::Stop => Change::Cancel { task: task.id },
        Desired::Run => match place(cluster, task, pass) {
            Ok(Placed { node, reasoning }) => Change::Place { task: task.id, node, why: reasoning },
            Err(none) => Change::Unplaceable { task: task.id, why: none.reasoning() },
        },
    };
    fresh.map(decide).collect()
}

fn place(cluster: &Cluster, task: &Task, pass: &mut Pass) -> Result<Placed, Unplaceable> {
    let better = wanted_at(cluster, task).and_then(|node| pass.place(&task.spec, Some(node)).ok());
    if let Some(Placed { node, reasoning }) = better {
        let summary = format!("a rebalance wants it on {node}, in the place of another elsewhere");
        return Ok(Placed {
            node,
            reasoning: Arc::new(Reasoning { summary, ..Reasoning::clone(&reasoning) }),
        });
    }
    pass.place(&task.spec, task.pinned.as_ref())
}

/// By how long managers have run since, and not by the date: a clock that is set a year ahead makes nothing old.
fn old_tasks(cluster: &Cluster, retention: Duration, now: Now) -> impl Iterator<Item = Change> + '_ {
    let limit = cluster.lived(now.moment).saturating_sub(retention);
    let old = cluster.finished.iter().take_while(move |(finished, _)| *finished < limit);
    // A slot of a job that has run to its end, and was forgotten, would be run once more.
    let holds_a_slot = |id: &TaskId| cluster.tasks.get(id).is_some_and(|task| cluster.services.hold(task));
    old.filter(move |(_, id)| !holds_a_slot(id)).map(|(_, id)| Change::Forget { task: *id })
}
