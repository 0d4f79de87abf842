//! A machine gets its share of what runs already.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::cluster::{Cluster, NODES};
use crate::engines::Seen;
use crate::fault::Fault;

/// Two tasks have moved by then, one after the other.
const MOVED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_node_that_takes_tasks_again_gets_its_share_and_each_task_runs_all_the_while_and_once_in_the_end() {
    let cluster = Cluster::start().await;
    cluster.set_availability("n3", "pause").await;
    let mut tasks = Vec::new();
    for number in 0..6 {
        let (task, place) = cluster.run(&format!("web-{number}"), json!({})).await;
        assert_ne!(place, "n3", "it is paused");
        tasks.push(task);
    }
    cluster.set_availability("n3", "active").await;
    let proposed = cluster.get("/rebalance").await;
    let moves = proposed["Moves"].as_array().unwrap();
    assert!(moves.len() == 2 && moves.iter().all(|one| one["To"] == "n3"), "{proposed:#}");

    let check = |seen: Seen| {
        for task in &tasks {
            let places = seen.places(task);
            assert!(!places.is_empty() && places.len() <= 2, "{task}: {seen:?}");
        }
    };
    cluster.engines.watch(rebalanced(&cluster, &tasks), check).await;
    for task in &tasks {
        let events = cluster.moves(task).await;
        assert!(events <= 1, "{task} moved {events} times");
    }
    let after = cluster.get("/rebalance").await;
    assert_eq!((&after["Moves"], &after["Wanted"], &after["UnderWay"]), (&json!([]), &json!(0), &json!(0)));
}

/// Asks for it, and waits until every engine has two tasks, and each task one container.
async fn rebalanced(cluster: &Cluster, tasks: &[String]) {
    let begun = cluster.post("/rebalance").await;
    assert_eq!(begun["Wanted"], 2, "{begun:#}");
    let even = |seen: &Seen| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for task in tasks {
            let places = seen.places(task);
            if places.len() != 1 {
                return false;
            }
            *counts.entry(places[0]).or_default() += 1;
        }
        NODES.iter().all(|node| counts.get(node) == Some(&2))
    };
    let look = async || cluster.engines.look().await;
    Fault::now().within(MOVED, "two tasks on each node, each once", look, even).await;
    for task in tasks {
        cluster.until_one_is_left(task, Fault::now()).await;
    }
}
