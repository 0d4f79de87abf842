//! Data that is on one of three machines: what needs it goes there, or waits.

use serde_json::json;

use crate::cluster::Cluster;
use crate::fault::Fault;

/// A lease, and time to do what follows.
const LOST: std::time::Duration = std::time::Duration::from_secs(15);

#[tokio::test]
async fn a_task_with_a_volume_runs_where_that_is_and_waits_while_its_node_is_away() {
    let cluster = Cluster::start().await;
    let mounts = json!([{ "Type": "volume", "Source": "pgdata", "Target": "/data" }]);
    // Somewhere else than the next that has no such wish would go.
    let first = json!({ "Mounts": mounts, "Placement": { "Constraints": ["node.name==n2"] } });
    let (writer, _) = cluster.run("writer", first).await;
    cluster.stop(&writer).await;

    let (reader, at) = cluster.run("reader", json!({ "Mounts": mounts })).await;
    assert_eq!(at, "n2");
    cluster.cut("n2");
    let look = async || cluster.get(&format!("/tasks/{reader}/events")).await.to_string();
    let says = |events: &String| {
        events.contains("it cannot run elsewhere: its volume pgdata is on n2; no node fits")
    };
    Fault::now().within(LOST, "it says where its volume is", look, says).await;
    let since = cluster.heal("n2");
    assert_eq!(cluster.until_one_is_left(&reader, since).await, "n2");
    assert_eq!(cluster.moves(&reader).await, 0);
}
