//! Engines that hang in part, or are killed by themselves.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE};
use crate::engines::Seen;
use crate::fault::Fault;

/// An engine that answers nothing but lists is known to hang by then: asked every 10 s, it has 10 s to answer.
const SAID: Duration = Duration::from_secs(25);

/// dockerd takes about 11 s to be back, for it waits for containers that it does not find at once.
const BACK: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_engine_that_hangs_behind_its_lists_is_said_to_hang_and_one_that_is_killed_restarts_each_task_once()
 {
    let cluster = Cluster::start().await;
    let (kept, hung) = cluster.run("kept", json!({})).await;
    let (restarted, killed) = cluster.run("restarted", json!({ "RestartPolicy": "on-failure:1" })).await;
    let before = cluster.engines.look().await;
    assert_ne!(hung, killed);

    let stopped = cluster.signal_engine(hung, "containerd", Signal::STOP);
    let ended = cluster.signal_engine(killed, "dockerd", Signal::KILL);
    let look = async || cluster.engines.look().await;
    let is_new = |seen: &Seen| {
        seen.places(&restarted) == [killed]
            && !seen.live.iter().any(|one| before.live.contains(one) && one.task == restarted)
    };
    ended.within(BACK, "the task of the killed engine runs anew", look, is_new).await;
    let path = format!("/tasks/{restarted}");
    let told = |task: &Value| {
        (&task["State"], &task["RestartCount"], &task["Node"]) == (&json!(2), &json!(1), &json!(killed))
    };
    ended.within(BACK, "the manager knows that", async || cluster.get(&path).await, told).await;
    let kinds = cluster.kinds(&restarted).await;
    assert!(
        !kinds.contains(&"failed".to_owned()),
        "an engine that is away is not a task that failed: {kinds:?}"
    );

    let state = async || cluster.state_of(hung).await;
    stopped.within(SAID, "the node says so", state, |state| state == "degraded").await;
    // Other nodes go on, and nothing new goes there.
    let begun = Fault::now();
    let (_, place) = cluster.run("new", json!({})).await;
    assert_ne!(place, hung);
    begun.within(PATIENCE / 5, "others are not held up", look, |seen| !seen.live.is_empty()).await;
    let seen = cluster.engines.look().await;
    assert_eq!(seen.places(&kept), [hung], "nothing was done in doubt");

    let healed = cluster.signal_engine(hung, "containerd", Signal::CONT);
    healed.within(PATIENCE, "the node is ready", state, |state| state == "ready").await;
    assert_eq!(cluster.until_one_is_left(&kept, healed).await, hung);
    let after = cluster.engines.look().await;
    assert!(
        before.live.iter().filter(|one| one.task == kept).all(|one| after.live.contains(one)),
        "the same container"
    );
    assert_eq!(cluster.until_one_is_left(&restarted, Fault::now()).await, killed);
}
