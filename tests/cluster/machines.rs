//! The machines, as `scripts/cluster.sh` makes them: network namespaces with an engine in each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::Pid;

use crate::process::{ORC, Process};

/// What the namespaces are called begins so: `make cluster` may be there as well.
const NAME: &str = "orc-test";

/// All of them. They are gone when this is dropped.
pub(crate) struct Machines {
    project: PathBuf,
    /// Held as long as they are there, so that tests take turns.
    _turn: File,
}

impl Machines {
    /// Waits until nobody else has them.
    pub(crate) fn take() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
        fs::create_dir_all(project.join(".run")).unwrap();
        let turn = File::create(project.join(".run").join(format!("{NAME}.lock"))).unwrap();
        turn.lock().unwrap();
        let machines = Self { project, _turn: turn };
        // What a test that was killed left behind.
        machines.call(&["down"]);
        machines
    }

    /// Starts the engines that do not run; the manager's address.
    pub(crate) fn up(&self) -> String {
        self.call(&["up"]);
        self.address("m")
    }

    /// Where a node keeps all that is its own.
    pub(crate) fn dir(&self, node: &str) -> PathBuf {
        self.project.join(".run").join(NAME).join(node)
    }

    /// The file of a node's network namespace.
    #[expect(clippy::unused_self, reason = "they are there only while somebody has them")]
    fn netns(&self, node: &str) -> String {
        format!("/run/netns/{NAME}-{node}")
    }

    /// A node's address.
    pub(crate) fn address(&self, node: &str) -> String {
        let subnet = fs::read_to_string(self.dir("m").with_file_name("subnet")).unwrap();
        let last = node.strip_prefix('n').map_or(1, |number| 10 + number.parse::<u8>().unwrap());
        format!("{}.{last}", subnet.trim())
    }

    /// Runs a command of plain words in the network of a node; what it printed.
    pub(crate) fn within(&self, node: &str, command: &str) -> String {
        let netns = format!("--net={}", self.netns(node));
        let output = Command::new("nsenter").arg(netns).args(command.split(' ')).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The process of a node that is called so: its `orc`, `containerd` or `dockerd`.
    pub(crate) fn process(&self, node: &str, name: &str) -> Pid {
        let dir = self.dir(node);
        let is_it = |proc: &Path| {
            let read = |file| fs::read(proc.join(file)).unwrap_or_default();
            let command_line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let is_there = fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd == dir);
            let begins = command_line.split(' ').next().unwrap_or_default();
            Path::new(begins).file_name().is_some_and(|file| file == name)
                && (is_there || command_line.contains(&format!("{}/", dir.display())))
        };
        let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let found: Vec<_> = all.filter(|proc| is_it(proc)).collect();
        assert_eq!(found.len(), 1, "{name} on {node}: {found:?}");
        let number = found[0].file_name().unwrap().to_str().unwrap().parse().unwrap();
        Pid::from_raw(number).unwrap()
    }

    /// `orc ARGS` on a node, with its data and output in that one's directory; waits until it says that it listens.
    pub(crate) async fn start(&self, node: &str, args: &[&str]) -> Process {
        self.start_in(node, &self.dir(node), args).await
    }

    /// The same with its data and output elsewhere.
    pub(crate) async fn start_in(&self, node: &str, dir: &Path, args: &[&str]) -> Process {
        fs::create_dir_all(dir).unwrap();
        let engine = format!("unix://{}", self.dir(node).join("docker.sock").display());
        let netns = format!("--net={}", self.netns(node));
        let command = [&["nsenter", &netns, ORC], args].concat();
        let mut process = Process::by("orc", dir, &command, &[("DOCKER_HOST", &engine)]);
        process.spawn();
        // All of its first lines come at once.
        process.printed(1).await;
        process
    }

    /// `orc ARGS` on the manager's machine, by somebody whose logins are in this file.
    pub(crate) async fn command(&self, logins: &Path, args: &[&str]) -> Output {
        let netns = format!("--net={}", self.netns("m"));
        let mut command = tokio::process::Command::new("nsenter");
        command.arg(netns).arg(ORC).args(args).env_clear().env("ORC_CONFIG", logins).kill_on_drop(true);
        // Of `docker`, which builds on the engine of this machine itself.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.output().await.unwrap()
    }

    /// Calls scripts/cluster.sh, which says in a sentence where this machine cannot have such machines.
    pub(crate) fn call(&self, args: &[&str]) {
        self.try_call(args).unwrap_or_else(|words| panic!("{words}"));
    }

    fn try_call(&self, args: &[&str]) -> Result<(), String> {
        let script = self.project.join("scripts/cluster.sh");
        let output = Command::new(script).args(args).env("ORC_CLUSTER", NAME).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let failed = || format!("scripts/cluster.sh {} failed: {words}", args.join(" "));
        output.status.success().then_some(()).ok_or_else(failed)
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        let down = self.try_call(&["down"]);
        // A second panic would hide the first.
        assert!(down.is_ok() || std::thread::panicking(), "{down:?}");
    }
}
