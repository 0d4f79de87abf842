//! Three machines with engines and workers, and a manager on a fourth.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use orc::client::{Client, ClientError};
use orc::trust::certificate::from_pem;
use orc::trust::client::{Believed, config};
use orc::trust::{ApiToken, Digest};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::engines::{Engines, Seen};
use crate::fault::Fault;
use crate::links::Flaw;
use crate::machines::Machines;
use crate::process::Process;

/// The machines with engines.
pub(crate) const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// Where the manager is.
pub(crate) const MANAGER: &str = "m";

/// An answer of the manager, and a start of a container, take no longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// By then a worker that is back has looked around, and done what it had to.
const SETTLED: Duration = Duration::from_secs(3);

/// The cluster. It is alone on this machine, and ends when this is dropped.
pub(crate) struct Cluster {
    manager: Process,
    workers: BTreeMap<&'static str, Process>,
    client: Client,
    pub(crate) engines: Engines,
    /// The last to go: the processes above are on them.
    machines: Machines,
}

impl Cluster {
    /// Starts all of it, and waits until all nodes are ready.
    pub(crate) async fn start() -> Self {
        let machines = Machines::take();
        let address = machines.up();
        let manager = ["manager", "--manager-host", &address];
        let manager = machines.start(MANAGER, &manager).await;
        let client = administrator(&machines.dir(MANAGER), &address);
        let engines = Engines::new(NODES.map(|node| machines.dir(node).join("docker.sock")));
        let mut cluster = Self { manager, workers: BTreeMap::new(), client, engines, machines };
        for node in NODES {
            let line = cluster.join_line(node).await;
            cluster.start_worker(node, &["--join", &line]).await;
        }
        cluster.until_ready(&NODES).await;
        cluster
    }

    /// What the manager printed for the first worker, and what it prints for others when it is asked.
    async fn join_line(&self, node: &str) -> String {
        let printed = if node == NODES[0] {
            self.manager.stdout()
        } else {
            let made: Value =
                self.client.post("/tokens", &json!({ "Role": "join" }), PATIENCE).await.unwrap();
            made["Command"].as_str().unwrap().to_owned()
        };
        let (_, rest) = printed.split_once("orc worker --join ").expect("a line to join with");
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// Starts the worker of a node.
    pub(crate) async fn start_worker(&mut self, node: &'static str, args: &[&str]) {
        let args = [&["worker", "--name", node][..], args].concat();
        let worker = self.machines.start(node, &args).await;
        self.workers.insert(node, worker);
    }

    /// Starts a copy of a node's worker, with all that it keeps, on the machine of another.
    pub(crate) async fn start_copy(&self, node: &str, elsewhere: &str) -> Process {
        let dir = self.machines.dir(elsewhere).join("copy");
        fs::create_dir_all(&dir).unwrap();
        let source = self.machines.dir(node).join("data");
        let copied = Command::new("cp").arg("-a").args([&source, &dir]).status().unwrap();
        assert!(copied.success(), "{} is copied", source.display());
        self.machines.start_in(elsewhere, &dir, &["worker", "--worker-port", "8889"]).await
    }

    /// `kill -9` of a node's worker, which is started again at once.
    pub(crate) async fn restart_worker(&mut self, node: &'static str) -> Fault {
        self.workers.remove(node).expect("its worker runs").kill9();
        let fault = Fault::now();
        self.start_worker(node, &[]).await;
        fault
    }

    /// Ends the worker of a node, and starts it with other arguments.
    pub(crate) async fn replace_worker(&mut self, node: &'static str, args: &[&str]) {
        self.workers.remove(node).expect("its worker runs").kill9();
        self.start_worker(node, args).await;
    }

    /// Where the manager is, and where it will be once it has moved.
    pub(crate) fn manager_addresses(&self) -> (String, String) {
        let here = self.machines.address(MANAGER);
        let subnet = here.rsplit_once('.').expect("an address of IPv4").0.to_owned();
        (here, format!("{subnet}.2"))
    }

    /// `kill -9` of the manager, which is started again at another address; at the former one there is nobody.
    pub(crate) async fn move_manager(&mut self) {
        let (from, to) = self.manager_addresses();
        self.manager.kill9();
        // In this order: with its first address, a cable loses the others of the same network.
        self.machines.within(MANAGER, &format!("ip address del {from}/24 dev br0"));
        self.machines.within(MANAGER, &format!("ip address add {to}/24 dev br0"));
        self.manager = self.machines.start(MANAGER, &["manager", "--manager-host", &to]).await;
        self.client = administrator(&self.machines.dir(MANAGER), &to);
    }

    /// `kill -9` of the manager, which is started again at once.
    pub(crate) async fn restart_manager(&mut self) {
        self.manager.kill9();
        let address = self.machines.address(MANAGER);
        self.manager = self.machines.start(MANAGER, &["manager", "--manager-host", &address]).await;
    }

    /// Makes a service, or changes it from this version; the version that it has then.
    pub(crate) async fn put(&self, name: &str, from: Option<u64>, service: &Value) -> u64 {
        let client = from.map_or_else(|| self.client.clone(), |version| self.client.matching(version));
        let path = format!("/services/{name}");
        let put: Value = client.send("PUT".parse().unwrap(), &path, service, PATIENCE).await.unwrap();
        put["Version"].as_u64().unwrap()
    }

    /// Removes a service, and waits until it is gone.
    pub(crate) async fn remove_service(&self, name: &str) {
        self.client.delete(&format!("/services/{name}"), PATIENCE).await.unwrap();
        let look = async || self.get("/services").await.to_string();
        let gone = |services: &String| !services.contains(&format!("\"Name\":\"{name}\""));
        Fault::now().within(2 * PATIENCE, "the service is gone", look, gone).await;
    }

    /// Says how a service's rollout goes on.
    pub(crate) async fn steer(&self, name: &str, action: &str) {
        let path = format!("/services/{name}/rollout");
        let _: Value = self.client.post(&path, &json!({ "Action": action }), PATIENCE).await.unwrap();
    }

    /// Where a node listens on a port.
    pub(crate) fn port_of(&self, node: &str, port: u16) -> SocketAddr {
        (self.machines.address(node).parse::<IpAddr>().unwrap(), port).into()
    }

    /// Asks for a node to be taken out.
    pub(crate) async fn remove(&self, node: &str) -> Result<(), ClientError> {
        self.client.delete(&format!("/nodes/{node}"), PATIENCE).await
    }

    /// `orc ARGS` as an administrator types it who has logged in.
    pub(crate) async fn command(&self, args: &[&str]) -> Output {
        let dir = self.machines.dir(MANAGER);
        let trust = dir.join("data/trust");
        let authority = from_pem(&fs::read_to_string(trust.join("ca.pem")).unwrap()).unwrap();
        let (pin, token) = (Digest::of(&authority).to_string(), trust.join("admin-token"));
        let logins = dir.join("config.json");
        let login = ["login", self.client.base(), "--pin", &pin, "--token-file", token.to_str().unwrap()];
        let logged_in = self.machines.command(&logins, &login).await;
        assert!(logged_in.status.success(), "{logged_in:?}");
        self.machines.command(&logins, args).await
    }

    /// Waits until these nodes are ready, with engines that have answered.
    pub(crate) async fn until_ready(&self, nodes: &[&str]) {
        let is_ready = |node: &&Value| node["State"] == "ready" && node["Engine"] != "";
        let ready = |seen: &Value| seen.as_array().unwrap().iter().filter(is_ready).count() >= nodes.len();
        Fault::now()
            .within(2 * PATIENCE, "the nodes are ready", async || self.get("/nodes").await, ready)
            .await;
    }

    /// What the manager answers.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.client.get(path, PATIENCE).await.unwrap()
    }

    /// What the manager answers when it is asked to do something.
    pub(crate) async fn post(&self, path: &str) -> Value {
        self.client.post(path, &Value::Null, PATIENCE).await.unwrap()
    }

    /// Says whether a node takes tasks.
    pub(crate) async fn set_availability(&self, node: &str, word: &str) {
        let wanted = json!({ "Availability": word });
        let path = format!("/nodes/{node}");
        let _: Value = self.client.send("PATCH".parse().unwrap(), &path, &wanted, PATIENCE).await.unwrap();
    }

    /// A node's state.
    pub(crate) async fn state_of(&self, node: &str) -> String {
        let nodes = self.get("/nodes").await;
        let found = nodes.as_array().unwrap().iter().find(|known| known["Name"] == node);
        found.unwrap()["State"].as_str().unwrap().to_owned()
    }

    /// Runs a task, with what `more` says of it, and waits until it runs, and the manager knows that; its ID and its node.
    pub(crate) async fn run(&self, name: &str, more: Value) -> (String, &'static str) {
        let mut task = json!({
            "Name": name, "Image": "orc-test/busybox:latest",
            "Cmd": ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"],
        });
        task.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        let event: Value = self.client.post("/tasks", &json!({ "Task": task }), PATIENCE).await.unwrap();
        let id = event["Task"]["ID"].as_str().unwrap().to_owned();
        let look = async || self.engines.look().await;
        let seen = Fault::now()
            .within(PATIENCE, "the task runs", look, |seen: &Seen| !seen.places(&id).is_empty())
            .await;
        // The engine knows first: what is done next may need a manager that knows it, too.
        let task = async || self.get(&format!("/tasks/{id}")).await;
        Fault::now().within(PATIENCE, "the manager knows", task, |task: &Value| task["State"] == 2).await;
        (id.clone(), seen.places(&id)[0])
    }

    /// Stops a task, and waits until it has no container any more.
    pub(crate) async fn stop(&self, task: &str) {
        self.client.delete(&format!("/tasks/{task}"), PATIENCE).await.unwrap();
        let look = async || self.engines.look().await;
        Fault::now().within(PATIENCE, "it has ended", look, |seen: &Seen| seen.places(task).is_empty()).await;
    }

    /// What a task writes from now on, as whoever follows it reads it.
    pub(crate) async fn follow(
        &self,
        task: &str,
    ) -> impl Stream<Item = Result<Bytes, ClientError>> + Send + Unpin + use<> {
        let path = format!("/tasks/{task}/logs?follow=true&tail=1");
        Box::pin(self.client.stream(&path, PATIENCE).await.unwrap())
    }

    /// What a task has written.
    pub(crate) async fn logs(&self, task: &str) -> String {
        let written = self.client.stream(&format!("/tasks/{task}/logs"), PATIENCE).await.unwrap();
        let pieces: Vec<Bytes> = written.map(|piece| piece.unwrap()).collect().await;
        String::from_utf8(pieces.concat()).unwrap()
    }

    /// Makes a secret of what this is in Base64.
    pub(crate) async fn make_secret(&self, name: &str, data: &str) {
        let secret = json!({ "Name": name, "Data": data });
        let _: Value = self.client.post("/secrets", &secret, PATIENCE).await.unwrap();
    }

    /// How often a node was lost, as the manager wrote it down.
    pub(crate) async fn losses(&self, node: &str) -> usize {
        let history = self.client.stream("/events?tail=1000&follow=false", PATIENCE).await.unwrap();
        let pieces: Vec<Bytes> = history.map(|piece| piece.unwrap()).collect().await;
        let text = String::from_utf8(pieces.concat()).unwrap();
        let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
        let events = events.map(|data| serde_json::from_str(data).unwrap());
        events.filter(|event: &Value| event["Kind"] == "node-lost" && event["Node"] == node).count()
    }

    /// What happened to a task, a word for each event.
    pub(crate) async fn kinds(&self, task: &str) -> Vec<String> {
        let events = self.get(&format!("/tasks/{task}/events")).await;
        let kind = |event: &Value| event["Kind"].as_str().unwrap().to_owned();
        events.as_array().unwrap().iter().map(kind).collect()
    }

    /// How often a task was moved.
    pub(crate) async fn moves(&self, task: &str) -> usize {
        self.kinds(task).await.iter().filter(|kind| *kind == "moved").count()
    }

    /// Waits until a task has one live container, on the node where the manager says that it is, and looks whether it
    /// stays so; that node.
    pub(crate) async fn until_one_is_left(&self, task: &str, since: Fault) -> &'static str {
        let look = async || {
            let said = self.get(&format!("/tasks/{task}")).await;
            (self.engines.look().await, said["Node"].as_str().unwrap().to_owned(), said["State"].clone())
        };
        let one = |(seen, node, state): &(Seen, String, Value)| {
            seen.silent.is_empty() && seen.places(task) == [node.as_str()] && *state == 2
        };
        let (seen, ..) = since.within(PATIENCE, "one container is left", look, one).await;
        let place = seen.places(task)[0];
        let check = |seen: Seen| assert_eq!(seen.places(task), [place], "it stays so");
        self.engines.watch(tokio::time::sleep(SETTLED), check).await;
        place
    }

    /// Pulls the cable of a node.
    pub(crate) fn cut(&self, node: &str) -> Fault {
        self.machines.call(&["cut", node]);
        Fault::now()
    }

    /// Plugs it in again.
    pub(crate) fn heal(&self, node: &str) -> Fault {
        self.machines.call(&["heal", node]);
        Fault::now()
    }

    /// Spoils the cable of a node.
    pub(crate) fn spoil(&self, node: &str, flaw: Flaw) -> Fault {
        flaw.plant(&self.machines, node);
        Fault::now()
    }

    /// Takes away what is wrong with it.
    pub(crate) fn mend(&self, node: &str, flaw: Flaw) -> Fault {
        flaw.mend(&self.machines, node);
        Fault::now()
    }

    /// SIGSTOP or the like of a process of a node's engine: `containerd` or `dockerd`.
    pub(crate) fn signal_engine(&self, node: &str, process: &str, signal: Signal) -> Fault {
        kill_process(self.machines.process(node, process), signal).unwrap();
        Fault::now()
    }

    /// Files and sockets that the manager has open.
    pub(crate) fn descriptors(&self) -> usize {
        let pid = self.machines.process(MANAGER, "orc").as_raw_pid();
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
    }

    /// The connections that the manager's machine has with a node's.
    pub(crate) fn connections(&self, node: &str) -> Vec<String> {
        let printed = self.machines.within(MANAGER, &format!("ss -Htn dst {}", self.machines.address(node)));
        printed.lines().map(str::to_owned).collect()
    }

    /// `kill -9` of all that runs on a node: its worker, its engine and its containers.
    pub(crate) fn power_off(&mut self, node: &str) -> Fault {
        let fault = Fault::now();
        self.workers.remove(node).expect("its worker runs");
        self.machines.call(&["kill", node]);
        fault
    }

    /// Starts a node again that had no power.
    pub(crate) async fn power_on(&mut self, node: &'static str) -> Fault {
        self.machines.up();
        let fault = Fault::now();
        self.start_worker(node, &[]).await;
        fault
    }

    /// SIGSTOP of the manager, or SIGCONT.
    pub(crate) fn signal_manager(&self, signal: Signal) {
        self.manager.signal(signal);
    }
}

/// A client that believes this manager, with its administrator's token.
fn administrator(dir: &Path, address: &str) -> Client {
    let read = |name| fs::read_to_string(dir.join("data/trust").join(name)).unwrap();
    let authority = from_pem(&read("ca.pem")).unwrap();
    let token: ApiToken = read("admin-token").trim().parse().unwrap();
    let client = Client::new(&format!("https://{address}:8000")).unwrap().bearing(&token);
    client.believing(config(Believed::Authority(authority), None).unwrap())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let processes = std::iter::once(&self.manager).chain(self.workers.values());
            processes.for_each(|process| eprintln!("{}", process.log()));
        }
    }
}
