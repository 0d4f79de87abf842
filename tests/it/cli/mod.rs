//! The binary as people run it, against a manager that says what the test wants.

mod following;
mod listing;
mod running;
mod stand_in;
mod stopping;
mod typing;
mod usage;

use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use self::stand_in::StandIn;

/// What a command came to.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// `orc` in a directory and an environment of its own, with nobody at its terminal.
struct Orc {
    directory: TempDir,
    manager: Option<String>,
}

impl Orc {
    /// Told nothing about a manager.
    fn alone() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), manager: None }
    }

    /// Told by a flag where the manager is.
    fn of(manager: &StandIn) -> Self {
        Self { manager: Some(manager.url.clone()), ..Self::alone() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
        let (name, rest) = args.split_first().unwrap();
        command.arg(name);
        if let Some(url) = &self.manager {
            command.args(["--manager", url]);
        }
        command.args(rest).env_clear().current_dir(self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    async fn run(&self, args: &[&str]) -> Ended {
        self.command(args).output().await.unwrap().into()
    }
}

async fn end_of(child: Child) -> Ended {
    child.wait_with_output().await.unwrap().into()
}
