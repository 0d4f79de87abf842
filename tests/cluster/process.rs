//! The binary as a process on one of the machines.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::machines::Machines;

/// The binary under test.
const ORC: &str = env!("CARGO_BIN_EXE_orc");

/// Longer than a start takes on a busy machine.
const START: Duration = Duration::from_secs(20);

/// A role of orc on a machine. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// `orc ARGS` on a machine, with its data and output in that one's directory; waits until it says that it listens.
    pub(crate) async fn start(machines: &Machines, node: &str, args: &[&str]) -> Self {
        let dir = machines.dir(node);
        fs::create_dir_all(&dir).unwrap();
        let (stdout, stderr) = (dir.join("orc.out"), dir.join("orc.log"));
        let log = File::options().create(true).append(true).open(&stderr).unwrap();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", machines.netns(node))).arg(ORC).args(args);
        command.current_dir(&dir).env_clear().stdin(Stdio::null());
        command.env("DOCKER_HOST", format!("unix://{}", dir.join("docker.sock").display()));
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let child = command.stdout(File::create(&stdout).unwrap()).stderr(log).spawn().unwrap();
        let mut process = Self { child, stdout, stderr };
        process.begun().await;
        process
    }

    /// All of its first lines come at once.
    async fn begun(&mut self) {
        let deadline = Instant::now() + START;
        while !self.stdout().starts_with("Starting ") {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "orc ended with {ended:?}: {}", self.log());
            assert!(Instant::now() < deadline, "orc did not start within {START:?}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has printed on stdout.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// What it has printed on stderr.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and is waited for all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
