//! Peers of which nothing more is heard: that hear nothing, or have vanished in the middle of a sentence.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;

use crate::cluster::Cluster;
use crate::engines::Seen;
use crate::links::Flaw;

/// The manager says by then that a node is lost, and holds nothing any more that was for it.
const TOLD: Duration = Duration::from_secs(10);

/// What may run only once, and gets a second to stop, runs elsewhere by then.
const ONCE_ELSEWHERE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_node_that_hears_nothing_is_lost_though_it_speaks_and_its_single_task_never_runs_twice() {
    let cluster = Cluster::start().await;
    let (task, home) = cluster.run("ledger", json!({ "Failover": "single", "StopTimeout": 1 })).await;
    let check = |seen: Seen| {
        assert!(seen.places(&task).len() <= 1 && seen.silent.is_empty(), "{seen:?}");
    };
    let place = cluster.engines.watch(deaf_and_healed(&cluster, &task, home), check).await;
    assert_ne!(place, home);
    assert_eq!(cluster.losses(home).await, 1, "half a cable is as good as none");
}

/// Where the task is in the end.
async fn deaf_and_healed(cluster: &Cluster, task: &str, home: &str) -> &'static str {
    let deaf = cluster.spoil(home, Flaw::Deaf);
    let state = async || cluster.state_of(home).await;
    deaf.within(TOLD, "the node is lost", state, |state| state == "unreachable").await;
    let elsewhere = |seen: &Seen| seen.places(task).iter().any(|node| *node != home);
    let look = async || cluster.engines.look().await;
    deaf.within(ONCE_ELSEWHERE, "it runs elsewhere", look, elsewhere).await;
    let healed = cluster.mend(home, Flaw::Deaf);
    healed.within(TOLD, "the node is back", state, |state| state == "ready").await;
    cluster.until_one_is_left(task, healed).await
}

#[tokio::test]
async fn what_a_vanished_node_was_sending_ends_and_leaves_no_connection_and_no_file_open() {
    let cluster = Cluster::start().await;
    let chatty = json!({
        "Cmd": ["sh", "-c", "trap 'exit 0' TERM; while :; do date; sleep 0.1; done"], "Failover": "available",
    });
    let (task, home) = cluster.run("chatty", chatty).await;
    let before = cluster.descriptors();
    let mut output = cluster.follow(&task).await;
    for _ in 0..3 {
        output.next().await.expect("it has an output").unwrap();
    }
    assert!(!cluster.connections(home).is_empty());

    let cut = cluster.cut(home);
    let next = async || tokio::time::timeout(TOLD, output.next()).await;
    _ = cut.within(TOLD, "whoever reads is told", next, |piece| !matches!(piece, Ok(Some(Ok(_))))).await;
    drop(output);
    let connections = async || cluster.connections(home);
    cut.within(TOLD, "no connection is left", connections, Vec::is_empty).await;
    let descriptors = async || cluster.descriptors();
    cut.within(TOLD, "no file is left open", descriptors, |open| *open <= before).await;

    let healed = cluster.heal(home);
    cluster.until_one_is_left(&task, healed).await;
}
