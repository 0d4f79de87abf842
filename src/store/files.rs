//! The files under a store: one process per directory, readable by their owner alone, and still the ones that
//! were opened.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::Error;

/// Where the files of one store are.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// What the user named.
    pub(super) dir: PathBuf,
    /// The database.
    pub(super) db: PathBuf,
    /// SQLite's write-ahead log beside it.
    pub(super) wal: PathBuf,
    /// The lock that keeps other processes off.
    pub(super) lock: PathBuf,
    /// The reserve for when the disk is full.
    pub(super) ballast: PathBuf,
}

impl Paths {
    /// Those of the store named `stem` (`manager`, `worker-1`) in `dir`.
    pub(super) fn new(dir: &Path, stem: &str) -> Self {
        Self {
            dir: dir.to_owned(),
            db: dir.join(format!("{stem}.db")),
            wal: dir.join(format!("{stem}.db-wal")),
            lock: dir.join(format!("{stem}.lock")),
            ballast: dir.join(format!("{stem}.ballast")),
        }
    }
}

/// Keeps other processes off a store until it is dropped, or its process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Creates the directory if need be (mode 0700) and takes the lock in it.
    pub(super) fn acquire(paths: &Paths) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&paths.dir)
            .map_err(|error| Error::from_io(&paths.dir, &error))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&paths.lock)
            .map_err(|error| Error::from_io(&paths.lock, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(paths, &mut file)),
            Err(TryLockError::Error(error)) => return Err(Error::from_io(&paths.lock, &error)),
        }
        // For the message of the next one only; a full disk must not stop us here.
        let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        Ok(Self(file))
    }
}

fn taken(paths: &Paths, file: &mut File) -> Error {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    let holder = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
    Error::Locked(format!(
        "{} is in use by {holder}, which holds {}: end that orc, or give this one a directory of its own \
         (ORC_DATA_DIR)",
        paths.dir.display(),
        paths.lock.display()
    ))
}

/// Makes sure that there is a database file which SQLite may open, mode 0600 if it is new.
///
/// An absent or empty database beside a log with something in it is none: opening it would throw the log away
/// and start empty.
pub(super) fn prepare(paths: &Paths) -> Result<(), Error> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    if length(&paths.db) == 0 && length(&paths.wal) > 0 {
        let problem = format!("it is missing or empty, but there is {}", paths.wal.display());
        return Err(Error::corrupt(&paths.db, &problem));
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&paths.db)
        .map(drop)
        .map_err(|error| Error::from_io(&paths.db, &error))
}

/// Which file a path led to when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Notices that files were removed, replaced or emptied by another hand: SQLite itself would go on writing to
/// a file that nobody can find any more.
#[derive(Debug)]
pub(super) struct Watch {
    db: Option<Identity>,
    wal: Option<Identity>,
    /// The longest that the database was seen: without VACUUM it never shrinks.
    length: u64,
}

impl Watch {
    /// Remembers the files as they are, just after SQLite opened them.
    pub(super) fn new(paths: &Paths) -> Self {
        let length = fs::metadata(&paths.db).map_or(0, |metadata| metadata.len());
        Self { db: Identity::of(&paths.db), wal: Identity::of(&paths.wal), length }
    }

    /// Whether the paths still lead to the same files, and the database is no shorter than before.
    pub(super) fn check(&mut self, paths: &Paths) -> Result<(), Error> {
        for (path, known) in [(&paths.db, self.db), (&paths.wal, self.wal)] {
            if Identity::of(path) != known {
                return Err(replaced(path, "removed or replaced"));
            }
        }
        let length = fs::metadata(&paths.db).map_or(0, |metadata| metadata.len());
        if length < self.length {
            return Err(replaced(&paths.db, "cut short"));
        }
        self.length = length;
        Ok(())
    }
}

fn replaced(path: &Path, what: &str) -> Error {
    Error::Unusable(format!(
        "{} was {what} while orc was using it: put the right file back, or a backup, and start again",
        path.display()
    ))
}

/// Moves a damaged database and its log out of the way, to names that end in `.corrupt-{tag}`.
pub(super) fn set_aside(paths: &Paths, tag: &str) -> Result<PathBuf, Error> {
    let aside = with_suffix(&paths.db, &format!(".corrupt-{tag}"));
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (with_suffix(&paths.db, suffix), with_suffix(&aside, suffix));
        if from.exists() {
            fs::rename(&from, to).map_err(|error| Error::from_io(&from, &error))?;
        }
    }
    Ok(aside)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
