//! Submissions a second, each on the disk before it is answered. No worker is there, so that nothing starts.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures_util::future::try_join_all;
use orc::model::id::TaskId;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use crate::progress;
use crate::report::ratio::median;
use crate::report::row::{Row, Verdict};
use crate::rig::bare::Bare;
use crate::rig::http::Connection;
use crate::rig::machine;
use crate::rig::server::{Role, Server, database, fresh_directory};

const ROUNDS: usize = 5;

/// Each measurement takes so long.
const LENGTH: Duration = Duration::from_secs(3);

/// How many clients submit, what their row is called, and how many submissions a second are wanted.
const LOADS: [(usize, &str, &str, f64); 2] = [
    (1, "submit-1", "durable submissions, one client", 1_500.0),
    (64, "submit-64", "durable submissions, 64 clients on the same cores", 8_000.0),
];

/// Both rows.
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(fresh_directory()?, Role::Manager, bare.host()).await?;
    let (mut floor, mut loads) = (Vec::new(), LOADS.map(|_| Measured::default()));
    let mut accepted = BTreeSet::new();
    for round in 0..ROUNDS {
        floor.push(commits_per_second().await?);
        for ((clients, ..), load) in LOADS.iter().zip(&mut loads) {
            load.measure(&server, *clients, &mut accepted).await?;
            progress!(
                "submissions: round {} of {ROUNDS}, {clients} clients, {:.0}/s",
                round + 1,
                load.rates[round]
            );
        }
    }
    let directory = server.kill().await?;
    verify(&database(directory.path()), &accepted).await?;
    let rows = LOADS.iter().zip(&loads).map(|((_, name, what, target), load)| Row {
        name: (*name).to_owned(),
        what,
        figure: format!("{:.0} /s", median(&load.rates)),
        target: format!("≥ {target} /s"),
        verdict: Verdict::at_most(*target, median(&load.rates)),
        beside: format!(
            "{} in {ROUNDS} rounds, {:.0} µs of CPU each; bare SQLite, one row a commit, {} /s; after kill -9 all {} \
             accepted are in the store",
            range(&load.rates),
            median(&load.costs) * 1e6,
            range(&floor),
            accepted.len(),
        ),
    });
    Ok(rows.collect())
}

fn range(values: &[f64]) -> String {
    let (least, most) =
        values.iter().fold((f64::MAX, 0.0_f64), |(least, most), value| (least.min(*value), most.max(*value)));
    format!("{least:.0}–{most:.0}")
}

/// What came of a load in each round.
#[derive(Default)]
struct Measured {
    /// Accepted submissions a second.
    rates: Vec<f64>,
    /// Seconds of orc's CPU for each.
    costs: Vec<f64>,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    async fn measure(
        &mut self,
        server: &Server,
        clients: usize,
        accepted: &mut BTreeSet<TaskId>,
    ) -> anyhow::Result<()> {
        let connections = try_join_all((0..clients).map(|_| Connection::open(&server.address))).await?;
        let (begin, cpu) = (Instant::now(), machine::cpu_seconds(server.pid()?)?);
        let loads = connections.into_iter().map(|connection| submit(connection, begin + LENGTH));
        let tasks: Vec<TaskId> = try_join_all(loads).await?.into_iter().flatten().collect();
        let count = tasks.len() as f64;
        self.rates.push(count / begin.elapsed().as_secs_f64());
        self.costs.push((machine::cpu_seconds(server.pid()?)? - cpu) / count);
        accepted.extend(tasks);
        Ok(())
    }
}

/// Submits one after the other until a moment; what was accepted.
async fn submit(mut connection: Connection, until: Instant) -> anyhow::Result<Vec<TaskId>> {
    let mut accepted = Vec::new();
    while Instant::now() < until {
        let task = TaskId::generate();
        let body =
            json!({ "Task": { "ID": task, "Name": format!("bench-{task}"), "Image": "orc-bench/none:1" } });
        connection.post("/tasks", body.to_string()).await?.expect(201)?;
        accepted.push(task);
    }
    Ok(accepted)
}

/// What was accepted is there for anybody who opens the file.
async fn verify(database: &Path, accepted: &BTreeSet<TaskId>) -> anyhow::Result<()> {
    let mut reader = SqliteConnectOptions::new().filename(database).connect().await?;
    let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM tasks").fetch_all(&mut reader).await?;
    reader.close().await?;
    let ids: BTreeSet<TaskId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let lost = accepted.difference(&ids).count();
    ensure!(lost == 0, "{lost} of {} accepted tasks are not in {}", accepted.len(), database.display());
    Ok(())
}

/// Durable commits of one row that SQLite does a second on the same disk, by one client.
async fn commits_per_second() -> anyhow::Result<f64> {
    let directory = fresh_directory()?;
    let file = directory.path().join("floor.db");
    let mut connection = SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await?;
    sqlx::raw_sql("PRAGMA journal_mode = wal; PRAGMA synchronous = full; CREATE TABLE t (id TEXT PRIMARY KEY, row TEXT) STRICT")
        .execute(&mut connection)
        .await?;
    let row = "a row about as long as that of a task ".repeat(16);
    let (begin, mut commits) = (Instant::now(), 0_u32);
    while begin.elapsed() < LENGTH {
        insert(&mut connection, &row).await?;
        commits += 1;
    }
    let rate = f64::from(commits) / begin.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(rate)
}

async fn insert(connection: &mut SqliteConnection, row: &str) -> anyhow::Result<()> {
    let query = sqlx::query("INSERT INTO t VALUES (?, ?)").bind(TaskId::generate().to_string()).bind(row);
    query.execute(connection).await?;
    Ok(())
}
