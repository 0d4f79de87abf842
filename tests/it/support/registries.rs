//! Two registries on loopback, one open and one with a login, for as long as a test holds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Registries of one test; stopped when this is dropped.
pub(crate) struct Registries {
    directory: TempDir,
    /// Host and port of the one that anybody may use.
    pub(crate) open: String,
    /// Host and port of the one that wants a login.
    pub(crate) login: String,
    /// Who may use that one.
    pub(crate) user: String,
    /// And how.
    pub(crate) password: String,
}

impl Registries {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = script("up", &directory.path().join("registries"));
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("scripts/registry.sh did not say {key}: {text}")).to_owned()
        };
        Self {
            open: value("ORC_TEST_REGISTRY"),
            login: value("ORC_TEST_REGISTRY_LOGIN"),
            user: value("ORC_TEST_REGISTRY_USER"),
            password: value("ORC_TEST_REGISTRY_PASSWORD"),
            directory,
        }
    }

    /// A Docker client's directory in which this user has logged in.
    pub(crate) fn config_dir(&self) -> PathBuf {
        let directory = self.directory.path().join("docker");
        std::fs::create_dir_all(&directory).unwrap();
        let account = serde_json::json!({ "username": self.user, "password": self.password });
        let config = serde_json::json!({ "auths": { self.login.as_str(): account } });
        std::fs::write(directory.join("config.json"), config.to_string()).unwrap();
        directory
    }
}

impl Drop for Registries {
    fn drop(&mut self) {
        script("down", &self.directory.path().join("registries"));
    }
}

/// What `scripts/registry.sh` prints.
fn script(verb: &str, directory: &Path) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/registry.sh");
    let output = Command::new(script).arg(verb).arg(directory).output().unwrap();
    assert!(
        output.status.success(),
        "scripts/registry.sh {verb}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
