//! What the rows are measured with: a bare client of the engine, a real `orc`, and a client of its API.

pub(crate) mod bare;
pub(crate) mod cluster;
pub(crate) mod deaths;
pub(crate) mod exchange;
pub(crate) mod fleet;
pub(crate) mod follow;
pub(crate) mod forward;
pub(crate) mod http;
pub(crate) mod machine;
pub(crate) mod server;

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Context;
use orc::model::id::TaskId;
use serde_json::json;

use self::bare::Bare;
use self::follow::Follower;
use self::http::Connection;
use self::server::{Role, Server};

/// A manager and a worker, and a client that submits, stops, and follows what happens.
pub(crate) struct Orc {
    pub(crate) server: Server,
    pub(crate) follower: Follower,
    labels: serde_json::Value,
}

impl Orc {
    /// Starts one for the engine of `bare`, and has it run one task, so that all that comes is warm.
    pub(crate) async fn start(bare: &Bare) -> anyhow::Result<Self> {
        let server = Server::start(server::fresh_directory()?, Role::AllInOne, bare.host()).await?;
        let follower = Follower::open(&server.address).await?;
        let mut orc = Self { server, follower, labels: json!({ bare::LABEL: bare.run() }) };
        let task = orc.submit(&mut orc.connect().await?, "warm-up").await?;
        orc.follower.all("started", &BTreeSet::from([task])).await?;
        orc.stop(&mut orc.connect().await?, task).await?;
        orc.follower.all("completed", &BTreeSet::from([task])).await?;
        Ok(orc)
    }

    /// A connection that stays open between its requests.
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(&self.server.address).await
    }

    /// Posts a task and returns once it is accepted.
    pub(crate) async fn submit(&self, connection: &mut Connection, name: &str) -> anyhow::Result<TaskId> {
        let task = TaskId::generate();
        let name = format!("orc-bench-{name}");
        let body = json!({ "State": 2, "Task": {
            "ID": task, "Name": name, "Image": bare::IMAGE, "Labels": self.labels } });
        connection.post("/tasks", body.to_string()).await?.expect(201).context("POST /tasks")?;
        Ok(task)
    }

    /// Asks for a task to be stopped.
    pub(crate) async fn stop(&self, connection: &mut Connection, task: TaskId) -> anyhow::Result<()> {
        connection.delete(&format!("/tasks/{task}")).await?.expect(204).context("DELETE /tasks/{id}")?;
        Ok(())
    }

    /// The ID of a running task's container.
    pub(crate) async fn container_of(&self, task: TaskId) -> anyhow::Result<String> {
        let answer = self.connect().await?.get(&format!("/tasks/{task}")).await?;
        let task: serde_json::Value = serde_json::from_slice(&answer.expect(200)?.body)?;
        Ok(task["ContainerID"].as_str().context("the task has no container")?.to_owned())
    }

    /// From the first POST until all of `count` tasks run, with several clients as the bare one has several
    /// calls at a time.
    pub(crate) async fn start_many(&mut self, count: usize) -> anyhow::Result<(f64, BTreeSet<TaskId>)> {
        let begin = Instant::now();
        let names: Vec<String> = (0..count).map(|number| format!("many-{number}")).collect();
        let shares = names.chunks(count.div_ceil(CLIENTS)).map(|share| self.submit_share(share));
        let tasks = futures_util::future::try_join_all(shares).await?;
        let tasks: BTreeSet<TaskId> = tasks.into_iter().flatten().collect();
        let end = self.follower.all("started", &tasks).await?;
        Ok(((end - begin).as_secs_f64(), tasks))
    }

    async fn submit_share(&self, names: &[String]) -> anyhow::Result<Vec<TaskId>> {
        let mut connection = self.connect().await?;
        let mut tasks = Vec::new();
        for name in names {
            tasks.push(self.submit(&mut connection, name).await?);
        }
        Ok(tasks)
    }

    /// From the first DELETE until the containers of all `tasks` are gone.
    pub(crate) async fn stop_many(&mut self, tasks: &BTreeSet<TaskId>) -> anyhow::Result<f64> {
        let begin = Instant::now();
        let list: Vec<TaskId> = tasks.iter().copied().collect();
        let shares = list.chunks(list.len().div_ceil(CLIENTS)).map(|share| self.stop_share(share));
        futures_util::future::try_join_all(shares).await?;
        let end = self.follower.all("completed", tasks).await?;
        Ok((end - begin).as_secs_f64())
    }

    async fn stop_share(&self, tasks: &[TaskId]) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        for task in tasks {
            self.stop(&mut connection, *task).await?;
        }
        Ok(())
    }
}

/// Clients that submit or stop many tasks together.
const CLIENTS: usize = 8;
