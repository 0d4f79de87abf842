//! `secrets` and `configs` of a project: which there are, and how its services name them.

use std::collections::BTreeMap;

use super::PROJECT;
use super::note::{Fate, Note, Scope};
use super::plan::Action;
use super::stack::Stack;
use crate::compose::resource::{FileContent, FileObject};
use crate::compose::service::grant::Grant;
use crate::compose::{Place, Project};
use crate::model::managed_file::{FileKey, FileKind, FileRef};
use crate::wire::file_ref::{FileRefInput, Owner};

/// A secret or a config that services of a project name.
#[derive(Debug, Clone)]
pub struct DeclaredFile {
    /// What it is in the cluster.
    pub key: FileKey,
    /// Its name in the project.
    pub of: String,
    /// What is in it, or where that is.
    pub content: FileContent,
    /// Its labels, with the project's own.
    pub labels: BTreeMap<String, String>,
    /// Where it is written.
    pub at: Place,
}

/// What would be done with a secret or a config. What is in it is nobody's to see.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileStep {
    /// "secret" or "config".
    pub kind: FileKind,
    /// Its name in the cluster.
    pub name: String,
    /// What would be done.
    pub action: Action,
    /// The version that it has now; null = there is none.
    pub version: Option<u64>,
}

fn of_kind(project: &Project, kind: FileKind) -> &BTreeMap<String, FileObject> {
    match kind {
        FileKind::Secret => &project.secrets,
        FileKind::Config => &project.configs,
    }
}

/// Those that services of the project name. A name that cannot be one is told.
pub(super) fn declared(project: &Project, notes: &mut Vec<Note>) -> Vec<DeclaredFile> {
    let mut declared = Vec::new();
    for kind in FileKind::ALL {
        let is_named = |of: &String| {
            project.services.values().any(|service| {
                let grants = if kind == FileKind::Secret { &service.secrets } else { &service.configs };
                grants.iter().any(|grant| grant.value.source == *of)
            })
        };
        for (of, object) in of_kind(project, kind).iter().filter(|(of, _)| is_named(of)) {
            match object.name.parse() {
                Ok(name) => {
                    let mut labels = object.labels.clone();
                    labels.insert(PROJECT.to_owned(), project.name.clone());
                    declared.push(DeclaredFile {
                        key: FileKey { kind, name },
                        of: of.clone(),
                        content: object.content.clone(),
                        labels,
                        at: object.at.clone(),
                    });
                }
                Err(error) => notes.push(Note {
                    at: object.at.clone(),
                    key: format!("{}.{of}", kind.plural()),
                    fate: Fate::Refused,
                    says: format!("its name in the cluster begins with the project's: {error}"),
                }),
            }
        }
    }
    declared
}

/// How a service names its secrets, or its configs.
pub(super) fn named(project: &Project, scope: &mut Scope<'_>, kind: FileKind) -> Option<Vec<FileRefInput>> {
    let service = scope.service;
    let grants = if kind == FileKind::Secret { &service.secrets } else { &service.configs };
    let mut named = Vec::new();
    for (index, grant) in grants.iter().enumerate() {
        match reference(project, kind, &grant.value) {
            Ok(reference) => named.extend(reference),
            Err(says) => {
                scope.tell(&format!("{}[{index}]", kind.plural()), &grant.at, Fate::Refused, says);
            }
        }
    }
    (!named.is_empty()).then_some(named)
}

/// `None` = what it names is told of where that is written.
fn reference(project: &Project, kind: FileKind, grant: &Grant) -> Result<Option<FileRefInput>, String> {
    let object = of_kind(project, kind).get(&grant.source);
    let Some(name) = object.and_then(|object| object.name.parse().ok()) else { return Ok(None) };
    let owner = |key: &str, text: &Option<String>| {
        let number = text.as_ref().map(|text| text.parse().map(Owner)).transpose();
        let number = number.map(|number| number.filter(|owner| owner.0 > 0));
        number.map_err(|_| format!("`{key}` is a number there: names of users are the container's own"))
    };
    Ok(Some(FileRefInput {
        target: Some(grant.target.clone()),
        uid: owner("uid", &grant.uid)?,
        gid: owner("gid", &grant.gid)?,
        mode: grant.mode.filter(|mode| *mode != FileRef::USUAL_MODE),
        ..FileRefInput::named(name)
    }))
}

impl Stack {
    /// The same with versions of the files that its services name, as far as they are known.
    #[must_use = "this is another one"]
    pub fn with_versions(mut self, versions: &BTreeMap<FileKey, u64>) -> Self {
        for declared in &mut self.services {
            for task in [&mut declared.input.task, &mut declared.wanted.task] {
                set(FileKind::Secret, &mut task.secrets, versions);
                set(FileKind::Config, &mut task.configs, versions);
            }
        }
        self
    }
}

fn set(kind: FileKind, files: &mut Option<Vec<FileRefInput>>, versions: &BTreeMap<FileKey, u64>) {
    for file in files.iter_mut().flatten() {
        file.version = versions.get(&FileKey { kind, name: file.name.clone() }).copied();
    }
}
