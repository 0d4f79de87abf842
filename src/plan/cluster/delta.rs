//! What a node must hear of its tasks.

use super::Cluster;
use crate::model::id::NodeName;
use crate::model::state::{Desired, State};
use crate::model::task::{Assignment, Meanwhile, Task};

/// What a node is told of its tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    /// The revision that the node has after it.
    pub revision: u64,
    /// Whether `assignments` is all that the node has: what is not in it is not wanted.
    pub whole: bool,
    /// What is wanted.
    pub assignments: Vec<Assignment>,
}

impl Cluster {
    /// What `node` must hear when it knows `revision` of this epoch; `None` knows nothing.
    ///
    /// A whole set leaves out what is finished and was asked to stop: nothing of it is wanted any more.
    pub fn delta(&self, node: &NodeName, known: Option<u64>) -> Delta {
        let Some(member) = self.nodes.get(node) else {
            return Delta { revision: self.revision, whole: true, assignments: Vec::new() };
        };
        let known = known.filter(|known| *known >= member.floor && *known <= self.revision);
        let since = known.map_or(0, |known| known + 1);
        let tasks = member.assigned.range(since..).filter_map(|(_, id)| self.tasks.get(id));
        let wanted = |task: &&Task| known.is_some() || !task.state.is_final() || task.desired == Desired::Run;
        let mut assignments: Vec<Assignment> = tasks.filter(wanted).map(assignment).collect();
        if known.is_none() {
            assignments.extend(member.leaving.iter().filter_map(|id| kept(self.tasks.get(id)?)));
        }
        Delta { revision: self.revision, whole: known.is_none(), assignments }
    }

    /// Whether [`Cluster::delta`] would tell `node` anything that it does not know.
    pub fn has_news(&self, node: &NodeName, known: Option<u64>) -> bool {
        let Some(member) = self.nodes.get(node) else { return true };
        known.is_none_or(|known| {
            known < member.floor
                || member.assigned.range(known + 1..).next().is_some()
                || known > self.revision
        })
    }
}

/// What the node that a task leaves is told meanwhile; `None` = to let go of it.
fn kept(task: &Task) -> Option<Assignment> {
    let predecessor = task.predecessor.as_ref().filter(|former| former.wanted == Meanwhile::Keep)?;
    Some(Assignment { placement: predecessor.placement, state: State::Scheduled, ..assignment(task) })
}

fn assignment(task: &Task) -> Assignment {
    Assignment {
        id: task.id,
        spec: task.spec.clone(),
        desired: task.desired,
        placement: task.placement,
        state: task.state,
        observed: task.observed.clone(),
        message: task.message.clone(),
        created_at: task.created_at,
    }
}
