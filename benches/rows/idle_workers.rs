//! Five hundred workers that have nothing to do: what they take of their manager, and whether it bears their return.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use futures_util::future::try_join_all;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _};

use crate::progress;
use crate::report::ratio::median;
use crate::report::row::{Row, Verdict};
use crate::rig::bare::Bare;
use crate::rig::fleet::{SimulatedWorker, fleet};
use crate::rig::http::Connection;
use crate::rig::machine;
use crate::rig::server::{Role, Server, database, fresh_directory};

const WORKERS: usize = 500;

/// A worker's question hangs so long.
const WAIT: Duration = Duration::from_secs(1);

/// What joining left behind has settled by then.
const SETTLE: Duration = Duration::from_secs(3);

const LENGTH: Duration = Duration::from_secs(20);

/// How often all go and come back at once.
const RETURNS: usize = 10;

/// A worker whose former life is still heard asks again so soon.
const RETRY: Duration = Duration::from_millis(100);

/// Every question hangs by then.
const HANGING: Duration = Duration::from_millis(500);

/// Both rows.
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(fresh_directory()?, Role::Manager, bare.host()).await?;
    let mut workers = fleet(WORKERS);
    let mut connections = Vec::new();
    for worker in &mut workers {
        connections.push(come_back(worker, &server.address).await?.1);
    }
    progress!("idle workers: {WORKERS} have joined; watching for {} s", LENGTH.as_secs());
    let pid = server.pid()?;
    let measured = async {
        tokio::time::sleep(SETTLE).await;
        let (begin, before) = (Instant::now(), machine::cpu_seconds(pid)?);
        tokio::time::sleep(LENGTH).await;
        Ok((machine::cpu_seconds(pid)? - before) / begin.elapsed().as_secs_f64() * 100.0)
    };
    let cpu = while_they_idle(&mut workers, connections, measured).await?;
    let memory = machine::memory(pid, "VmRSS")?;
    let mut times = Vec::new();
    for round in 0..RETURNS {
        times.extend(all_at_once(&server.address, &mut workers).await?);
        progress!("idle workers: all came back, {} of {RETURNS} times", round + 1);
    }
    let directory = server.kill().await?;
    verify(&database(directory.path())).await?;
    Ok(vec![idle(cpu, memory), returned(times)])
}

fn idle(cpu: f64, memory: f64) -> Row {
    Row {
        name: "idle-workers-cpu".to_owned(),
        what: "CPU of a manager of 500 idle workers",
        figure: format!("{cpu:.1} % of a core"),
        target: "≤ 20 %".to_owned(),
        verdict: Verdict::at_most(cpu, 20.0),
        beside: format!(
            "each with a question that hangs for {} s; over {} s, from /proc/PID/stat; {memory:.0} MB",
            WAIT.as_secs(),
            LENGTH.as_secs()
        ),
    }
}

fn returned(mut times: Vec<f64>) -> Row {
    times.sort_by(f64::total_cmp);
    let (p99, most) = (times[times.len() * 99 / 100], times[times.len() - 1]);
    Row {
        name: "idle-workers-return".to_owned(),
        what: "500 workers begin anew at once: from dialling to the answer, 99 of 100",
        figure: format!("{p99:.0} ms"),
        target: "≤ 500 ms".to_owned(),
        verdict: Verdict::at_most(p99, 500.0),
        beside: format!(
            "median {:.0} ms, at most {most:.0} ms; {RETURNS} times; no node was taken for lost",
            median(&times)
        ),
    }
}

/// Has every worker ask again and again on its own connection while `work` is under way.
async fn while_they_idle<T>(
    workers: &mut [SimulatedWorker],
    connections: Vec<Connection>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let ask = async |worker: &mut SimulatedWorker, mut connection: Connection| -> anyhow::Result<()> {
        while worker.ask(&mut connection, WAIT).await?.is_some() {}
        bail!("the manager takes a simulated worker for another one")
    };
    let idling = workers.iter_mut().zip(connections).map(|(worker, connection)| ask(worker, connection));
    tokio::select! {
        done = work => done,
        failed = try_join_all(idling) => Err(failed.err().unwrap_or_else(|| anyhow::anyhow!("nobody idles"))),
    }
}

/// All workers begin anew at the same moment, and hang again after it; how long each waited for its first answer, in
/// milliseconds.
async fn all_at_once(address: &str, workers: &mut [SimulatedWorker]) -> anyhow::Result<Vec<f64>> {
    workers.iter_mut().for_each(SimulatedWorker::restart);
    let back = try_join_all(workers.iter_mut().map(|worker| come_back(worker, address))).await?;
    let (times, connections) = back.into_iter().unzip();
    while_they_idle(workers, connections, async {
        tokio::time::sleep(HANGING).await;
        Ok(times)
    })
    .await
}

/// A worker that knows nothing dials and is told all; how long that took, in milliseconds.
async fn come_back(worker: &mut SimulatedWorker, address: &str) -> anyhow::Result<(f64, Connection)> {
    let begin = Instant::now();
    loop {
        let mut connection = Connection::open(address).await?;
        if worker.ask(&mut connection, WAIT).await?.is_some() {
            return Ok((begin.elapsed().as_secs_f64() * 1e3, connection));
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Nobody was taken for lost.
async fn verify(database: &Path) -> anyhow::Result<()> {
    let mut reader = SqliteConnectOptions::new().filename(database).connect().await?;
    let count = "SELECT (SELECT count(*) FROM nodes WHERE state = 'ready'), \
        (SELECT count(*) FROM events WHERE kind = 'node-lost')";
    let (ready, lost): (i64, i64) = sqlx::query_as(count).fetch_one(&mut reader).await?;
    reader.close().await?;
    ensure!(
        usize::try_from(ready)? == WORKERS && lost == 0,
        "{ready} nodes of {WORKERS} are ready, and {lost} were taken for lost"
    );
    Ok(())
}
