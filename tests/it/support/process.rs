//! One process of the binary: started, killed, stopped, started again.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::patience::until;

/// The binary under test.
pub(crate) const ORC: &str = env!("CARGO_BIN_EXE_orc");

/// A process, or where one was. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    /// The program and its arguments.
    command: Vec<OsString>,
    envs: Vec<(String, String)>,
    /// Where it is started; what it prints is kept there too.
    dir: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// `orc ARGS` in `dir`, with nothing in its environment but `envs` and the path; not yet started. `name` is
    /// that of the files beside which its output is kept.
    pub(crate) fn new(name: &str, dir: &Path, args: &[&str], envs: &[(&str, &str)]) -> Self {
        Self::by(name, dir, &[&[ORC], args].concat(), envs)
    }

    /// The same by a command that becomes `orc ARGS`, so that what is asked of it reaches that.
    pub(crate) fn by(name: &str, dir: &Path, command: &[&str], envs: &[(&str, &str)]) -> Self {
        Self {
            command: command.iter().map(OsString::from).collect(),
            envs: envs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            dir: dir.to_owned(),
            stdout: dir.join(format!("{name}.stdout")),
            stderr: dir.join(format!("{name}.stderr")),
            child: None,
        }
    }

    /// Sets a variable for the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.envs.retain(|(known, _)| known != name);
        self.envs.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it. Its stdout begins anew, its stderr goes on.
    #[expect(clippy::disallowed_methods, reason = "the child gets this path and nothing else")]
    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).current_dir(&self.dir).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var("PATH").unwrap());
        command.envs(self.envs.iter().map(|(name, value)| (name, value)));
        command.stdout(File::create(&self.stdout).unwrap());
        command.stderr(OpenOptions::new().create(true).append(true).open(&self.stderr).unwrap());
        self.child = Some(command.spawn().unwrap());
    }

    /// Waits until it has printed so many lines on stdout, and gives them.
    pub(crate) async fn printed(&mut self, lines: usize) -> Vec<String> {
        let look = || {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            std::future::ready((ended, fs::read_to_string(&self.stdout).unwrap()))
        };
        let (ended, text) = until("orc prints its banner", look, |(ended, text)| {
            ended.is_some() || text.matches('\n').count() >= lines
        })
        .await;
        assert!(ended.is_none(), "orc ended with {ended:?}: {}", self.log());
        text.lines().map(str::to_owned).collect()
    }

    /// What it has printed on stdout.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// What it has printed on stderr in all of its lives.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Bytes of memory that it has in use.
    pub(crate) fn resident(&self) -> u64 {
        let child = self.child.as_ref().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Whether it was started and not waited for.
    pub(crate) fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// `kill -9`; it is gone when this returns.
    #[track_caller]
    pub(crate) fn kill9(&mut self) {
        assert!(self.is_started(), "it runs");
        assert_eq!(self.end(), None);
    }

    /// `kill -9` of a process that may be gone already; a sentence when it had ended by itself.
    fn end(&mut self) -> Option<String> {
        let mut child = self.child.take()?;
        // One that has ended cannot be killed, and says so below.
        let _ = child.kill();
        let status = child.wait().unwrap();
        let was_killed = status.signal() == Some(Signal::KILL.as_raw());
        (!was_killed).then(|| format!("orc had ended by itself, with {status}"))
    }

    /// SIGTERM and a wait where nothing can be awaited, if it runs; a sentence when it does not end as it should.
    pub(crate) fn terminate_now(&mut self) -> Option<String> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let child = self.child.as_mut()?;
        // One that has ended says so below.
        let _ = kill_process(Pid::from_child(child), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    self.end();
                    return Some(format!("orc did not end within {PATIENCE:?} of SIGTERM"));
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        self.child = None;
        (!status.success()).then(|| format!("orc ended with {status}"))
    }

    /// Ends it in whatever way: how it ends does not matter.
    pub(crate) fn forget(&mut self) {
        self.end();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let look = || std::future::ready(child.try_wait().unwrap());
        until("orc ends", look, Option::is_some).await.unwrap()
    }

    /// SIGTERM, and waits for its end.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Starts it and waits for its end: its exit code and what it printed on stderr.
    pub(crate) async fn run(&mut self) -> (Option<i32>, String) {
        self.spawn();
        let status = self.ended().await;
        (status.code(), self.log())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
