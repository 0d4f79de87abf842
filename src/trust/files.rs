//! Files that only their owner may read: written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::TrustError;

/// Replaces a file durably, mode 0600, in a directory that is made with mode 0700 if need be: after a crash there is
/// the old one or the new one.
pub fn write(path: &Path, contents: &str) -> Result<(), TrustError> {
    try_write(path, contents).map_err(|error| TrustError::file(path, error))
}

/// What a file holds; `None` when it is not there.
pub fn read(path: &Path) -> Result<Option<String>, TrustError> {
    match fs::read_to_string(path) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TrustError::file(path, error)),
    }
}

/// Puts a file in the place of another, durably.
pub fn put_in_place(path: &Path, of: &Path) -> Result<(), TrustError> {
    let sync_dir = || File::open(of.parent().unwrap_or(Path::new(".")))?.sync_all();
    fs::rename(path, of).and_then(|()| sync_dir()).map_err(|error| TrustError::file(of, error))
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<(), TrustError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TrustError::file(path, error)),
        _ => Ok(()),
    }
}

fn try_write(path: &Path, contents: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = dir.join(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(contents.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_its_owners_alone_and_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trust").join("key.pem");
        assert_eq!(read(&path).unwrap(), None);
        for contents in ["a long first one", "short"] {
            write(&path, contents).unwrap();
            assert_eq!(read(&path).unwrap().as_deref(), Some(contents));
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_written_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("trust"), "in the way").unwrap();
        let path = dir.path().join("trust").join("key.pem");
        assert!(write(&path, "").unwrap_err().to_string().starts_with(&path.display().to_string()));
    }
}
