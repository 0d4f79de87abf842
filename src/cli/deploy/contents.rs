//! Secrets and configs of a project: read here, compared with those that there are, and sent before the services that
//! name them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::cli::api::Api;
use crate::cli::error::CliError;
use crate::client::ClientError;
use crate::compose::resource::FileContent;
use crate::deploy::{Action, DeclaredFile, FileStep, PROJECT, Stack};
use crate::model::managed_file::{Contents as Bytes, FileKey};
use crate::wire::file::{FileData, FileInput, FileVersionInput, ManagedFile, check_size};

/// What the secrets and configs of a project are to be.
pub(super) struct Contents(Vec<Planned>);

/// One of them.
struct Planned {
    key: FileKey,
    /// What it is to be made of, unless it is that already or somebody else's to make.
    wanted: Option<FileVersionInput>,
    /// What it is now; `None` = there is none.
    version: Option<u64>,
}

impl Contents {
    /// Reads them, and asks the manager which of them it has so.
    pub(super) async fn compare(api: &Api, stack: &Stack) -> Result<Self, CliError> {
        let mut planned = Vec::new();
        for declared in &stack.files {
            planned.push(compare(api, declared, &stack.project).await?);
        }
        Ok(Self(planned))
    }

    /// The versions that services are to name. Of one that is not there yet it is the first one that there is.
    pub(super) fn versions(&self) -> BTreeMap<FileKey, u64> {
        let version = |planned: &Planned| Some((planned.key.clone(), planned.next()?));
        self.0.iter().filter_map(version).collect()
    }

    /// What would be done.
    pub(super) fn steps(&self) -> Vec<FileStep> {
        let changed = self.0.iter().filter(|planned| planned.wanted.is_some());
        let step = |planned: &Planned| FileStep {
            kind: planned.key.kind,
            name: planned.key.name.to_string(),
            action: if planned.version.is_some() { Action::Change } else { Action::Create },
            version: planned.version,
        };
        changed.map(step).collect()
    }

    /// Does it.
    pub(super) async fn apply(self, api: &Api) -> Result<(), CliError> {
        for planned in self.0 {
            let (next, key) = (planned.next(), planned.key);
            let Some(wanted) = planned.wanted else { continue };
            let made = if next.is_some() {
                api.update_file(&key, &wanted).await?
            } else {
                let FileVersionInput { data, labels } = wanted;
                let input = FileInput { name: key.name.clone(), data, labels };
                api.make_file(key.kind, &input).await?
            };
            if next.is_some_and(|next| next != made.version) {
                return Err(CliError::Failed(format!(
                    "{key} was changed by somebody else after this was planned: it is at version {} now, and no service was \
                     changed. Deploy again",
                    made.version
                )));
            }
        }
        Ok(())
    }
}

impl Planned {
    /// The version after this; `None` = it is to be made, and only the manager knows its number.
    fn next(&self) -> Option<u64> {
        self.version.map(|version| version + u64::from(self.wanted.is_some()))
    }
}

async fn compare(api: &Api, declared: &DeclaredFile, project: &str) -> Result<Planned, CliError> {
    let key = declared.key.clone();
    let present = match api.file(&key).await {
        Ok(file) => Some(file),
        Err(ClientError::Refused { status: 404, .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let version = present.as_ref().map(|file| file.version);
    let Some(bytes) = read(declared)? else {
        if version.is_some() {
            return Ok(Planned { key, wanted: None, version });
        }
        return Err(refused(
            declared,
            &format!("is external, and there is none: `orc {} create {} FILE` makes it", key.kind, key.name),
        ));
    };
    check_size(&key, bytes.size())
        .map_err(|sentence| refused(declared, &format!("is too large: {sentence}")))?;
    if let Some(file) = &present {
        refuse_foreign(declared, file, project)?;
    }
    let wanted = FileVersionInput { data: FileData(bytes), labels: Some(declared.labels.clone()) };
    let is_same = present.is_some() && api.compare_file(&key, &wanted).await?.same;
    Ok(Planned { key, wanted: (!is_same).then_some(wanted), version })
}

/// Another project's, or nobody's, is not taken over.
fn refuse_foreign(declared: &DeclaredFile, file: &ManagedFile, project: &str) -> Result<(), CliError> {
    let whose = match file.labels.get(PROJECT) {
        Some(other) if other == project => return Ok(()),
        Some(other) => format!("belongs to the project {other}"),
        None => "belongs to no project".to_owned(),
    };
    Err(refused(
        declared,
        &format!(
            "is {} in the cluster, which {whose}: say `external: true` to use it as it is, or call it otherwise with `name`",
            declared.key.name
        ),
    ))
}

/// What is in it; `None` = somebody else makes it.
fn read(declared: &DeclaredFile) -> Result<Option<Bytes>, CliError> {
    let most = u64::try_from(declared.key.kind.most_bytes()).unwrap_or(u64::MAX);
    match &declared.content {
        FileContent::External => Ok(None),
        FileContent::Text(text) => Ok(Some(text.clone().into_bytes().into())),
        FileContent::File(path) => match read_file(path, most) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(refused(
                declared,
                &format!("is made of {}, which cannot be read: {error}", path.display()),
            )),
        },
    }
}

fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refused(declared: &DeclaredFile, says: &str) -> CliError {
    let DeclaredFile { at, key, of, .. } = declared;
    CliError::Failed(format!("{at}: {}.{of} {says}; nothing was changed", key.kind.plural()))
}
