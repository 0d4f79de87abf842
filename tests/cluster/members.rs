//! Nodes that are asked to leave.

use serde_json::json;

use crate::cluster::Cluster;
use crate::fault::Fault;

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
