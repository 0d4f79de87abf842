//! A cluster as its store knew it.

use crate::model::node::SchedulerKind;
use crate::model::time::Now;
use crate::plan::cluster::{Cluster, Restored};
use crate::store::manager::ManagerState;

/// What is in memory of what was read. Every node has a whole lease from `now` on.
pub(super) fn restore(state: ManagerState, scheduler: SchedulerKind, now: Now) -> Cluster {
    let restored = Restored {
        services: state.services,
        unreadable_services: state
            .unreadable_services
            .into_iter()
            .filter_map(|row| row.name.parse().ok())
            .collect(),
        files: state.files,
        id: state.cluster,
        epoch: state.epoch,
        epochs: state.epochs,
        lived: state.lived,
        revision: state.revision,
        next_seq: state.next_task_seq,
        tasks: state.tasks,
        nodes: state.nodes,
        requests: state.requests,
        rebalance: state.rebalance,
        unreadable: state
            .unreadable
            .into_iter()
            .filter_map(|row| Some((row.id.parse().ok()?, row.name)))
            .collect(),
    };
    Cluster::restore(restored, scheduler, now)
}
