//! A real `orc`: the release binary in a process of its own, with a data directory of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::http::Connection;

/// It is ready within so long, or something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A manager and a worker.
    AllInOne,
    /// A manager, with no worker anywhere.
    Manager,
}

/// A running orc. Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Host and port of its manager.
    pub(crate) address: String,
    /// From its start until it was ready.
    pub(crate) ready_after: Duration,
    directory: TempDir,
}

/// An empty directory on the disk of the project.
pub(crate) fn fresh_directory() -> anyhow::Result<TempDir> {
    Ok(TempDir::with_prefix_in("bench-", env!("CARGO_TARGET_TMPDIR"))?)
}

impl Server {
    /// Starts it and waits until `GET /readyz` is answered 200.
    pub(crate) async fn start(directory: TempDir, role: Role, docker_host: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
        if role == Role::Manager {
            command.arg("manager");
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ORC_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(directory.path())
            .env("DOCKER_HOST", docker_host)
            .env("ORC_DATA_DIR", directory.path().join("data"))
            .env("ORC_MANAGER_HOST", "127.0.0.1")
            .env("ORC_MANAGER_PORT", port.to_string())
            .env("ORC_WORKER_HOST", "127.0.0.1")
            .env("ORC_WORKER_PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log(&directory))?)
            .kill_on_drop(true);
        let begin = Instant::now();
        let child = command.spawn().context("orc does not start")?;
        let address = format!("127.0.0.1:{port}");
        let mut server = Self { child, address, ready_after: Duration::ZERO, directory };
        server.wait_until_ready(begin).await?;
        server.ready_after = begin.elapsed();
        Ok(server)
    }

    async fn wait_until_ready(&mut self, begin: Instant) -> anyhow::Result<()> {
        while !self.is_ready().await {
            if self.child.try_wait()?.is_some() || begin.elapsed() > PATIENCE {
                bail!(
                    "orc did not become ready. Its log:\n{}",
                    std::fs::read_to_string(log(&self.directory))?
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        let answer = async { Connection::open(&self.address).await?.get("/readyz").await?.expect(200) };
        answer.await.is_ok()
    }

    /// Kills it with SIGKILL, waits for its end, and hands over what it left.
    pub(crate) async fn kill(mut self) -> anyhow::Result<TempDir> {
        self.child.kill().await?;
        Ok(self.directory)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("orc has ended")
    }
}

fn log(directory: &TempDir) -> std::path::PathBuf {
    directory.path().join("orc.log")
}

/// The manager's database in what a server left.
pub(crate) fn database(directory: &Path) -> std::path::PathBuf {
    directory.join("data/manager.db")
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
