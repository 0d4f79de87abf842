//! Which files of secrets and configs a worker may let go of.

use super::Host;
use super::reconcile::wants_to_run;
use crate::model::id::TaskId;
use crate::model::managed_file::FileKey;

impl Host {
    /// Whether an attempt's files may still be mounted, or are about to be: they go when its container is gone, which takes
    /// a good list to know (rules R3 and R7), and a manager that has spoken (rule R11).
    pub fn may_need_files(&self, task: TaskId, attempt: u32) -> bool {
        let is_under_way = self.slots.get(&task).is_some_and(|slot| {
            slot.record.attempt.as_ref().is_some_and(|current| current.number == attempt)
        });
        !self.knows_all()
            || self.lanes.contains(&task)
            || self.doubts.contains(&task)
            || is_under_way
            || self.containers_of(task).any(|container| container.identity.attempt == attempt)
    }

    /// Whether a version is, or may be, one that a task here names which will be begun again.
    pub fn may_need_version(&self, key: &FileKey, version: u64) -> bool {
        let names = |spec: &crate::model::spec::TaskSpec| spec.names_file(key, Some(version));
        !self.knows_all()
            || self.slots.values().any(|slot| wants_to_run(slot) && names(&slot.record.assignment.spec))
    }

    /// Whether both the manager and the engine have spoken, and neither is in doubt.
    fn knows_all(&self) -> bool {
        let is_told = self.heard_manager && self.revision.is_some();
        is_told && self.lists.seen.is_some() && self.lists.trouble.is_none()
    }
}
