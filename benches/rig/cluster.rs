//! A cluster on three engines, by `scripts/cluster.sh`: machines whose cables can be pulled.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use orc::client::Client;
use orc::trust::ApiToken;
use orc::trust::certificate::from_pem;
use orc::trust::client::{Believed, config};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::progress;

/// The beginning of the names of all that it makes.
const NAME: &str = "orc-bench";

/// What is awaited comes within so long, or something is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The cluster. It ends when this is dropped.
pub(crate) struct Cluster {
    client: Client,
    _machines: Machines,
}

/// All that the script makes. It is gone when this is dropped.
struct Machines;

impl Drop for Machines {
    fn drop(&mut self) {
        let down = std::process::Command::new(script()).arg("down").env("ORC_CLUSTER", NAME).status();
        if !down.is_ok_and(|status| status.success()) {
            progress!("what is left of the cluster: run ORC_CLUSTER={NAME} scripts/cluster.sh down");
        }
    }
}

impl Cluster {
    /// Starts it, and waits until its three nodes are ready. The error says in a sentence why this machine cannot
    /// have it.
    pub(crate) async fn up() -> anyhow::Result<Self> {
        // What one that was killed left behind.
        call(&["down"]).await?;
        let machines = Machines;
        call(&["up", env!("CARGO_BIN_EXE_orc")]).await?;
        let cluster = Self { client: administrator()?, _machines: machines };
        let is_ready = |node: &&Value| node["State"] == "ready" && node["Engine"] != "";
        cluster
            .until("/nodes", |nodes| {
                nodes.as_array().is_some_and(|nodes| nodes.iter().filter(is_ready).count() == 3)
            })
            .await?;
        Ok(cluster)
    }

    /// Pulls the cable of a node.
    pub(crate) async fn cut(&self, node: &str) -> anyhow::Result<()> {
        call(&["cut", node]).await
    }

    /// Plugs it in again, and waits until the node is heard of.
    pub(crate) async fn heal(&self, node: &str) -> anyhow::Result<()> {
        call(&["heal", node]).await?;
        self.until_node(node, "ready").await.map(drop)
    }

    /// Waits until the manager says that a node is in this state; when it did.
    pub(crate) async fn until_node(&self, node: &str, state: &str) -> anyhow::Result<Instant> {
        self.until(&format!("/nodes/{node}"), |seen| seen["State"] == state).await.map(|(at, _)| at)
    }

    /// Runs a task that may run twice when its node is lost; its ID and its node.
    pub(crate) async fn run(&self, name: &str) -> anyhow::Result<(String, String)> {
        let task = json!({ "Name": name, "Image": "orc-test/busybox:latest", "Failover": "available",
            "Cmd": ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"] });
        let made: Value = self.client.post("/tasks", &json!({ "Task": task }), PATIENCE).await?;
        let id = made["Task"]["ID"].as_str().context("the task has no ID")?.to_owned();
        let (_, node) = self.until_runs(&id, |_| true).await?;
        Ok((id, node))
    }

    /// Waits until the manager says that a task runs on such a node; when it did, and which that is.
    pub(crate) async fn until_runs(
        &self,
        task: &str,
        on: impl Fn(&str) -> bool,
    ) -> anyhow::Result<(Instant, String)> {
        let runs = |seen: &Value| seen["State"] == 2 && seen["Node"].as_str().is_some_and(&on);
        let (at, seen) = self.until(&format!("/tasks/{task}"), runs).await?;
        Ok((at, seen["Node"].as_str().unwrap_or_default().to_owned()))
    }

    /// Stops a task, and waits until it has ended.
    pub(crate) async fn stop(&self, task: &str) -> anyhow::Result<()> {
        let path = format!("/tasks/{task}");
        self.client.delete(&path, PATIENCE).await?;
        self.until(&path, |seen| seen["State"] == 3).await.map(drop)
    }

    /// Looks again and again until what the manager answers is as it should be.
    async fn until(&self, path: &str, is_right: impl Fn(&Value) -> bool) -> anyhow::Result<(Instant, Value)> {
        let begin = Instant::now();
        loop {
            let seen: Value = self.client.get(path, PATIENCE).await?;
            if is_right(&seen) {
                return Ok((Instant::now(), seen));
            }
            if begin.elapsed() > PATIENCE {
                bail!("GET {path} does not come to what is awaited; the last answer was {seen}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// A client that believes the cluster's manager, with its administrator's token.
fn administrator() -> anyhow::Result<Client> {
    let run = project().join(".run").join(NAME);
    let read = |path: &str| fs::read_to_string(run.join(path)).with_context(|| format!("{path} of {NAME}"));
    let authority = from_pem(&read("m/data/trust/ca.pem")?)?;
    let token: ApiToken = read("m/data/trust/admin-token")?.trim().parse().map_err(anyhow::Error::msg)?;
    let client = Client::new(&format!("https://{}.1:8000", read("subnet")?.trim()))?.bearing(&token);
    Ok(client.believing(config(Believed::Authority(authority), None)?))
}

async fn call(args: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(script());
    command.args(args).env("ORC_CLUSTER", NAME).env_remove("ORC_CONFIG").kill_on_drop(true);
    let output = command.output().await?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "scripts/cluster.sh {} failed: {}", args.join(" "), words.trim());
    Ok(())
}

fn script() -> PathBuf {
    project().join("scripts/cluster.sh")
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
