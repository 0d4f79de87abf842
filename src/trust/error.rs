//! What can be wrong with keys and certificates.

use std::io;
use std::path::{Path, PathBuf};

/// Why a key or a certificate cannot be used. Each is a sentence that says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file cannot be read or written.
    #[error("{} cannot be used ({problem}): let this user alone read and write it", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} cannot be understood ({problem}): put it back from a backup, or remove it", .path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate could not be made of what was given.
    #[error("a certificate cannot be made: {0}")]
    Making(String),
    /// What was sent is no certificate, or none of orc's.
    #[error("this is no certificate of orc: {0}")]
    Foreign(String),
}

impl TrustError {
    pub(super) fn file(path: &Path, problem: io::Error) -> Self {
        Self::File { path: path.to_owned(), problem }
    }

    pub(super) fn content(path: &Path, problem: &impl ToString) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.to_string() }
    }
}

impl From<rcgen::Error> for TrustError {
    fn from(error: rcgen::Error) -> Self {
        Self::Making(error.to_string())
    }
}
