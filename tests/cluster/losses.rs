//! A node is lost, by its cable or with all that runs on it, and comes back.

use std::time::Duration;

use serde_json::json;

use crate::cluster::Cluster;
use crate::engines::Seen;

/// The manager says by then that a node is lost.
const TOLD: Duration = Duration::from_secs(10);

/// What is available runs elsewhere by then.
const ELSEWHERE: Duration = Duration::from_secs(15);

/// What may run only once, and gets a second to stop, runs elsewhere by then: the lease of 6 s and the stop, both and a
/// tenth, 5 s for the engine to kill, and a start.
const ONCE_ELSEWHERE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_available_task_runs_elsewhere_when_its_node_is_cut_off_and_once_when_it_is_back() {
    let cluster = Cluster::start().await;
    let (task, home) = cluster.run("web", json!({ "Failover": "available" })).await;

    let cut = cluster.cut(home);
    cut.within(
        TOLD,
        "the node is lost",
        async || cluster.state_of(home).await,
        |state| state == "unreachable",
    )
    .await;
    let elsewhere = |seen: &Seen| seen.places(&task).iter().any(|node| *node != home);
    cut.within(ELSEWHERE, "it runs elsewhere", async || cluster.engines.look().await, elsewhere).await;
    assert!(
        cluster.engines.look().await.places(&task).contains(&home),
        "nobody can tell the node that it is lost"
    );

    let healed = cluster.heal(home);
    let place = cluster.until_one_is_left(&task, healed).await;
    assert_ne!(place, home, "the new one stays, for it is in use");
    assert_eq!(cluster.moves(&task).await, 1);
}

#[tokio::test]
async fn a_single_task_never_runs_twice_and_runs_elsewhere_once_its_node_has_stopped_it() {
    let cluster = Cluster::start().await;
    let (task, home) = cluster.run("ledger", json!({ "Failover": "single", "StopTimeout": 1 })).await;

    let mut looks = 0;
    let mut has_stopped = false;
    let check = |seen: Seen| {
        looks += 1;
        let places = seen.places(&task);
        assert!(places.len() <= 1 && seen.silent.is_empty(), "look {looks}: {seen:?}");
        has_stopped |= places.is_empty();
        assert!(places.is_empty() || places == [home] || has_stopped, "look {looks}: {seen:?}");
    };
    let place = cluster.engines.watch(cut_and_heal(&cluster, &task, home), check).await;
    assert_ne!(place, home);
    assert!(has_stopped && looks > 100, "{looks} looks saw all of it");
}

/// Where the task is in the end.
async fn cut_and_heal(cluster: &Cluster, task: &str, home: &str) -> &'static str {
    let cut = cluster.cut(home);
    let look = async || cluster.engines.look().await;
    cut.within(ONCE_ELSEWHERE, "its node stops it", look, |seen| seen.places(task).is_empty()).await;
    let elsewhere = |seen: &Seen| seen.places(task).iter().any(|node| *node != home);
    cut.within(ONCE_ELSEWHERE, "it runs elsewhere", look, elsewhere).await;
    let healed = cluster.heal(home);
    healed
        .within(TOLD, "the node is back", async || cluster.state_of(home).await, |state| state == "ready")
        .await;
    cluster.until_one_is_left(task, healed).await
}

#[tokio::test]
async fn a_task_runs_elsewhere_when_its_worker_and_engine_are_killed_and_once_when_they_are_back() {
    let mut cluster = Cluster::start().await;
    let (task, home) =
        cluster.run("web", json!({ "Failover": "available", "RestartPolicy": "always" })).await;

    let off = cluster.power_off(home);
    let look = async || cluster.engines.look().await;
    off.within(
        TOLD,
        "the node is lost",
        async || cluster.state_of(home).await,
        |state| state == "unreachable",
    )
    .await;
    let elsewhere = |seen: &Seen| seen.silent == [home] && !seen.places(&task).is_empty();
    let seen = off.within(ELSEWHERE, "it runs elsewhere", look, elsewhere).await;
    let new_home = seen.places(&task)[0];

    let on = cluster.power_on(home).await;
    on.within(TOLD, "the node is back", async || cluster.state_of(home).await, |state| state == "ready")
        .await;
    assert_eq!(cluster.until_one_is_left(&task, on).await, new_home);
    assert_eq!(cluster.moves(&task).await, 1);
}
