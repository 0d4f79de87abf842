//! Files that orc gives to containers: secrets and configs, and their versions. What is in them is [`Contents`], which
//! goes by itself and tells nobody.

mod at_rest;
mod contents;
mod reference;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::at_rest::AtRest;
pub use self::contents::Contents;
pub use self::reference::FileRef;
use super::id::InvalidId;
use super::time::Timestamp;

/// Which of the two a file is: nothing else about them differs but who may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Nobody but the containers that name it reads it.
    Secret,
    /// Everybody may read it.
    Config,
}

impl FileKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Secret, Self::Config];

    /// The word in sentences, in the database and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    /// The segment of a path in the API.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Config => "configs",
        }
    }

    /// Docker's limits, in bytes.
    pub const fn most_bytes(self) -> usize {
        match self {
            Self::Secret => 500_000,
            Self::Config => 1_000_000,
        }
    }

    /// Where a file is in the container for which no absolute path was said, as Docker has it.
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Secret => "/run/secrets/",
            Self::Config => "/",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for FileKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == word);
        known.ok_or_else(|| format!("{word:?} is neither a secret nor a config"))
    }
}

/// The name of a secret or of a config, unique among its kind. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(Arc<str>);

impl FileName {
    /// The longest, in letters, as Docker has it.
    const LONGEST: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FileName {
    type Err = InvalidId;

    /// As Docker names them: never a path, so that it can be part of one.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let (first, last) = (text.chars().next(), text.chars().next_back());
        if text.len() <= Self::LONGEST && text.chars().all(is_plain) && ends_well(first) && ends_well(last) {
            return Ok(Self(text.into()));
        }
        let shown: String = text.chars().take(Self::LONGEST).collect();
        Err(InvalidId::new(format!(
            "{shown:?} is not a name of a secret or a config: 1 to 64 of the characters a-z A-Z 0-9 _ . - are, the first \
             and the last a letter or digit"
        )))
    }
}

impl TryFrom<String> for FileName {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.as_str().to_owned()
    }
}

/// Which file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    /// Of which kind.
    pub kind: FileKind,
    /// Its name.
    pub name: FileName,
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} {}", self.kind, self.name)
    }
}

/// A secret or a config as the manager knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedFile {
    /// Which.
    pub key: FileKey,
    /// Its versions, as far as they are kept, by number. None = it was removed, and its numbers go on should it come back:
    /// no number ever means two different contents.
    pub versions: BTreeMap<u64, FileVersion>,
    /// The highest number that was ever given.
    pub last: u64,
    /// For people and tools.
    pub labels: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything of it changed last.
    pub updated_at: Timestamp,
}

impl ManagedFile {
    /// Versions that are kept although nobody names them, beside the newest.
    pub const KEPT: usize = 20;

    /// The newest version; `None` when it was removed.
    pub fn newest(&self) -> Option<&FileVersion> {
        self.versions.last_key_value().map(|(_, version)| version)
    }
}

/// One version of a secret or a config: what is said of contents that never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// From 1.
    pub number: u64,
    /// Bytes.
    pub size: u64,
    /// Of a config, the SHA-256; of a secret, one that only the manager's key makes, and that helps nobody to guess.
    pub digest: String,
    /// Who made it, in words.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for name in ["a", "db-password", "app_site.key", "A9"] {
            assert_eq!(name.parse::<FileName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "a/b", "-a", "a-", "a b", "ü", &"a".repeat(65)] {
            assert!(name.parse::<FileName>().is_err(), "{name:?}");
        }
    }
}
