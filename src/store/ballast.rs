//! A reserve of disk space, given up when the disk is full: even deleting rows needs room to write.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Bytes of the reserve, on any but a tiny file system.
const SIZE: u64 = 4 << 20;

/// At most this part of the file system.
const SHARE: u64 = 8;

/// A file of zeros beside the database.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    held: bool,
}

impl Ballast {
    /// Sets the reserve aside, or takes over the one of the process before.
    pub(super) fn new(path: PathBuf) -> Self {
        let mut ballast = Self { path, held: false };
        ballast.restore();
        ballast
    }

    /// Whether there is a reserve. When there is none, nothing that makes the database larger should be taken.
    pub(super) const fn is_held(&self) -> bool {
        self.held
    }

    /// Gives the reserve up.
    pub(super) fn release(&mut self) {
        self.held = false;
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "{} cannot be removed to make room", self.path.display());
        }
    }

    /// Whether the disk would have room for the reserve and as much beside, if `more` bytes became free. With
    /// less, the next write would only use it up again.
    pub(super) fn fits_beside(&self, more: u64) -> bool {
        self.space().is_ok_and(|space| space.free + more >= 2 * space.reserve)
    }

    /// Sets the reserve aside again if it fits.
    pub(super) fn restore(&mut self) {
        self.held = self.write().unwrap_or_else(|error| {
            tracing::debug!(%error, "{} cannot be written", self.path.display());
            // A part of it is of no use as a reserve and takes up what is left.
            let _ = fs::remove_file(&self.path);
            false
        });
    }

    fn write(&self) -> io::Result<bool> {
        let size = self.space()?.reserve;
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_file() && metadata.len() >= size) {
            return Ok(true);
        }
        if !self.fits_beside(0) {
            return Ok(false);
        }
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        let zeros = vec![0; usize::try_from(size).unwrap_or_default()];
        file.write_all(&zeros)?;
        file.sync_all()?;
        Ok(true)
    }

    fn space(&self) -> io::Result<Space> {
        let disk = rustix::fs::statvfs(self.path.parent().unwrap_or(&self.path))?;
        Ok(Space {
            free: disk.f_bavail * disk.f_frsize,
            reserve: SIZE.min(disk.f_blocks * disk.f_frsize / SHARE),
        })
    }
}

/// Bytes of the file system.
struct Space {
    free: u64,
    /// How many to set aside.
    reserve: u64,
}
