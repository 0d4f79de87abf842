//! A directory in memory that nobody but this worker enters: what is in it is on no disk, and gone with the power.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FsWord, statfs};
use rustix::process::{getegid, geteuid};

use crate::model::container::Failure;
use crate::model::managed_file::{Contents, FileRef};

/// Numbers files that are not whole yet.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What the kernel calls file systems in memory: tmpfs and ramfs.
const IN_MEMORY: [FsWord; 2] = [0x0102_1994, 0x8584_58f6];

/// Where such directories are, in the order of preference, when nobody said.
fn usual_places() -> [PathBuf; 2] {
    ["/run/orc".into(), format!("/dev/shm/orc-{}", geteuid().as_raw()).into()]
}

/// The directory: the one that was said, else the first of the usual ones that is in memory. It is made with mode 0700, and
/// refused where it is another's, or where others may enter it.
pub(super) fn open(said: Option<&Path>) -> Result<PathBuf, Failure> {
    make(&place(said)?)
}

/// The same, where it is there already.
pub(super) fn find(said: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let place = place(said)?;
    if place.exists() { make(&place).map(Some) } else { Ok(None) }
}

fn place(said: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(said) = said {
        return if is_in_memory(said) { Ok(said.to_owned()) } else { Err(on_disk(said)) };
    }
    let places = usual_places();
    let may_be = |place: &&PathBuf| place.exists() || place.parent().is_some_and(is_writable);
    let fit = places.iter().filter(|place| is_in_memory(place)).find(may_be);
    fit.cloned().ok_or_else(|| {
        Failure::Refused(format!(
            "neither {} nor {} is in memory and this user's to use, and secrets are on no disk: name a directory on a tmpfs \
             with ORC_SECRETS_DIR",
            places[0].display(),
            places[1].display()
        ))
    })
}

fn on_disk(said: &Path) -> Failure {
    Failure::Refused(format!(
        "ORC_SECRETS_DIR is {}, which is not in memory, and secrets are on no disk: name a directory on a tmpfs, such as one \
         under /run",
        said.display()
    ))
}

fn is_writable(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Whether a path, or what there is of it, is in memory.
fn is_in_memory(path: &Path) -> bool {
    let known = path.ancestors().find_map(|ancestor| statfs(ancestor).ok());
    known.is_some_and(|known| IN_MEMORY.contains(&known.f_type))
}

/// A path without links in it, as the engine wants it.
fn make(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: io::Error| Failure::Refused(format!("{} cannot be used: {error}", path.display()));
    directory(path).map_err(failed)?;
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    let is_own = metadata.is_dir() && metadata.uid() == geteuid().as_raw();
    if !is_own || metadata.mode() & 0o077 != 0 {
        return Err(Failure::Refused(format!(
            "{} is not a directory of this user's that nobody else may enter, as the place of secrets has to be: remove it, \
             or name another with ORC_SECRETS_DIR",
            path.display()
        )));
    }
    path.canonicalize().map_err(failed)
}

/// Makes a directory and those above it, mode 0700, where they are not there.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file for this worker alone, whole or not at all.
pub(super) fn keep(path: &Path, contents: &Contents) -> io::Result<()> {
    // Two tasks may want the same at the same time.
    let new = path.with_file_name(format!("new.{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    create(&new, contents)?;
    fs::rename(&new, path)
}

/// Writes a file for a container, with the owner and the mode that it asks for.
pub(super) fn hand_out(path: &Path, contents: &Contents, wanted: &FileRef) -> io::Result<()> {
    let file = create(path, contents)?;
    let own = (geteuid().as_raw(), getegid().as_raw());
    // Who is not root can give files to nobody. What nobody asked for, the mode lets everybody read.
    let wants = (wanted.uid, wanted.gid);
    let is_asked_for = wants != (0, 0) && wants != own;
    if geteuid().is_root() || is_asked_for {
        fchown(&file, Some(wanted.uid), Some(wanted.gid))?;
    }
    file.set_permissions(Permissions::from_mode(wanted.mode))
}

fn create(path: &Path, contents: &Contents) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents.expose())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(said: &Path) -> String {
        open(Some(said)).unwrap_err().to_string()
    }

    #[test]
    fn a_directory_in_memory_is_made_for_its_owner_alone() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let place = memory.path().join("a/b");
        assert_eq!(open(Some(&place)).unwrap(), place);
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&place, Permissions::from_mode(0o750)).unwrap();
        assert!(refusal(&place).contains("nobody else may enter"));
        let link = memory.path().join("link");
        std::os::unix::fs::symlink(&place, &link).unwrap();
        assert!(refusal(&link).contains("nobody else may enter"));
    }

    #[test]
    fn a_directory_on_a_disk_is_refused_in_words() {
        let disk = Path::new("/proc/self/orc");
        assert!(refusal(disk).contains("not in memory"), "{}", refusal(disk));
    }

    #[test]
    fn a_file_has_the_mode_that_its_task_asks_for() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = memory.path().join("file");
        let json = r#"{"Name":"db","Target":"/x","Mode":256}"#;
        let wanted: FileRef = serde_json::from_str(json).unwrap();
        for contents in ["long before", "after"] {
            hand_out(&path, &Contents::from(contents.as_bytes().to_vec()), &wanted).unwrap();
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
        assert_eq!(fs::metadata(&path).unwrap().len(), 5);
    }
}
