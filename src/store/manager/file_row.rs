//! Secrets and configs and their versions as their tables hold them.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::FromRow;

use crate::model::managed_file::{AtRest, FileKey, FileVersion, ManagedFile};
use crate::store::column::{json, time, to_json, word};
use crate::store::insert::{Insert, Parameter, Statement};
use crate::store::scan::{Stored, number};

/// One row of `files`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct FileRow {
    kind: String,
    name: String,
    last_version: u64,
    labels: String,
    created_at: String,
    updated_at: String,
}

pub(super) const UPSERT: Insert = Insert {
    table: "files",
    columns: "kind, name, last_version, labels, created_at, updated_at",
    on_conflict: "\
        ON CONFLICT (kind, name) DO UPDATE SET last_version = excluded.last_version, labels = excluded.labels, \
        created_at = excluded.created_at, updated_at = excluded.updated_at",
};

impl From<&ManagedFile> for FileRow {
    fn from(file: &ManagedFile) -> Self {
        Self {
            kind: file.key.kind.word().to_owned(),
            name: file.key.name.to_string(),
            last_version: file.last,
            labels: to_json(&file.labels),
            created_at: file.created_at.to_string(),
            updated_at: file.updated_at.to_string(),
        }
    }
}

impl Stored for FileRow {
    /// Without its versions.
    type Item = ManagedFile;

    fn decode(self) -> Result<ManagedFile, String> {
        Ok(ManagedFile {
            key: FileKey { kind: word("kind", &self.kind)?, name: word("name", &self.name)? },
            versions: BTreeMap::new(),
            last: self.last_version,
            labels: json("labels", &self.labels)?,
            created_at: time("created_at", &self.created_at)?,
            updated_at: time("updated_at", &self.updated_at)?,
        })
    }
}

/// One row of `file_versions` without its contents: those are read when somebody may have them, and only then.
#[derive(Debug, FromRow)]
pub(super) struct VersionRow {
    kind: String,
    name: String,
    version: u64,
    size: u64,
    digest: String,
    sealed_by: Option<String>,
    made_by: String,
    made_at: String,
}

/// Every column but the contents.
pub(super) const VERSIONS: &str = "
    SELECT rowid AS row, kind, name, version, size, digest, sealed_by, made_by, made_at
    FROM file_versions WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";

impl Stored for VersionRow {
    /// Of which file, the version, and which key it is sealed by.
    type Item = (FileKey, FileVersion, Option<String>);

    fn decode(self) -> Result<Self::Item, String> {
        let key = FileKey { kind: word("kind", &self.kind)?, name: word("name", &self.name)? };
        let version = FileVersion {
            number: self.version,
            size: self.size,
            digest: self.digest,
            by: self.made_by,
            at: time("made_at", &self.made_at)?,
        };
        Ok((key, version, self.sealed_by))
    }
}

/// What is in one version.
#[derive(Debug, FromRow)]
pub(super) struct ContentsRow {
    sealed_by: Option<String>,
    contents: Vec<u8>,
}

impl Stored for ContentsRow {
    type Item = AtRest;

    fn decode(self) -> Result<AtRest, String> {
        Ok(AtRest { sealed_by: self.sealed_by, bytes: self.contents })
    }
}

/// The statement that writes a version with its contents. One that is there already is never written over.
pub(super) fn insert(key: &FileKey, version: &FileVersion, contents: &AtRest) -> Statement {
    let text = |text: &str| Parameter::Text(text.to_owned());
    let parameters = vec![
        text(key.kind.word()),
        text(key.name.as_str()),
        Parameter::Integer(number(version.number)),
        Parameter::Integer(number(version.size)),
        text(&version.digest),
        contents.sealed_by.as_deref().map_or(Parameter::Null, text),
        Parameter::Blob(contents.bytes.clone()),
        text(&version.by),
        Parameter::Text(version.at.to_string()),
    ];
    Statement { sql: INSERT_VERSION.into(), parameters }
}

const INSERT_VERSION: &str = "
    INSERT INTO file_versions (kind, name, version, size, digest, sealed_by, contents, made_by, made_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Takes an array of kind, name and version.
pub(super) const FORGET_VERSIONS: &str = "
    DELETE FROM file_versions WHERE (kind, name, version) IN
        (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))";

/// Puts versions to their files, and says which keys secrets are sealed by.
pub(super) fn assemble(
    files: Vec<ManagedFile>,
    versions: Vec<(FileKey, FileVersion, Option<String>)>,
) -> (Vec<ManagedFile>, Vec<String>) {
    let mut by_key: BTreeMap<FileKey, ManagedFile> =
        files.into_iter().map(|file| (file.key.clone(), file)).collect();
    let mut seals = std::collections::BTreeSet::new();
    for (key, version, sealed_by) in versions {
        seals.extend(sealed_by);
        if let Some(file) = by_key.get_mut(&key) {
            file.versions.insert(version.number, version);
        }
    }
    (by_key.into_values().collect(), seals.into_iter().collect())
}
