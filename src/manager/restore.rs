//! A cluster as its store knew it, and what else of it is in the data directory.

use std::path::Path;

use super::archives::Archives;
use crate::model::node::SchedulerKind;
use crate::model::time::Now;
use crate::plan::cluster::{Cluster, Restored};
use crate::store::manager::ManagerState;
use crate::trust::Seal;

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
        images: state.images,
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

/// The key of the secrets, and a word in the log of what is wrong with those.
pub(super) fn open_seal(data_dir: &Path, state: &ManagerState) -> Seal {
    for row in &state.unreadable_files {
        tracing::error!(file.name = row.name, "a secret or a config cannot be read: {}", row.reason);
    }
    let seal = Seal::open(data_dir, &state.seals);
    if let Some(trouble) = seal.trouble() {
        tracing::error!("{trouble}; until then tasks that need a secret do not begin");
    }
    seal
}

/// The archives of images. Those that no image has are removed, as halves that a sudden end left.
pub(super) fn open_archives(data_dir: &Path, state: &ManagerState) -> Archives {
    let archives = Archives::new(data_dir);
    let known = state.images.iter().map(|image| image.file.clone()).collect();
    if let Err(error) = archives.sweep(&known) {
        tracing::warn!("the archives of images could not be tidied up: {error}");
    }
    archives
}
