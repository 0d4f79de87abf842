//! A manager that other machines can reach, workers that join it, and clients of all kinds. None needs an engine.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use orc::client::{Client, ClientError};
use orc::model::id::NodeName;
use orc::trust::client::{Believed, config};
use orc::trust::{ApiToken, Identity};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::http::{Answer, ask};
use crate::support::patience::until;
use crate::support::ports::free_ports;
use crate::support::process::Process;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A manager on all addresses of this machine.
pub(super) struct House {
    pub(super) manager: Process,
    pub(super) port: u16,
    dir: TempDir,
}

impl House {
    pub(super) async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_ports(1);
        let envs = [("ORC_MANAGER_HOST", "0.0.0.0"), ("ORC_MANAGER_PORT", &port.to_string())];
        let manager = Process::new("manager", dir.path(), &["manager"], &envs);
        let mut house = Self { manager, port, dir };
        house.start().await;
        house
    }

    /// Starts the manager and waits until it is ready; what it printed.
    pub(super) async fn start(&mut self) -> Vec<String> {
        self.manager.spawn();
        let printed = self.manager.printed(1).await;
        let port = self.port;
        let look = || ask(port, "GET", "/readyz", &[], "");
        until("the manager is ready", look, |answer| {
            answer.as_ref().is_ok_and(|answer| answer.status == 200)
        })
        .await
        .unwrap();
        printed
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The URL by TLS.
    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Asks over loopback, in plain HTTP and without a token.
    pub(super) async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        ask(self.port, method, path, &[("content-type", "application/json")], body).await.unwrap()
    }

    /// What the API makes of a wish for a token.
    pub(super) async fn token(&self, wish: Value) -> Value {
        let answer = self.ask("POST", "/tokens", &wish).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// A line to join with, good for one worker.
    pub(super) async fn join_line(&self) -> String {
        let secret = self.token(json!({ "Role": "join" })).await["Secret"].as_str().unwrap().to_owned();
        format!("{secret}@127.0.0.1:{}", self.port)
    }

    /// A client by TLS that believes this manager.
    pub(super) fn client(&self, identity: Option<&Identity>) -> Client {
        let pem = std::fs::read_to_string(self.data_dir().join("trust").join("ca.pem")).unwrap();
        let authority = orc::trust::certificate::from_pem(&pem).unwrap();
        let shown =
            identity.map(|identity| watch::Sender::new(identity.certified_key().unwrap()).subscribe());
        let tls = config(Believed::Authority(authority), shown).unwrap();
        Client::new(&self.url()).unwrap().believing(tls)
    }

    /// The administrator's token.
    pub(super) fn admin_token(&self) -> ApiToken {
        let path = self.data_dir().join("trust").join("admin-token");
        std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }

    /// A worker of this name that has joined.
    pub(super) async fn joined(&self, name: &str) -> Worker {
        let mut worker = Worker::joining(name, &self.join_line().await);
        worker.process.spawn();
        worker.process.printed(1).await;
        self.until_ready(name).await;
        worker
    }

    /// Waits until the manager hears of a node; how it is.
    pub(super) async fn until_ready(&self, name: &str) -> Value {
        let nodes = || async { self.ask("GET", "/nodes", &Value::Null).await.json() };
        let find = |nodes: &Value| {
            nodes
                .as_array()
                .unwrap()
                .iter()
                .find(|node| node["Name"] == name && node["State"] != "unreachable")
                .cloned()
        };
        find(&until("the node is heard of", nodes, |nodes| find(nodes).is_some()).await).unwrap()
    }

    /// The names of all nodes.
    pub(super) async fn nodes(&self) -> Vec<String> {
        let nodes = self.ask("GET", "/nodes", &Value::Null).await.json();
        nodes.as_array().unwrap().iter().map(|node| node["Name"].as_str().unwrap().to_owned()).collect()
    }
}

/// A worker in a process of its own, without an engine.
pub(super) struct Worker {
    pub(super) process: Process,
    pub(super) port: u16,
    dir: Arc<TempDir>,
}

impl Worker {
    pub(super) fn new(args: &[&str]) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let port = free_ports(1);
        let process = Self::process(&dir, port, args);
        Self { process, port, dir }
    }

    /// One that is to join with this line under this name, not yet started.
    pub(super) fn joining(name: &str, line: &str) -> Self {
        Self::new(&["worker", "--join", line, "--name", name])
    }

    /// Another process of the same worker.
    pub(super) fn again(&self, args: &[&str]) -> Self {
        Self { process: Self::process(&self.dir, self.port, args), port: self.port, dir: self.dir.clone() }
    }

    fn process(dir: &TempDir, port: u16, args: &[&str]) -> Process {
        let no_engine = format!("unix://{}", dir.path().join("no-engine.sock").display());
        let port = port.to_string();
        Process::new("worker", dir.path(), args, &[("ORC_WORKER_PORT", &port), ("DOCKER_HOST", &no_engine)])
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What it keeps of its membership.
    pub(super) fn identity(&self) -> Identity {
        Identity::open(&self.data_dir()).unwrap().unwrap()
    }

    /// Runs it to its end, which is to be a refusal with these words.
    pub(super) async fn assert_refused(&mut self, words: &[&str]) {
        let (code, stderr) = self.process.run().await;
        assert_eq!(code, Some(1), "{stderr}");
        for word in words {
            assert!(stderr.contains(word), "{word:?} is not in {stderr}");
        }
    }
}

/// An address of this machine that is not loopback.
pub(super) fn own_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).expect("this test takes a machine with a way to others");
    socket.local_addr().unwrap().ip()
}

/// The status and the sentence of a refusal.
#[track_caller]
pub(super) fn refusal(result: Result<Value, ClientError>) -> (u16, String) {
    match result {
        Err(ClientError::Refused { status, message }) => (status, message),
        other => panic!("a refusal is wanted: {other:?}"),
    }
}

/// A node's name.
pub(super) fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}
