//! Archives of images: files of the directory `images` beside the database, each written once, whole or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, pin_mut};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::archive_names;
use crate::model::id::RequestId;
use crate::model::image::{ImageName, StoredImage};

/// Below the data directory.
const DIRECTORY: &str = "images";

/// Whoever sends nothing for so long does not go on: `docker save` of a large image thinks long before its first byte.
const IDLE: Duration = Duration::from_mins(5);

/// So much of the disk is left to the database, in bytes; of a small one an eighth.
const SPARE: u64 = 256 << 20;

/// How often it is looked whether that is so, in bytes that came.
const LOOK_EVERY: u64 = 8 << 20;

/// The directory of archives.
#[derive(Debug, Clone)]
pub struct Archives {
    directory: PathBuf,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The name of its file.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, in hexadecimal digits.
    pub digest: String,
}

/// Why nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// Whoever sent it stopped.
    #[error("the archive broke off after {size} bytes: {why}")]
    BrokeOff {
        /// Bytes that came.
        size: u64,
        /// How, in words.
        why: String,
    },
    /// Nothing came for long.
    #[error("nothing of the archive came for {} s", IDLE.as_secs())]
    Slow,
    /// It is larger than the operator allows.
    #[error("the archive is larger than {0} bytes, which is the most (ORC_IMAGE_LIMIT)")]
    TooLarge(u64),
    /// It is no archive of this image.
    #[error("{0}")]
    NotThis(String),
    /// The disk is full.
    #[error("the disk of the manager is full: images are taken once there is room in {}", .0.display())]
    Full(PathBuf),
    /// It cannot be written.
    #[error("the archive cannot be kept in {}: {why}", .directory.display())]
    Unwritable {
        /// Where.
        directory: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

impl Archives {
    /// The archives of this data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { directory: data_dir.join(DIRECTORY) }
    }

    /// Removes all files but those that are known: halves of archives, and those about which nothing was written down.
    /// To be called before anything is received.
    pub fn sweep(&self, known: &BTreeSet<String>) -> io::Result<()> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if !known.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Keeps an archive of this image that comes in pieces: durable when this returns.
    pub async fn receive<E: std::fmt::Display>(
        &self,
        image: &ImageName,
        limit: u64,
        pieces: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Received, NotKept> {
        let part = Part::new(self.directory.join(format!("{}.part", RequestId::generate())));
        let (size, digest) = self.write(&part, limit, pieces).await?;
        let (path, image) = (part.path.clone(), image.clone());
        let checking = tokio::task::spawn_blocking(move || archive_names::check(&path, &image));
        checking
            .await
            .map_err(|error| self.unwritable(io::Error::other(error)))?
            .map_err(NotKept::NotThis)?;
        let file = format!("{}.tar", RequestId::generate());
        part.rename(&self.directory.join(&file)).map_err(|error| self.unwritable(error))?;
        let directory = fs::File::open(&self.directory).and_then(|directory| directory.sync_all());
        directory.map_err(|error| self.unwritable(error))?;
        Ok(Received { file, size, digest })
    }

    async fn write<E: std::fmt::Display>(
        &self,
        part: &Part,
        limit: u64,
        pieces: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(u64, String), NotKept> {
        let failed = |error: io::Error| self.unwritable(error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed)?;
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part.path);
        let mut file = File::from_std(file.map_err(failed)?);
        let (mut size, mut look_at, mut digest) = (0_u64, 0, Sha256::new());
        pin_mut!(pieces);
        while let Some(piece) = timeout(IDLE, pieces.next()).await.map_err(|_| NotKept::Slow)? {
            let piece = piece.map_err(|error| NotKept::BrokeOff { size, why: error.to_string() })?;
            if size >= look_at {
                self.look_for_room().map_err(failed)?;
                look_at = size + LOOK_EVERY;
            }
            size += piece.len() as u64;
            if size > limit {
                return Err(NotKept::TooLarge(limit));
            }
            digest.update(&piece);
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        let digits: Vec<String> = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((size, digits.concat()))
    }

    /// Fails when an archive would take from the database what it needs.
    fn look_for_room(&self) -> io::Result<()> {
        let disk = rustix::fs::statvfs(&self.directory)?;
        let spare = SPARE.min(disk.f_blocks * disk.f_frsize / 8);
        let has_room = disk.f_bavail * disk.f_frsize >= spare + LOOK_EVERY.min(spare);
        if has_room { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    /// The archive of an image, to read; `None` = it is not there as it was written.
    pub async fn open(&self, image: &StoredImage) -> Option<File> {
        let file = File::open(self.directory.join(&image.file)).await.ok()?;
        let length = file.metadata().await.ok()?.len();
        (length == image.size).then_some(file)
    }

    /// Whether the archive of an image is there as it was written.
    pub fn has(&self, image: &StoredImage) -> bool {
        fs::metadata(self.directory.join(&image.file)).is_ok_and(|file| file.len() == image.size)
    }

    /// Removes a file that nothing names any more.
    pub fn remove(&self, file: &str) {
        if let Err(error) = fs::remove_file(self.directory.join(file))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("the archive {file} of an image could not be removed: {error}");
        }
    }

    fn unwritable(&self, why: io::Error) -> NotKept {
        let directory = self.directory.clone();
        match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => NotKept::Full(directory),
            _ => NotKept::Unwritable { directory, why },
        }
    }
}

/// A file that is not whole yet; gone when this is dropped before it has its name.
struct Part {
    path: PathBuf,
}

impl Part {
    const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Not there when it could not even be made.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use serde_json::json;

    use super::*;

    fn image() -> ImageName {
        "shop-web:1a2b3c4d5e6f".parse().unwrap()
    }

    /// The archive of an image, as far as names go.
    fn archive() -> Vec<u8> {
        let manifest = json!([{ "RepoTags": [image().reference()] }]).to_string();
        let mut header = tar::Header::new_gnu();
        header.set_size(manifest.len() as u64);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, "manifest.json", manifest.as_bytes()).unwrap();
        archive.into_inner().unwrap()
    }

    fn pieces(bytes: &[u8]) -> Vec<Result<Bytes, String>> {
        bytes.chunks(700).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
    }

    fn names(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory.join(DIRECTORY)).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn an_archive_is_kept_as_it_came_and_read_by_nobody_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let archives = Archives::new(directory.path());
        let bytes = archive();
        let received = archives.receive(&image(), 1 << 20, stream::iter(pieces(&bytes))).await.unwrap();
        let digest: Vec<String> = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((received.size, &received.digest), (bytes.len() as u64, &digest.concat()));
        let path = directory.path().join(DIRECTORY).join(&received.file);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let known = BTreeSet::from([received.file]);
        archives.sweep(&known).unwrap();
        assert_eq!(BTreeSet::from_iter(names(directory.path())), known);
        archives.sweep(&BTreeSet::new()).unwrap();
        assert_eq!(names(directory.path()), Vec::<String>::new());
    }

    #[tokio::test]
    async fn nothing_is_left_of_what_broke_off_was_too_large_or_is_something_else() {
        let directory = tempfile::tempdir().unwrap();
        let archives = Archives::new(directory.path());
        let mut half = pieces(&archive()[..1_000]);
        half.push(Err("the cable was cut".to_owned()));
        for (limit, pieces, words) in [
            (1 << 20, half, "broke off after 1000 bytes: the cable was cut"),
            (1_000, pieces(&archive()), "larger than 1000 bytes, which is the most (ORC_IMAGE_LIMIT)"),
            (1 << 20, pieces(b"something else"), "no archive as `docker save` makes it"),
        ] {
            let error =
                archives.receive(&image(), limit, stream::iter(pieces)).await.unwrap_err().to_string();
            assert!(error.contains(words), "{words:?} is not in {error:?}");
            assert_eq!(names(directory.path()), Vec::<String>::new(), "{words}");
        }
    }
}
