//! Secrets and configs in JSON. What is in them comes in and, but for configs, never goes out.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::model::managed_file::{Contents, FileKey, FileName, ManagedFile as FileRow};

/// A secret or a config as a user makes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FileInput {
    /// Unique among secrets, or among configs.
    #[schema(value_type = String)]
    pub name: FileName,
    /// What is in it, in base64.
    #[schema(value_type = String, format = Byte)]
    pub data: FileData,
    /// For people and tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// A new version of a secret or a config.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FileVersionInput {
    /// What is in it, in base64.
    #[schema(value_type = String, format = Byte)]
    pub data: FileData,
    /// In place of those that it has; those stay when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// What is in a secret or a config: base64 in JSON, and nothing at all in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct FileData(pub Contents);

/// The Engine API has said both alphabets in its time, with and without padding.
const fn reading(alphabet: &base64::alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

impl fmt::Debug for FileData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for FileData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&reading(&STANDARD).encode(self.0.expose()))
    }
}

impl<'de> Deserialize<'de> for FileData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = reading(&STANDARD).decode(&text).or_else(|_| reading(&URL_SAFE).decode(&text));
        // What is wrong with it, and where, would tell of what is in it.
        let bytes =
            bytes.map_err(|_| serde::de::Error::custom("base64 belongs there, such as \"aGVsbG8=\""))?;
        Ok(Self(bytes.into()))
    }
}

/// A secret or a config, without what is in it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ManagedFile {
    /// Unique among secrets, or among configs.
    pub name: String,
    /// The number of the newest version: what is used where nobody says another.
    pub version: u64,
    /// Bytes of that.
    pub size: u64,
    /// For people and tools.
    pub labels: BTreeMap<String, String>,
    /// The versions that are kept, oldest first.
    pub versions: Vec<FileVersion>,
    /// Who uses it; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Vec<FileUse>>,
    /// When it was made; RFC 3339.
    pub created_at: String,
    /// When anything of it changed last; RFC 3339.
    pub updated_at: String,
}

/// A version of a secret or a config, which never changes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct FileVersion {
    /// From 1.
    pub version: u64,
    /// Bytes.
    pub size: u64,
    /// Of a config, its SHA-256; of a secret one that takes the manager's key to make, and is the same for the same bytes.
    pub digest: String,
    /// Who made it, in words.
    pub by: String,
    /// When; RFC 3339.
    pub at: String,
}

/// A service or a task that uses a version of a secret or a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct FileUse {
    /// The service's name; left out of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The task's name; left out of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The task's ID, beside its name.
    #[serde(rename = "TaskID", default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// Which version.
    pub version: u64,
}

/// Whether something is in a secret or a config.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct FileComparison {
    /// The newest version.
    pub version: u64,
    /// Whether that is the same.
    pub same: bool,
}

impl ManagedFile {
    /// A file as people see it; `None` = it was removed.
    pub fn new(file: &FileRow, used_by: Option<Vec<FileUse>>) -> Option<Self> {
        let newest = file.newest()?;
        let versions = file.versions.values().map(|version| FileVersion {
            version: version.number,
            size: version.size,
            digest: version.digest.clone(),
            by: version.by.clone(),
            at: version.at.to_rfc3339_nanos(),
        });
        Some(Self {
            name: file.key.name.to_string(),
            version: newest.number,
            size: newest.size,
            labels: file.labels.clone(),
            versions: versions.collect(),
            used_by,
            created_at: file.created_at.to_rfc3339_nanos(),
            updated_at: file.updated_at.to_rfc3339_nanos(),
        })
    }
}

/// Whether contents of this size are possible; else a sentence.
pub fn check_size(key: &FileKey, size: u64) -> Result<(), String> {
    let most = key.kind.most_bytes();
    if usize::try_from(size).is_ok_and(|size| size <= most) {
        return Ok(());
    }
    Err(format!(
        "{key} has {size} bytes, and {most} are the most that a {} has: what is larger belongs into a volume",
        key.kind
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::managed_file::FileKind;
    use crate::wire::strict;

    #[test]
    fn data_is_base64_of_either_kind_and_never_shown() {
        for (text, bytes) in
            [("aHVudGVyMg==", "hunter2"), ("aHVudGVyMg", "hunter2"), ("Pz8_", "???"), ("Pz8/", "???")]
        {
            let input: FileInput =
                strict::decode(format!(r#"{{"Name":"db","Data":"{text}"}}"#).as_bytes()).unwrap();
            assert_eq!(input.data.0.expose(), bytes.as_bytes());
            assert!(!format!("{input:?}").contains(bytes), "{input:?}");
        }
        let wrong =
            strict::decode::<FileInput>(br#"{"Name":"db","Data":"hunter2!"}"#).unwrap_err().to_string();
        assert!(wrong.contains("base64") && !wrong.contains("hunter"), "{wrong}");
    }

    #[test]
    fn what_is_too_large_is_refused_with_the_limit() {
        let key = |kind| FileKey { kind, name: "big".parse().unwrap() };
        assert!(check_size(&key(FileKind::Secret), 500_000).is_ok());
        assert!(check_size(&key(FileKind::Config), 1_000_000).is_ok());
        let sentence = check_size(&key(FileKind::Secret), 500_001).unwrap_err();
        assert!(sentence.contains("the secret big has 500001 bytes, and 500000 are the most"), "{sentence}");
    }
}
