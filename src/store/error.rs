//! The ways in which the store can fail, as far as they matter to what happens next.

use std::io;
use std::path::Path;

use sqlx::migrate::MigrateError;

/// Every message is a whole sentence that names the file. Unless said otherwise, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another process has the directory, or keeps the file locked. Later it may work.
    #[error("{0}")]
    Locked(String),
    /// The file was written by a newer orc.
    #[error("{0}")]
    Newer(String),
    /// There is no room to write. Reading goes on, and writing too once there is room again.
    #[error("{0}")]
    Full(String),
    /// The file is damaged. The process must end: what it would read cannot be trusted.
    #[error("{0}")]
    Corrupt(String),
    /// The disk or the file failed. The process must end: whether the last write is durable is unknown, and
    /// trying again on the same file would hide that.
    #[error("{0}")]
    Unusable(String),
    /// One row does not say what it should. All others are fine.
    #[error("{0}")]
    Unreadable(String),
    /// What was to be written breaks a rule of the schema: a mistake in orc.
    #[error("{0}")]
    Refused(String),
}

/// SQLite's result codes, as far as they are told apart (<https://www.sqlite.org/rescode.html>).
mod code {
    pub(super) const ERROR: i32 = 1;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const NOTADB: i32 = 26;
    /// The file was moved or removed since it was opened.
    pub(super) const READONLY_DBMOVED: i32 = 1032;
    /// The index of the write-ahead log could not grow: what a full disk looks like there.
    pub(super) const IOERR_SHMSIZE: i32 = 4874;
}

impl Error {
    /// Whether the process must end, so that a new one can look at the file afresh.
    pub const fn must_exit(&self) -> bool {
        matches!(self, Self::Corrupt(_) | Self::Unusable(_))
    }

    pub(super) fn from_sqlx(file: &Path, error: &sqlx::Error) -> Self {
        let shown = file.display();
        let Some(problem) = error.as_database_error() else {
            return Self::Unusable(format!("{shown} cannot be used: {error}"));
        };
        let extended: i32 = problem.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        let problem = problem.message();
        match (extended, extended & 0xff) {
            (code::READONLY_DBMOVED, _) => {
                Self::Unusable(format!("{shown} was moved or removed while orc was using it"))
            }
            (code::IOERR_SHMSIZE, _) | (_, code::FULL) => Self::Full(format!(
                "the disk of {shown} is full: orc goes on by itself as soon as there is room ({problem})"
            )),
            (_, code::READONLY) => Self::Full(format!(
                "{shown} cannot be written: make it and its directory writable for orc ({problem})"
            )),
            (_, code::BUSY | code::LOCKED) => Self::Locked(format!(
                "another program keeps {shown} locked: end it, and look at the file with `sqlite3 -readonly` \
                 only ({problem})"
            )),
            (_, code::CORRUPT | code::NOTADB) => Self::corrupt(file, problem),
            (_, code::ERROR | code::CONSTRAINT | code::MISMATCH) => {
                Self::Refused(format!("{shown} does not take this: {problem}"))
            }
            _ => Self::Unusable(format!("{shown} cannot be used: {problem} (SQLite code {extended})")),
        }
    }

    pub(super) fn from_migration(file: &Path, error: &MigrateError) -> Self {
        let shown = file.display();
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                Self::from_sqlx(file, error)
            }
            MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
                Self::Newer(format!(
                    "{shown} has schema {version}, which this orc (version {}) does not know: start the newer \
                     orc that wrote it, or restore the copy from before its upgrade",
                    env!("CARGO_PKG_VERSION")
                ))
            }
            other => Self::Unusable(format!("the schema of {shown} cannot be brought up to date: {other}")),
        }
    }

    pub(super) fn from_io(file: &Path, error: &io::Error) -> Self {
        let shown = file.display();
        if error.kind() == io::ErrorKind::StorageFull {
            return Self::Full(format!("the disk of {shown} is full: free some room and start again"));
        }
        Self::Unusable(format!(
            "{shown} cannot be used ({error}): let orc write there, or set ORC_DATA_DIR (--data-dir) to a directory \
             where it can"
        ))
    }

    pub(super) fn corrupt(file: &Path, problem: &str) -> Self {
        let shown = file.display();
        Self::Corrupt(format!(
            "{shown} is damaged ({problem}): restore it from a backup, or keep a copy of it and see what \
             `sqlite3 {shown} .dump` saves"
        ))
    }
}
