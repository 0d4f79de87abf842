//! Three machines become a cluster.

use std::collections::BTreeSet;

use serde_json::json;

use crate::cluster::{Cluster, NODES};

#[tokio::test]
async fn three_nodes_join_by_the_printed_line_and_tasks_are_spread_over_them() {
    let cluster = Cluster::start().await;
    let nodes = cluster.get("/nodes").await;
    let names: Vec<&str> =
        nodes.as_array().unwrap().iter().map(|node| node["Name"].as_str().unwrap()).collect();
    assert_eq!(names, NODES);
    let addresses: BTreeSet<&str> =
        nodes.as_array().unwrap().iter().map(|node| node["Ip"].as_str().unwrap()).collect();
    assert_eq!(addresses.len(), 3, "each is known by an address of its own: {addresses:?}");

    // The same port of the host: each machine has its own.
    let ports = json!({
        "ExposedPorts": { "80/tcp": {} }, "PortBindings": { "80/tcp": "8080" }, "PublishMode": "host",
    });
    let mut places = BTreeSet::new();
    for name in ["one", "two", "three"] {
        places.insert(cluster.run(name, ports.clone()).await.1);
    }
    assert_eq!(places, BTreeSet::from(NODES));
}
