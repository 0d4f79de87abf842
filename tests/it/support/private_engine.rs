//! A Docker Engine that one test has for itself, so that it can be stopped, killed and started again.
//!
//! It runs in a network namespace of its own, where it has all ports and its own firewall; that takes root.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::StreamExt;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::docker::{BUSYBOX, RawDocker};
use super::patience::until;

/// The engine. It ends, with all its containers, when this is dropped.
pub(crate) struct PrivateEngine {
    dir: TempDir,
    dockerd: Option<Child>,
    /// What was stopped and must go on before anything can end.
    frozen: Vec<i32>,
}

impl PrivateEngine {
    /// Starts one and gives it the busybox image of the engine for tests.
    pub(crate) async fn start() -> Self {
        let mut engine = Self { dir: tempfile::tempdir().unwrap(), dockerd: None, frozen: Vec::new() };
        engine.start_dockerd().await;
        let image = RawDocker::of_tests().api.export_image(BUSYBOX).map(Result::unwrap);
        let image: Vec<_> = image.collect().await;
        let body = bollard::body_full(image.concat().into());
        let options = ImportImageOptionsBuilder::new().build();
        let raw = engine.docker();
        let mut loading = raw.api.import_image(options, body, None);
        while let Some(line) = loading.next().await {
            line.unwrap();
        }
        engine
    }

    /// The engine, as long as it answers.
    pub(crate) fn docker(&self) -> RawDocker {
        RawDocker::at(&self.host())
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts dockerd and waits until it answers.
    pub(crate) async fn start_dockerd(&mut self) {
        // Pid files that outlived their processes would keep it from starting. Its containerd dies with it, and
        // may stay in the table of processes when process 1 does not look after such.
        let _ = fs::remove_file(self.path("pid"));
        let containerd = self.path("exec/containerd/containerd.pid");
        if containerd.exists() {
            let pid = read_pid(&containerd);
            until("its containerd has ended", || std::future::ready(is_living(pid)), |living| !living).await;
            fs::remove_file(containerd).unwrap();
        }
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "ip link set lo up; exec dockerd \"$@\"", "sh"]);
        command.arg("--data-root").arg(self.path("data")).arg("--exec-root").arg(self.path("exec"));
        command.arg("--pidfile").arg(self.path("pid"));
        command.arg("--host").arg(self.host());
        command.stdin(Stdio::null()).stdout(File::create(self.path("stdout")).unwrap()).stderr(log);
        self.dockerd = Some(command.spawn().unwrap());
        let host = self.host();
        let look = async || match RawDocker::at_if_there(&host) {
            Some(docker) if docker.api.ping().await.is_ok() => Ok(()),
            _ => Err(fs::read_to_string(self.path("log")).unwrap()),
        };
        until("the private engine answers", look, Result::is_ok).await.unwrap();
    }

    /// `kill -9` of dockerd. Its containers live on until it is started again.
    pub(crate) fn kill_dockerd(&mut self) {
        let mut dockerd = self.dockerd.take().expect("it runs");
        dockerd.kill().unwrap();
        dockerd.wait().unwrap();
    }

    /// The process of dockerd.
    pub(crate) fn dockerd(&self) -> i32 {
        i32::try_from(self.dockerd.as_ref().expect("it runs").id()).unwrap()
    }

    /// The process of its containerd.
    pub(crate) fn containerd(&self) -> i32 {
        read_pid(&self.path("exec/containerd/containerd.pid"))
    }

    /// SIGSTOP.
    pub(crate) fn freeze(&mut self, process: i32) {
        self.frozen.push(process);
        signal(process, Signal::STOP);
    }

    /// SIGCONT of everything that was frozen.
    pub(crate) fn thaw(&mut self) {
        for process in self.frozen.drain(..) {
            signal(process, Signal::CONT);
        }
    }
}

/// The process of the shim that holds a container.
pub(crate) fn shim_of(container: &str) -> i32 {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: i32 = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let words: Vec<&str> = line.split('\0').collect();
        let is_shim = words.first()?.contains("containerd-shim");
        (is_shim && words.contains(&container)).then_some(pid)
    });
    let pids: Vec<i32> = processes.collect();
    assert_eq!(pids.len(), 1, "one shim holds {container}");
    pids[0]
}

/// Sends a signal to a process that is there.
pub(crate) fn signal(process: i32, signal: Signal) {
    kill_process(Pid::from_raw(process).unwrap(), signal).unwrap();
}

fn is_living(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn read_pid(file: &Path) -> i32 {
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.thaw();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.path("log")).unwrap_or_default());
        }
        if let Some(mut dockerd) = self.dockerd.take() {
            // Without containers it ends at once.
            let host = self.host();
            super::aside(async move {
                let Some(docker) = RawDocker::at_if_there(&host) else { return };
                for id in docker.list_all(&HashMap::new()).await {
                    docker.remove(&id).await;
                }
            });
            signal(i32::try_from(dockerd.id()).unwrap(), Signal::TERM);
            dockerd.wait().unwrap();
        }
        // The engine's network namespace is kept by a mount.
        let netns = self.path("exec/netns");
        for entry in fs::read_dir(netns).into_iter().flatten().flatten() {
            let _ = Command::new("umount").arg("--lazy").arg(entry.path()).status();
        }
    }
}
