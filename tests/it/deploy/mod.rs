//! `orc deploy` and `orc plan` on a real engine, as people type them beside their Compose files.

mod builds;
mod kept_word;
mod networks;
mod projects;
mod refusals;
mod stacks;
mod wired;

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::support::docker::BUSYBOX;
use crate::support::orc::TestOrc;
use crate::support::real_rig::docker_host;

/// A directory with a Compose file, and the manager that its project is for.
struct Place {
    directory: TempDir,
    project: String,
    port: u16,
}

/// What a command came to.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new(orc: &TestOrc) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), project: orc.name("shop"), port: orc.manager_port }
    }

    /// Where no manager is.
    fn alone() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), project: "shop".to_owned(), port: 1 }
    }

    /// What the Compose file says from now on.
    fn write(&self, text: &str) {
        fs::write(self.directory.path().join("compose.yaml"), text).unwrap();
    }

    /// The name of a service of the project.
    fn name(&self, service: &str) -> String {
        format!("{}-{service}", self.project)
    }

    /// A command on the project.
    fn command(&self, args: &[&str]) -> Command {
        let (name, rest) = args.split_first().unwrap();
        self.command_as_is(&[&[*name, "-p", &self.project], rest].concat())
    }

    fn command_as_is(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
        command.args(args).current_dir(self.directory.path());
        command.env_clear().env("ORC_MANAGER_HOST", "localhost").env("HOME", "/nonexistent");
        command.env("ORC_MANAGER_PORT", self.port.to_string()).kill_on_drop(true);
        // What builds is the `docker` of whoever deploys, and builds where they say.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("DOCKER_HOST", docker_host());
        command
    }

    async fn orc(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args)).await
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    }
}

impl Ended {
    async fn of(mut command: Command) -> Self {
        let output = command.output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    fn is(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    fn printed(&self, words: &str) -> &Self {
        assert!(self.stdout.contains(words), "{words:?} is not in {self:#?}");
        self
    }

    #[track_caller]
    fn told(&self, words: &str) -> &Self {
        assert!(self.stderr.contains(words), "{words:?} is not in {self:#?}");
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A service that runs until it is stopped, with these lines beside, and that counts after a second.
fn sleeper(lines: &str) -> String {
    format!(
        "{{image: '{BUSYBOX}', command: [sh, -c, \"trap 'exit 0' TERM; sleep 100000 & wait\"], \
         stop_grace_period: 1s{lines}}}"
    )
}
