//! A million tasks on five thousand nodes: from the first POST until every node has heard of all that is its own.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _};

use crate::progress;
use crate::report::row::{Row, Verdict};
use crate::rig::bare::Bare;
use crate::rig::fleet::{SimulatedWorker, fleet};
use crate::rig::http::Connection;
use crate::rig::machine;
use crate::rig::server::{Role, Server, database, fresh_directory};

const TASKS: usize = 1_000_000;
const NODES: usize = 5_000;

/// Connections that submit, one task after the other on each.
const CLIENTS: usize = 448;

/// Connections that the nodes share: a manager takes fewer than there are nodes.
const LINES: usize = 500;

/// A node's question hangs at most so long, that all nodes of a line are heard of within their leases.
const WAIT: Duration = Duration::from_millis(300);

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Something is broken when it takes longer.
const PATIENCE: Duration = Duration::from_mins(15);

const MEGABYTES: f64 = 2_000.0;
const SECONDS: f64 = 120.0;

/// How far it is.
#[derive(Default)]
struct Tally {
    accepted: Cell<usize>,
    /// Assignments that nodes were told.
    told: Cell<usize>,
    /// Bytes of all answers to nodes, also of those that told nothing.
    bytes: Cell<usize>,
}

/// Both rows.
#[expect(clippy::cast_precision_loss, reason = "some millions")]
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(fresh_directory()?, Role::Manager, bare.host()).await?;
    let (tally, pid) = (Tally::default(), server.pid()?);
    let mut workers = fleet(NODES);
    let mut lines = Vec::new();
    for share in workers.chunks_mut(NODES.div_ceil(LINES)) {
        lines.push((Connection::open(&server.address).await?, share));
    }
    try_join_all(lines.iter_mut().map(|(line, share)| ask_once(line, share, &tally))).await?;
    progress!("placement of a million: {NODES} nodes have joined");
    let (begin, cpu) = (Instant::now(), machine::cpu_seconds(pid)?);
    let submitted = async {
        try_join_all((0..CLIENTS).map(|client| submit(&server.address, client, &tally))).await?;
        anyhow::Ok(begin.elapsed().as_secs_f64())
    };
    let heard = async {
        try_join_all(lines.into_iter().map(|(line, share)| listen(line, share, &tally))).await?;
        anyhow::Ok(begin.elapsed().as_secs_f64())
    };
    let (submitted, heard) = tokio::select! {
        done = async { tokio::try_join!(submitted, heard) } => done?,
        failed = watch(pid, &tally) => return Err(failed?),
    };
    let cpu = machine::cpu_seconds(pid)? - cpu;
    let most = machine::memory(pid, "VmHWM")?;
    let directory = server.kill().await?;
    verify(&database(directory.path())).await?;
    let file = std::fs::metadata(database(directory.path()))?.len() as f64 / 1e6;
    let tasks = TASKS as f64;
    Ok(vec![
        Row {
            name: "placement-1m-time".to_owned(),
            what: "1,000,000 tasks accepted, placed on 5,000 nodes and told to them, durably",
            figure: format!("{heard:.0} s"),
            target: format!("≤ {SECONDS:.0} s"),
            verdict: Verdict::at_most(heard, SECONDS),
            beside: format!(
                "over HTTP by {CLIENTS} clients on the same cores, the last accepted after {submitted:.0} s; {:.0} µs of the \
                 manager's CPU and {:.0} bytes of answers to nodes for each task; the database has {file:.0} MB",
                cpu / tasks * 1e6,
                tally.bytes.get() as f64 / tasks,
            ),
        },
        Row {
            name: "placement-1m-memory".to_owned(),
            what: "memory of the manager after it",
            figure: format!("{most:.0} MB"),
            target: format!("≤ {MEGABYTES:.0} MB"),
            verdict: Verdict::at_most(most, MEGABYTES),
            beside: "VmHWM of its process".to_owned(),
        },
    ])
}

/// Submits a client's share, one task after the other.
async fn submit(address: &str, client: usize, tally: &Tally) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    for number in (client..TASKS).step_by(CLIENTS) {
        let task = json!({ "Name": format!("bench-{number}"), "Image": "orc-bench/none:1", "CPU": 0.1,
            "Memory": 64 << 20 });
        connection.post("/tasks", json!({ "Task": task }).to_string()).await?.expect(201)?;
        tally.accepted.set(tally.accepted.get() + 1);
    }
    Ok(())
}

/// Has the nodes of a line ask in turn until all nodes know all tasks.
async fn listen(mut line: Connection, share: &mut [SimulatedWorker], tally: &Tally) -> anyhow::Result<()> {
    while tally.told.get() < TASKS {
        ask_once(&mut line, share, tally).await?;
    }
    Ok(())
}

/// Has each node of a line ask once, as long as some task is not known.
async fn ask_once(line: &mut Connection, share: &mut [SimulatedWorker], tally: &Tally) -> anyhow::Result<()> {
    for worker in share.iter_mut().take_while(|_| tally.told.get() < TASKS) {
        let Some(told) = worker.ask(line, WAIT).await? else {
            bail!("the manager takes a simulated worker for another one");
        };
        tally.told.set(tally.told.get() + told.assignments);
        tally.bytes.set(tally.bytes.get() + told.bytes);
    }
    Ok(())
}

/// Says how far it is; why it took too long.
async fn watch(pid: u32, tally: &Tally) -> anyhow::Result<anyhow::Error> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        tokio::time::sleep(PROGRESS_EVERY).await;
        progress!(
            "placement of a million: {:.0} s, {} accepted, {} told, {:.0} MB",
            begin.elapsed().as_secs_f64(),
            tally.accepted.get(),
            tally.told.get(),
            machine::memory(pid, "VmRSS")?,
        );
    }
    Ok(anyhow::anyhow!("after {PATIENCE:?}, nodes know of {} tasks of {TASKS}", tally.told.get()))
}

/// What nodes were told is in the store: every task has a node, and no node was lost over it.
async fn verify(database: &Path) -> anyhow::Result<()> {
    let mut reader = SqliteConnectOptions::new().filename(database).connect().await?;
    let placed: Vec<i64> =
        sqlx::query_scalar("SELECT count(*) FROM tasks WHERE node IS NOT NULL GROUP BY node")
            .fetch_all(&mut reader)
            .await?;
    let lost: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE kind = 'node-lost'")
        .fetch_one(&mut reader)
        .await?;
    reader.close().await?;
    let tasks = usize::try_from(placed.iter().sum::<i64>())?;
    ensure!(
        tasks == TASKS && placed.len() == NODES && lost == 0,
        "{tasks} tasks of {TASKS} are placed in {}, on {} nodes of {NODES}, and {lost} nodes were taken for lost",
        database.display(),
        placed.len(),
    );
    Ok(())
}
