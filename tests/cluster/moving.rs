//! A manager that is at another address from one moment to the next.

use serde_json::json;

use crate::cluster::{Cluster, PATIENCE};
use crate::fault::Fault;

#[tokio::test]
async fn a_worker_that_knows_both_addresses_follows_its_manager_and_keeps_what_it_runs() {
    let mut cluster = Cluster::start().await;
    let (one, other) = cluster.manager_addresses();
    let both = format!("https://{one}:8000,https://{other}:8000");
    cluster.replace_worker("n1", &["--manager", &both]).await;
    let there = json!({ "Placement": { "Constraints": ["node.name==n1"] } });
    let (before, _) = cluster.run("before", there.clone()).await;
    let placed = cluster.engines.look().await;

    cluster.move_manager().await;
    // That it runs within its patience is what shows that the worker has followed.
    let (after, _) = cluster.run("after", there).await;
    let seen = cluster.engines.look().await;
    assert_eq!((seen.places(&before), seen.places(&after)), (placed.places(&before), vec!["n1"]));
    assert_eq!(cluster.losses("n1").await, 0);
    // The others know the former address alone.
    let look = async || cluster.state_of("n2").await;
    Fault::now().within(PATIENCE, "the others are missed", look, |state| state == "unreachable").await;
}
