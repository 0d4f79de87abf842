//! Where files come from: the disk, or what a test says is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The files that a project is read from.
pub trait Files {
    /// The text of a file.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Whether there is a file or directory.
    fn exists(&self, path: &Path) -> bool;
}

/// The real ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<String> {
        fs::read_to_string(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

/// Files that are in memory only.
impl Files for BTreeMap<PathBuf, String> {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        self.contains_key(path)
    }
}
