//! Ready again after kill -9, with ten thousand tasks in the store.

use futures_util::future::try_join_all;
use serde_json::json;

use crate::progress;
use crate::report::ratio::median;
use crate::report::row::{Row, Verdict};
use crate::rig::bare::Bare;
use crate::rig::http::Connection;
use crate::rig::server::{Role, Server, fresh_directory};

const TASKS: usize = 10_000;
const CLIENTS: usize = 50;
const ROUNDS: usize = 10;

/// The row.
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let mut server = Server::start(fresh_directory()?, Role::Manager, bare.host()).await?;
    progress!("recovery: submitting {TASKS} tasks");
    try_join_all((0..CLIENTS).map(|client| submit_share(&server.address, client))).await?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let directory = server.kill().await?;
        server = Server::start(directory, Role::Manager, bare.host()).await?;
        times.push(server.ready_after.as_secs_f64() * 1e3);
        progress!("recovery: round {} of {ROUNDS}, {:.0} ms", round + 1, times[round]);
    }
    let most = times.iter().copied().fold(0.0, f64::max);
    Ok(vec![Row {
        name: "recover".to_owned(),
        what: "ready after kill -9, 10,000 tasks in the store",
        figure: format!("{:.0} ms, at most {most:.0} ms", median(&times)),
        target: "≤ 1000 ms".to_owned(),
        verdict: Verdict::at_most(most, 1_000.0),
        beside: format!("from exec to the first 200 of /readyz; {ROUNDS} rounds"),
    }])
}

async fn submit_share(address: &str, client: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    for number in 0..TASKS / CLIENTS {
        let body =
            json!({ "Task": { "Name": format!("bench-{client}-{number}"), "Image": "orc-bench/none:1" } });
        connection.post("/tasks", body.to_string()).await?.expect(201)?;
    }
    Ok(())
}
