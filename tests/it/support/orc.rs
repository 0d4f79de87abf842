//! orc as its users have it: the binary with a data directory, ports and containers of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use orc::engine::labels;
use orc::model::id::TaskId;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;

use super::decoys::Decoys;
use super::docker::{BUSYBOX, ECHO, RawDocker, is_live, task_of};
use super::history::History;
use super::http::{Answer, ask};
use super::patience::until;
use super::ports::free_ports;
use super::process::Process;

/// `State` in JSON.
pub(crate) const PENDING: i64 = 0;
pub(crate) const SCHEDULED: i64 = 1;
pub(crate) const RUNNING: i64 = 2;
pub(crate) const COMPLETED: i64 = 3;
pub(crate) const FAILED: i64 = -1;

/// An orc under test. When it is dropped its containers are removed, and the test fails if there ever were two
/// containers of one task at a time, if Docker was told to restart one by itself, or if a foreign one was
/// touched.
pub(crate) struct TestOrc {
    /// The manager, with a worker in it unless there is another process for that.
    pub(crate) main: Process,
    /// The worker alone, if it is a process of its own.
    pub(crate) worker: Option<Process>,
    pub(crate) manager_port: u16,
    pub(crate) worker_port: u16,
    pub(crate) docker: RawDocker,
    /// The label `orc.cluster` of its containers.
    pub(crate) cluster: String,
    /// Makes the names of this test's tasks its own.
    tag: String,
    _mounted: Option<Tmpfs>,
    dir: TempDir,
    history: History,
    /// `None` when the engine itself has ended them.
    decoys: Option<Arc<Decoys>>,
}

/// How an orc under test is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// Workers in the process; 0 = one in a process of its own.
    pub(crate) workers: u16,
    /// Settings beside those of every test.
    pub(crate) envs: Vec<(&'static str, String)>,
    /// The port by which a worker in a process of its own reaches the manager; `None` = the manager's.
    pub(crate) via: Option<u16>,
    /// The size of a file system of its own for the databases; `None` = on the disk.
    pub(crate) tmpfs: Option<&'static str>,
}

impl TestOrc {
    /// A manager and a worker in one process.
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup { workers: 1, ..Setup::default() }).await
    }

    /// A manager and a worker in two processes.
    pub(crate) async fn start_split() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// As the setup says, on the engine for tests.
    pub(crate) async fn start_with(setup: Setup) -> Self {
        Self::start_on(RawDocker::of_tests(), History::of_tests(), Decoys::shared().await, setup).await
    }

    /// As the setup says, on this engine.
    pub(crate) async fn start_on(
        docker: RawDocker,
        history: History,
        decoys: Arc<Decoys>,
        setup: Setup,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = setup.tmpfs.map(|size| Tmpfs::mount(dir.path().join("data"), size));
        let workers = setup.workers.max(1);
        let first = free_ports(workers + 1);
        let (manager_port, worker_port) = (first, first + 1);
        let (manager_text, worker_text, count) =
            (manager_port.to_string(), worker_port.to_string(), workers.to_string());
        let no_logins = dir.path().join("no-logins");
        let mut envs = vec![
            ("ORC_MANAGER_PORT", manager_text.as_str()),
            ("ORC_WORKER_PORT", &worker_text),
            ("ORC_WORKERS", &count),
            ("DOCKER_HOST", &docker.host),
            ("DOCKER_CONFIG", no_logins.to_str().unwrap()),
            ("ORC_LOG", "info,orc=debug"),
        ];
        envs.extend(setup.envs.iter().map(|(name, value)| (*name, value.as_str())));
        let role: &[&str] = if setup.workers == 0 { &["manager"] } else { &[] };
        let main = Process::new("orc", dir.path(), role, &envs);
        let url = format!("http://localhost:{}", setup.via.unwrap_or(manager_port));
        let alone = || Process::new("worker", dir.path(), &["worker", "--manager", &url], &envs);
        let worker = (setup.workers == 0).then(alone);
        let mut orc = Self {
            main,
            worker,
            manager_port,
            worker_port,
            docker,
            cluster: String::new(),
            tag: TaskId::generate().to_string().split_off(28),
            _mounted: mounted,
            dir,
            history,
            decoys: Some(decoys),
        };
        orc.start_main().await;
        if orc.worker.is_some() {
            orc.start_worker().await;
        }
        orc.cluster = read_cluster(orc.dir.path()).await;
        orc
    }

    /// Starts the main process and waits until it is ready.
    pub(crate) async fn start_main(&mut self) {
        self.main.spawn();
        self.main.printed(1).await;
        self.ready().await;
    }

    /// Starts the worker's own process.
    pub(crate) async fn start_worker(&mut self) {
        let worker = self.worker.as_mut().expect("the worker is a process of its own");
        worker.spawn();
        worker.printed(1).await;
    }

    /// `kill -9` and start again.
    pub(crate) async fn restart(&mut self) {
        self.main.kill9();
        self.start_main().await;
    }

    /// Waits until the manager says that it is ready.
    pub(crate) async fn ready(&self) {
        let look = || ask(self.manager_port, "GET", "/readyz", &[], "");
        until("the manager is ready", look, |answer| {
            answer.as_ref().is_ok_and(|answer| answer.status == 200)
        })
        .await
        .unwrap();
    }

    /// Where its databases are.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Changes the manager's database as it lies there, while no orc runs.
    pub(crate) async fn change_database(&self, sql: &'static str, parameter: &str) {
        let mut connection = open_database(self.dir.path(), SqliteConnectOptions::new()).await;
        sqlx::query(sql).bind(parameter).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// How long managers have run on this database, as it was written down last, in milliseconds.
    pub(crate) async fn lived(&self) -> i64 {
        let mut connection =
            open_database(self.dir.path(), SqliteConnectOptions::new().read_only(true)).await;
        sqlx::query_scalar("SELECT lived_ms FROM meta").fetch_one(&mut connection).await.unwrap()
    }

    /// A name that no other test uses.
    pub(crate) fn name(&self, base: &str) -> String {
        format!("{base}-{}", self.tag)
    }

    /// Asks the manager, as it is.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        ask(self.manager_port, method, path, &[("content-type", "application/json")], body.to_owned())
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Asks the (first) worker, as it is.
    pub(crate) async fn ask_worker(&self, method: &str, path: &str, body: &str) -> Answer {
        ask(self.worker_port, method, path, &[("content-type", "application/json")], body.to_owned())
            .await
            .unwrap_or_else(|error| panic!("{method} {path} of the worker: {error}"))
    }

    /// `GET` of something that is there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Submits a task under a name of this test's own, and gives its ID.
    pub(crate) async fn submit(&self, name: impl AsRef<str>, mut task: Value) -> String {
        task["Name"] = self.name(name.as_ref()).into();
        let answer = self.ask("POST", "/tasks", &json!({ "Task": task }).to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["Task"]["ID"].as_str().unwrap().to_owned()
    }

    /// Submits a task and waits until it runs; gives it as it is then.
    pub(crate) async fn run(&self, name: impl AsRef<str>, task: Value) -> Value {
        let id = self.submit(name, task).await;
        self.until_state(&id, RUNNING).await
    }

    /// Asks for a task to stop.
    pub(crate) async fn delete(&self, id: &str) {
        let answer = self.ask("DELETE", &format!("/tasks/{id}"), "").await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// A task as it is.
    pub(crate) async fn task(&self, id: &str) -> Value {
        self.get(&format!("/tasks/{id}")).await
    }

    /// Waits until a task is as wanted, and gives it.
    pub(crate) async fn until(&self, id: &str, what: &str, is_met: impl Fn(&Value) -> bool) -> Value {
        until(what, || self.task(id), is_met).await
    }

    /// Waits until a task is in this state, and gives it.
    pub(crate) async fn until_state(&self, id: &str, state: i64) -> Value {
        self.until(id, &format!("the task's State is {state}"), |task| task["State"] == state).await
    }

    /// Waits until a task runs in another container than `before`, and gives it.
    pub(crate) async fn until_replaced(&self, before: &Value) -> Value {
        let is_replaced =
            |task: &Value| task["State"] == RUNNING && task["ContainerID"] != before["ContainerID"];
        self.until(before["ID"].as_str().unwrap(), "the task runs in a new container", is_replaced).await
    }

    /// The history of a task.
    pub(crate) async fn events(&self, id: &str) -> Vec<Value> {
        self.get(&format!("/tasks/{id}/events")).await.as_array().unwrap().clone()
    }

    /// The kinds of a task's events, in order.
    pub(crate) async fn kinds(&self, id: &str) -> Vec<String> {
        let kinds = self.events(id).await.into_iter();
        kinds.map(|event| event["Kind"].as_str().unwrap().to_owned()).collect()
    }

    /// All its containers, as Docker shows them.
    pub(crate) async fn containers(&self) -> Vec<ContainerInspectResponse> {
        self.docker.with_label(&format!("{}={}", labels::CLUSTER, self.cluster)).await
    }

    /// The containers of a task.
    pub(crate) async fn containers_of(&self, id: &str) -> Vec<ContainerInspectResponse> {
        let all = self.containers().await.into_iter();
        all.filter(|container| task_of(container) == id).collect()
    }

    /// Waits until no container of a task is left.
    pub(crate) async fn until_gone(&self, id: &str) {
        until("no container of the task is left", || self.containers_of(id), Vec::is_empty).await;
    }

    /// The engine has ended the decoys itself: nobody looks at them any more.
    pub(crate) fn forget_decoys(&mut self) {
        self.decoys = None;
    }

    /// What the engine did with its containers.
    pub(crate) fn happened(&self) -> Vec<super::history::Happened> {
        self.history.of(&self.cluster)
    }
}

impl Drop for TestOrc {
    fn drop(&mut self) {
        let mut crime = None;
        for process in std::iter::once(&mut self.main).chain(&mut self.worker) {
            if std::thread::panicking() {
                eprintln!("{}", process.log());
            }
            crime = crime.or(process.terminate_now());
        }
        let (host, label) = (self.docker.host.clone(), format!("{}={}", labels::CLUSTER, self.cluster));
        let decoys = self.decoys.clone();
        let seen = super::aside(async move {
            let docker = RawDocker::at(&host);
            let damage = match decoys {
                Some(decoys) => decoys.damage(&docker).await,
                None => None,
            };
            let seen = damage.or(crime_among(&docker.with_label(&label).await));
            remove_all(&docker, &label).await;
            docker.remove_networks(&label).await;
            seen
        });
        let crime = crime.or(seen.flatten()).or_else(|| self.history.crime(&self.cluster));
        if let Some(crime) = crime.filter(|_| !std::thread::panicking()) {
            panic!("{crime}\n{}", self.main.log());
        }
    }
}

/// A small file system in memory; it takes root. Unmounted when this is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(path: PathBuf, size: &str) -> Self {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"]).arg(&path);
        assert!(mount.status().unwrap().success(), "a tmpfs cannot be mounted: this test takes root");
        Self(path)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Left mounted, it would only keep the directory from being removed.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// What must not be among an orc's containers.
fn crime_among(containers: &[ContainerInspectResponse]) -> Option<String> {
    let mut tasks = std::collections::BTreeSet::new();
    for container in containers {
        let host = container.host_config.clone().unwrap_or_default();
        let policy = host.restart_policy.and_then(|policy| policy.name).map(|name| name.to_string());
        if policy.is_some_and(|policy| !policy.is_empty() && policy != "no") || host.auto_remove == Some(true)
        {
            return Some(format!("Docker restarts or removes {:?} by itself", container.name));
        }
        if is_live(container) && !tasks.insert(task_of(container).to_owned()) {
            return Some(format!("the task {} has two live containers", task_of(container)));
        }
    }
    None
}

/// Removes every container with a label, and those that the engine is only now making for a process that was
/// killed.
async fn remove_all(docker: &RawDocker, label: &str) {
    for _ in 0..3 {
        while let found = docker.with_label(label).await
            && !found.is_empty()
        {
            for container in found {
                docker.remove(&container.id.unwrap_or_default()).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The cluster's ID, which is made with its database.
async fn read_cluster(dir: &Path) -> String {
    let mut connection = open_database(dir, SqliteConnectOptions::new().read_only(true)).await;
    sqlx::query_scalar("SELECT cluster FROM meta").fetch_one(&mut connection).await.unwrap()
}

async fn open_database(dir: &Path, options: SqliteConnectOptions) -> SqliteConnection {
    options.filename(dir.join("data").join("manager.db")).connect().await.unwrap()
}

/// A server that answers `GET /health` on 7777/tcp, with these lines in its environment.
pub(crate) fn echo(env: &[&str]) -> Value {
    json!({ "Image": ECHO, "ExposedPorts": { "7777/tcp": {} }, "Env": env })
}

/// A shell that runs this line.
pub(crate) fn shell(line: &str) -> Value {
    json!({ "Image": BUSYBOX, "Cmd": ["sh", "-c", line] })
}

/// A task that runs until it is asked to stop, and then ends at once with 0.
pub(crate) fn sleeper() -> Value {
    shell("trap 'exit 0' TERM; sleep 100000 & wait")
}

/// A task with more fields.
pub(crate) fn with(mut task: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("fields are wanted") };
    task.as_object_mut().unwrap().extend(more);
    task
}
