//! Every change that can come over a secret or a config. What each means is in `apply_files`.

use std::collections::BTreeMap;

use crate::model::managed_file::FileKey;
use crate::model::time::Timestamp;

/// One change, on a user's word. What is in a file goes past all decisions: they see its size and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// A user wants a file, or a new version of it.
    Put(Put),
    /// A user wants it to be no more.
    Remove {
        /// Which.
        key: FileKey,
        /// Who says so, in words.
        by: String,
        /// When it was said.
        at: Timestamp,
    },
}

/// A new file, or a new version of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Which.
    pub key: FileKey,
    /// What the user takes it to be.
    pub means: Means,
    /// Bytes.
    pub size: u64,
    /// What tells its contents from others.
    pub digest: String,
    /// Labels in place of those that it has; `None` = those stay.
    pub labels: Option<BTreeMap<String, String>>,
    /// Who says so, in words.
    pub by: String,
    /// When it was said.
    pub at: Timestamp,
}

/// What a user takes a file to be, before there is a version of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// There is none of the name.
    First,
    /// There is one.
    Next,
}

impl FileChange {
    /// Which file it is about.
    pub const fn key(&self) -> &FileKey {
        match self {
            Self::Put(put) => &put.key,
            Self::Remove { key, .. } => key,
        }
    }
}
