//! What hands connections on to a server: orc's ingress, Docker's own proxy, HAProxy; each in a process of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use orc::ingress::{Ingress, Limits, Options};
use orc::model::id::TaskId;
use orc::model::ingress::{Backend, Route, Table};
use orc::model::port::{Port, Protocol};
use orc::serve::descriptors;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::exchange;
use super::machine;

/// It hands on within so long, or something is broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this program does when it is started as a part of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// A server.
    Server,
    /// orc's ingress before the server at this port.
    Ingress(u16),
}

/// How a part is asked for on the command line: `server:PORT`, `ingress:PORT:PORT`.
impl std::str::FromStr for Play {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = text.split(':').collect();
        match words[..] {
            ["server", port] => Ok(Self { part: Part::Server, port: port.parse()? }),
            ["ingress", port, task] => Ok(Self { part: Part::Ingress(task.parse()?), port: port.parse()? }),
            _ => bail!("{text:?} is no part"),
        }
    }
}

/// A part, and the port at which it is played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Play {
    part: Part,
    port: u16,
}

impl Play {
    /// Plays it until the process is killed.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        descriptors::raise_limit();
        match self.part {
            // One thread, as the load has one: the machine is for what is between them.
            Part::Server => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(exchange::serve(self.port)),
            // As in `orc`.
            Part::Ingress(task) => tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?
                .block_on(hand_on(self.port, task)),
        }
    }
}

async fn hand_on(port: u16, task: u16) -> anyhow::Result<()> {
    let backend =
        Backend { task: TaskId::generate(), address: (Ipv4Addr::LOCALHOST, task).into(), local: true };
    let route = Route { service: "bench".parse()?, proxy_protocol: false, backends: vec![backend] };
    let port = Port { number: port, protocol: Protocol::Tcp };
    let (_table, tables) = watch::channel(Arc::new(Table::from([(port, route)])));
    let options = Options { addresses: vec![Ipv4Addr::LOCALHOST.into()], limits: Limits::default() };
    let tracker = TaskTracker::new();
    Ingress::start(tables, options, &CancellationToken::new(), &tracker);
    tracker.close();
    tracker.wait().await;
    Ok(())
}

/// A process that takes connections. Killed when it is dropped.
pub(crate) struct Forwarder {
    child: Child,
    /// Where it takes them.
    pub(crate) address: SocketAddr,
    _files: Option<TempDir>,
}

impl Forwarder {
    /// The server itself.
    pub(crate) async fn server() -> anyhow::Result<Self> {
        let port = free_port()?;
        Self::start(
            Command::new(std::env::current_exe()?).args(["--play", &format!("server:{port}")]),
            port,
            None,
        )
        .await
    }

    /// orc's.
    pub(crate) async fn ingress(server: &Self) -> anyhow::Result<Self> {
        let port = free_port()?;
        let play = format!("ingress:{port}:{}", server.address.port());
        Self::start(Command::new(std::env::current_exe()?).args(["--play", &play]), port, None).await
    }

    /// Docker's.
    pub(crate) async fn docker_proxy(server: &Self) -> anyhow::Result<Self> {
        let program = ["/usr/sbin", "/usr/bin", "/usr/libexec/docker", "/usr/local/bin"]
            .map(|folder| Path::new(folder).join("docker-proxy"))
            .into_iter()
            .find(|program| program.exists())
            .context("there is no docker-proxy on this machine: it comes with the Docker Engine")?;
        let port = free_port()?;
        let mut command = Command::new("sh");
        // It says on descriptor 3 whether it listens, and waits until it could.
        command.args(["-c", "exec \"$@\" 3>/dev/null", "sh"]).arg(program);
        command.args(["-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", &port.to_string()]);
        command.args(["-container-ip", "127.0.0.1", "-container-port", &server.address.port().to_string()]);
        Self::start(&mut command, port, None).await
    }

    /// HAProxy, with as many threads as the machine has cores, as it comes.
    pub(crate) async fn haproxy(server: &Self) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/haproxy.sh");
        let found = Command::new(&script).stderr(Stdio::inherit()).output().await?;
        ensure!(found.status.success(), "{} has no HAProxy", script.display());
        let program = String::from_utf8(found.stdout)?;
        let (port, cores) = (free_port()?, std::thread::available_parallelism()?);
        let files = TempDir::with_prefix_in("haproxy-", env!("CARGO_TARGET_TMPDIR"))?;
        let settings = files.path().join("haproxy.cfg");
        let text = format!(
            "global\n nbthread {cores}\n maxconn 4096\n\
             defaults\n mode tcp\n timeout connect 2s\n timeout client 1h\n timeout server 1h\n\
             listen port\n bind 127.0.0.1:{port}\n server task 127.0.0.1:{}\n",
            server.address.port()
        );
        std::fs::write(&settings, text)?;
        let mut command = Command::new(program.trim());
        command.arg("-db").arg("-f").arg(&settings);
        Self::start(&mut command, port, Some(files)).await
    }

    async fn start(command: &mut Command, port: u16, files: Option<TempDir>) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().context("it does not start")?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut forwarder = Self { child, address, _files: files };
        let begin = Instant::now();
        while exchange::fetch(address, 1).await.is_err() {
            let ended = forwarder.child.try_wait()?;
            ensure!(ended.is_none() && begin.elapsed() < PATIENCE, "it hands nothing on ({ended:?})");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(forwarder)
    }

    /// Seconds of CPU that it has had.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        machine::cpu_seconds(self.child.id().context("it has ended")?)
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
