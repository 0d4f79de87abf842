//! The secrets and configs by name, who uses them, and which worker may have them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Cluster;
use super::change::Refusal;
use crate::model::id::{NodeName, TaskId};
use crate::model::managed_file::{FileKey, FileKind, FileRef, ManagedFile};
use crate::model::service::{ServiceName, ServiceSpec, Version};
use crate::model::spec::TaskSpec;
use crate::model::state::Desired;
use crate::model::task::Task;

/// Every file that there is, and those that there were.
pub(super) type Files = BTreeMap<FileKey, ManagedFile>;

/// Who uses a version of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileUser {
    /// Who.
    pub who: Using,
    /// Which version.
    pub version: u64,
}

/// A user of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Using {
    /// A service whose wanted or last healthy version names it.
    Service(ServiceName),
    /// A task that is not over.
    Task {
        /// Which.
        id: TaskId,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Using {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "the service {name}"),
            Self::Task { name, .. } => write!(f, "the task {name}"),
        }
    }
}

impl Cluster {
    /// The files of a kind that there are, by name.
    pub fn files(&self, kind: FileKind) -> impl Iterator<Item = &ManagedFile> {
        self.files.values().filter(move |file| file.key.kind == kind && file.newest().is_some())
    }

    /// A file that there is.
    pub fn file(&self, key: &FileKey) -> Option<&ManagedFile> {
        self.files.get(key).filter(|file| file.newest().is_some())
    }

    /// A file as the store keeps it: one that was removed is remembered for its numbers.
    pub fn kept_file(&self, key: &FileKey) -> Option<&ManagedFile> {
        self.files.get(key)
    }

    /// Who uses a file, services first. A look at every task: for people's questions, not for loops.
    pub fn users_of(&self, key: &FileKey) -> Vec<FileUser> {
        let of = |spec: &TaskSpec| -> Vec<u64> {
            let named = spec.files().filter(|(kind, file)| *kind == key.kind && file.name == key.name);
            named.filter_map(|(_, file)| file.version).collect()
        };
        let services = self.services().flat_map(|service| {
            let specs = [Some(service.wanted()), service.stable()].into_iter().flatten();
            let versions = specs.flat_map(|version: &Arc<Version>| of(&version.spec.task));
            let who = Using::Service(service.name.clone());
            versions.map(move |version| FileUser { who: who.clone(), version }).collect::<Vec<_>>()
        });
        let live = self.tasks.values().filter(|task| !task.state.is_final());
        let tasks = live.flat_map(|task| {
            let who = || Using::Task { id: task.id, name: task.spec.name.clone() };
            of(&task.spec).into_iter().map(move |version| FileUser { who: who(), version })
        });
        let mut users: Vec<FileUser> = services.chain(tasks).collect();
        users.sort();
        users.dedup();
        users
    }

    /// Whether the worker of a node may have a version of a file: a task that is to run there names it.
    pub fn may_have(&self, node: &NodeName, key: &FileKey, version: u64) -> bool {
        let Some(member) = self.nodes.get(node) else { return false };
        let tasks = member.assigned.values().chain(&member.leaving);
        let wants = |task: &Task| {
            task.desired == Desired::Run && !task.state.is_final() && task.spec.names_file(key, Some(version))
        };
        tasks.filter_map(|id| self.tasks.get(id)).any(wants)
    }

    /// A specification with a version of each file that it names: the newest where none is said.
    pub(super) fn with_versions(&self, spec: &Arc<TaskSpec>) -> Result<Arc<TaskSpec>, Refusal> {
        if spec.files().next().is_none() {
            return Ok(spec.clone());
        }
        let mut own = TaskSpec::clone(spec);
        for (kind, files) in [(FileKind::Secret, &mut own.secrets), (FileKind::Config, &mut own.configs)] {
            for file in files {
                file.version = Some(self.version_for(kind, file)?);
            }
        }
        Ok(Arc::new(own))
    }

    /// The same of a service.
    pub(super) fn service_with_versions(&self, spec: &ServiceSpec) -> Result<ServiceSpec, Refusal> {
        Ok(ServiceSpec { task: self.with_versions(&spec.task)?, ..spec.clone() })
    }

    fn version_for(&self, kind: FileKind, wanted: &FileRef) -> Result<u64, Refusal> {
        let key = FileKey { kind, name: wanted.name.clone() };
        let Some((newest, file)) = self.file(&key).and_then(|file| Some((file.newest()?, file))) else {
            return Err(Refusal::BadSpec(format!(
                "{key} is named, and there is none: `orc {kind} create {} FILE` makes it",
                key.name
            )));
        };
        match wanted.version {
            None => Ok(newest.number),
            Some(version) if file.versions.contains_key(&version) => Ok(version),
            Some(version) => Err(Refusal::BadSpec(format!(
                "version {version} of {key} is named, and is not there: the newest is version {}",
                newest.number
            ))),
        }
    }
}
