//! Cables that still let something through: what orc says is little, and must arrive.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;

use crate::cluster::{Cluster, NODES};
use crate::engines::Seen;
use crate::links::Flaw;

/// More than two leases.
const LONG: Duration = Duration::from_secs(13);

/// A quarter of all packets is lost, in each direction: nearly half of all questions and answers need to be sent again. At
/// three of ten, a lease ran out by bad luck in one of ten runs of these thirteen seconds.
const A_QUARTER: Flaw = Flaw::Loses("0.25");

/// Eight kilobytes a second, and what waits for its turn waits for up to a second.
const CRAWLING: Flaw = Flaw::Slow("64kbit");

/// A reset every now and then, for so long, and as often as a lease has seconds.
const RESET: Duration = Duration::from_millis(500);
const RESETS: usize = 6;

#[tokio::test]
async fn no_node_dies_of_cables_that_lose_a_quarter_of_all_packets() {
    let cluster = Cluster::start().await;
    let tasks = one_on_each(&cluster).await;
    let before = cluster.engines.look().await;
    for node in NODES {
        cluster.spoil(node, A_QUARTER);
    }
    same(&cluster, &before, tokio::time::sleep(LONG)).await;
    for node in NODES {
        cluster.mend(node, A_QUARTER);
    }
    nothing_happened(&cluster, &tasks).await;
}

#[tokio::test]
async fn a_node_whose_cable_crawls_or_resets_connections_goes_on_and_so_does_an_output_that_fills_it() {
    let cluster = Cluster::start().await;
    let flood = json!({ "Cmd": ["sh", "-c", "while :; do seq 1 1000; done"], "StopTimeout": 1 });
    let (task, node) = cluster.run("flood", flood).await;
    let before = cluster.engines.look().await;
    cluster.spoil(node, CRAWLING);
    let reading = async {
        let mut output = cluster.follow(&task).await;
        let mut bytes = 0;
        let whole = tokio::time::timeout(LONG, async {
            while let Some(piece) = output.next().await {
                bytes += piece.expect("it does not break off").len();
            }
        });
        whole.await.expect_err("it goes on");
        bytes
    };
    let bytes = same(&cluster, &before, reading).await;
    assert!(bytes > 4 * 1_024, "{bytes} bytes of output came through");
    cluster.mend(node, CRAWLING);

    let resets = async {
        for _ in 0..RESETS {
            cluster.spoil(node, Flaw::Resets);
            tokio::time::sleep(RESET).await;
            cluster.mend(node, Flaw::Resets);
            tokio::time::sleep(RESET).await;
        }
    };
    same(&cluster, &before, resets).await;
    nothing_happened(&cluster, &[task]).await;
}

/// Runs an available task on each node.
async fn one_on_each(cluster: &Cluster) -> Vec<String> {
    let mut tasks = Vec::new();
    for name in ["one", "two", "three"] {
        tasks.push(cluster.run(name, json!({ "Failover": "available" })).await.0);
    }
    tasks
}

/// Does something while the same containers run.
async fn same<T>(cluster: &Cluster, before: &Seen, work: impl Future<Output = T>) -> T {
    cluster.engines.watch(work, |seen| assert_eq!(&seen, before, "the same containers all the time")).await
}

/// Looks whether the nodes are ready, and were so all the time.
async fn nothing_happened(cluster: &Cluster, tasks: &[String]) {
    cluster.until_ready(&NODES).await;
    for node in NODES {
        assert_eq!(cluster.losses(node).await, 0, "{node}");
    }
    for task in tasks {
        assert_eq!(cluster.moves(task).await, 0);
    }
}
