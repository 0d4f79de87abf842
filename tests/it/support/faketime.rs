//! A clock on the wall that a test sets while a process runs by it. Its other clocks go on as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A clock for one process or several.
pub(crate) struct WallClock {
    file: PathBuf,
    library: String,
    _dir: TempDir,
}

impl WallClock {
    /// One that shows the right time.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Self { file: dir.path().join("clock"), library: library(), _dir: dir };
        clock.set("+0");
        clock
    }

    /// Sets it, as libfaketime takes it: `+1y`, `-3d`, or a time such as `@1970-01-02 00:00:00` from which it goes on.
    pub(crate) fn set(&self, to: &str) {
        // At once: half a file would be half a time.
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{to}\n")).unwrap();
        fs::rename(next, &self.file).unwrap();
    }

    /// The environment of a process that goes by it.
    pub(crate) fn envs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// The library that is preloaded.
fn library() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join("faketime.sh");
    let output = Command::new(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
