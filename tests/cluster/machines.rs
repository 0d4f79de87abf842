//! The machines, as `scripts/cluster.sh` makes them: network namespaces with an engine in each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

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
        let subnet = self.dir("m").with_file_name("subnet");
        format!("{}.1", fs::read_to_string(subnet).unwrap().trim())
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

    /// `orc ARGS` on a node, with its data and output in that one's directory; waits until it says that it listens.
    pub(crate) async fn start(&self, node: &str, args: &[&str]) -> Process {
        let dir = self.dir(node);
        fs::create_dir_all(&dir).unwrap();
        let engine = format!("unix://{}", dir.join("docker.sock").display());
        let netns = format!("--net={}", self.netns(node));
        let command = [&["nsenter", &netns, ORC], args].concat();
        let mut process = Process::by("orc", &dir, &command, &[("DOCKER_HOST", &engine)]);
        process.spawn();
        // All of its first lines come at once.
        process.printed(1).await;
        process
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
