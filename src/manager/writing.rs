//! What the keeper writes: all that has changed since the last write.

use super::keeper::Keeper;
use crate::store::manager::Batch;

impl Keeper {
    /// All that has changed, taken out of memory's notes.
    pub(super) fn take_batch(&mut self) -> Batch {
        let dirty = self.cluster.take_dirty();
        let draft = std::mem::take(&mut self.draft);
        let access = self.registry.take_dirty();
        // One that was removed in the same breath is not written at all.
        let made = draft.contents.into_iter().filter(|(key, version, _)| {
            self.cluster.file(key).is_some_and(|file| file.versions.contains_key(&version.number))
        });
        Batch {
            epoch: self.cluster.epoch,
            accepted: dirty.accepted,
            lived: self.cluster.lived(self.clock.now().moment),
            revision: self.cluster.revision(),
            rebalance: self.cluster.rebalance().left,
            tasks: dirty.tasks.iter().filter_map(|id| self.cluster.task(*id)).cloned().collect(),
            forgotten: dirty.forgotten.into_iter().collect(),
            removed: dirty.removed.into_iter().collect(),
            nodes: dirty
                .nodes
                .iter()
                .filter_map(|name| self.cluster.node(name))
                .map(|member| member.node.clone())
                .collect(),
            services: dirty
                .services
                .iter()
                .filter_map(|name| self.cluster.service_of(name))
                .cloned()
                .collect(),
            versions: dirty
                .versions
                .iter()
                .filter_map(|(name, number)| {
                    let version = self.cluster.service_of(name)?.versions.get(number)?;
                    Some((name.clone(), version.clone()))
                })
                .collect(),
            pruned: dirty.pruned.into_iter().collect(),
            runs: dirty
                .runs
                .iter()
                .filter_map(|(name, number)| {
                    let run = self.cluster.service_of(name)?.schedule.runs.get(number)?;
                    Some((name.clone(), run.clone()))
                })
                .collect(),
            pruned_runs: dirty.pruned_runs.into_iter().collect(),
            dropped: dirty.dropped.into_iter().collect(),
            files: dirty.files.iter().filter_map(|key| self.cluster.kept_file(key)).cloned().collect(),
            file_versions: made.collect(),
            file_pruned: dirty.file_pruned.into_iter().collect(),
            images: dirty.images.iter().filter_map(|name| self.cluster.image(name)).cloned().collect(),
            images_gone: dirty.images_gone.into_iter().collect(),
            events: draft.events,
            decisions: draft.decisions,
            requests: draft.requests,
            tokens: access.tokens.iter().filter_map(|id| self.registry.token(id)).cloned().collect(),
            admissions: access
                .admissions
                .iter()
                .filter_map(|node| self.registry.admission(node))
                .cloned()
                .collect(),
        }
    }
}
