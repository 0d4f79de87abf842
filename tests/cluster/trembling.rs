//! Faults that pass: a manager that sleeps, a cable with a loose contact. They must not chase tasks around.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::cluster::Cluster;
use crate::fault::Fault;

/// More than two leases.
const SLEEP: Duration = Duration::from_secs(15);

/// After a fault nothing is decided any more that follows from it.
const SETTLED: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_manager_that_slept_longer_than_a_lease_moves_nothing() {
    let cluster = Cluster::start().await;
    let mut tasks = Vec::new();
    for name in ["one", "two", "three"] {
        tasks.push(cluster.run(name, json!({ "Failover": "available" })).await.0);
    }
    let before = cluster.engines.look().await;
    assert_eq!(before.live.len(), 3);

    let asleep = async {
        cluster.signal_manager(Signal::STOP);
        tokio::time::sleep(SLEEP).await;
        cluster.signal_manager(Signal::CONT);
        tokio::time::sleep(SETTLED).await;
    };
    cluster.engines.watch(asleep, |seen| assert_eq!(seen, before, "the same containers all the time")).await;

    cluster.until_ready(&crate::cluster::NODES).await;
    for task in &tasks {
        assert_eq!(cluster.moves(task).await, 0);
    }
}

#[tokio::test]
async fn a_cable_with_a_loose_contact_moves_a_task_once_at_most() {
    let cluster = Cluster::start().await;
    let (task, home) = cluster.run("web", json!({ "Failover": "available" })).await;

    let trembling = async {
        let mut healed = Fault::now();
        for _ in 0..5 {
            cluster.cut(home);
            tokio::time::sleep(Duration::from_secs(2)).await;
            healed = cluster.heal(home);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        healed
    };
    let mut most = 0;
    let healed = cluster.engines.watch(trembling, |seen| most = most.max(seen.places(&task).len())).await;

    cluster.until_one_is_left(&task, healed).await;
    assert!(cluster.moves(&task).await <= 1 && most <= 2, "{most} at once");
}
