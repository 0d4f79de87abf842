//! Workers that are one too many, and nodes that are asked to leave.

use std::time::Duration;

use serde_json::json;

use crate::cluster::Cluster;
use crate::engines::Seen;
use crate::fault::Fault;

/// More than a lease.
const LONG: Duration = Duration::from_secs(10);

/// A worker that follows one that was killed has begun what it was given by then.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_copy_of_a_worker_on_another_machine_begins_nothing_and_one_that_is_killed_is_followed_at_once() {
    let mut cluster = Cluster::start().await;
    let (task, home) = cluster.run("web", json!({})).await;
    let elsewhere = if home == "n1" { "n2" } else { "n1" };
    let before = cluster.engines.look().await;
    let copied = async {
        let copy = cluster.start_copy(home, elsewhere).await;
        let said = async || copy.log();
        let sentence = format!("nother worker speaks for {home} already");
        Fault::now().within(LONG, "it is refused", said, |log| log.contains(&sentence)).await;
        tokio::time::sleep(LONG).await;
        copy
    };
    let check = |seen| assert_eq!(seen, before, "the same container all the time");
    let mut copy = cluster.engines.watch(copied, check).await;
    assert_eq!((cluster.state_of(home).await.as_str(), cluster.losses(home).await), ("ready", 0));
    assert_eq!(cluster.moves(&task).await, 0);
    copy.kill9();

    let others = ["n1", "n2", "n3"].into_iter().filter(|node| *node != home);
    for node in others {
        cluster.set_availability(node, "pause").await;
    }
    let restarted = cluster.restart_worker(home).await;
    let (next, _) = cluster.run("next", json!({})).await;
    let look = async || cluster.engines.look().await;
    let runs = |seen: &Seen| seen.places(&next) == [home] && seen.places(&task) == [home];
    restarted.within(SOON, "the worker that follows has begun a task", look, runs).await;
    assert_eq!(cluster.losses(home).await, 0);
}

#[tokio::test]
async fn a_node_that_lives_is_not_removed_and_a_drain_tells_how_far_it_is() {
    let cluster = Cluster::start().await;
    cluster.set_availability("n2", "pause").await;
    cluster.set_availability("n3", "pause").await;
    let mut tasks = Vec::new();
    for name in ["one", "two", "three"] {
        tasks.push(cluster.run(name, json!({ "StopTimeout": 1 })).await.0);
    }
    let before = cluster.engines.look().await;
    let refusal = cluster.remove("n1").await.unwrap_err().to_string();
    assert!(refusal.starts_with("N1 is still heard of: end its worker first"), "{refusal}");
    assert_eq!(cluster.engines.look().await, before);
    assert_eq!(cluster.state_of("n1").await, "ready");

    cluster.set_availability("n2", "active").await;
    cluster.set_availability("n3", "active").await;
    let drained = cluster.command(&["node", "drain", "n1"]).await;
    let said = String::from_utf8(drained.stderr).unwrap();
    assert!(drained.status.success(), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let (last, progress) = lines.split_last().unwrap();
    assert_eq!(*last, "n1 has no tasks any more");
    assert!(progress[0].starts_with("0 of 3 tasks moved"), "{said}");
    assert!(progress.iter().all(|line| line.contains(" of 3 tasks moved")), "{said}");
    for task in &tasks {
        assert_ne!(cluster.until_one_is_left(task, Fault::now()).await, "n1");
        assert_eq!(cluster.moves(task).await, 1);
    }
}
