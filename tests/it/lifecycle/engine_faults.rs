//! An engine that dies, or hangs in one of its parts: each on an engine that the test has for itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orc::engine::{Deadlines, labels};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::decoys::Decoys;
use crate::support::history::History;
use crate::support::orc::{COMPLETED, RUNNING, SCHEDULED, Setup, TestOrc, sleeper, with};
use crate::support::patience::until;
use crate::support::private_engine::{PrivateEngine, shim_of, signal};

/// An orc on an engine of its own, which ends after it.
struct Apart {
    orc: TestOrc,
    engine: PrivateEngine,
}

impl Apart {
    async fn start() -> Self {
        let engine = PrivateEngine::start().await;
        let docker = engine.docker();
        let history = History::begin(docker.host.clone());
        let decoys = Arc::new(Decoys::make(docker.clone()).await);
        let orc = TestOrc::start_on(docker, history, decoys, Setup { workers: 1, ..Setup::default() }).await;
        Self { orc, engine }
    }

    /// Waits until the node is in this state, and gives it.
    async fn until_node(&self, state: &str) -> Value {
        let what = format!("the node is {state}");
        let nodes = until(&what, || self.orc.get("/nodes"), |nodes| nodes[0]["State"] == state).await;
        nodes[0].clone()
    }
}

fn id(task: &Value) -> &str {
    task["ID"].as_str().unwrap()
}

fn container(task: &Value) -> &str {
    task["ContainerID"].as_str().unwrap()
}

/// F48.
#[tokio::test]
async fn an_engine_that_was_killed_costs_each_task_one_attempt_and_is_nobodys_fault() {
    let mut apart = Apart::start().await;
    // Docker ends these when it is back; a policy that allows no failure shows that this is none.
    let strict = json!({ "RestartPolicy": "on-failure:0" });
    let mut before = BTreeMap::new();
    for number in 0..3 {
        let task = apart.orc.run(format!("lives-{number}"), with(sleeper(), strict.clone())).await;
        before.insert(id(&task).to_owned(), task);
    }
    apart.engine.kill_dockerd();
    let node = apart.until_node("degraded").await;
    assert!(node["Message"].as_str().unwrap().contains("Docker Engine cannot be reached"), "{node}");
    for id in before.keys() {
        assert_eq!(apart.orc.task(id).await["State"], RUNNING, "nothing is known to have changed");
    }
    // What is wanted meanwhile is done once the engine is back.
    let late = apart.orc.submit("late", sleeper()).await;
    apart.engine.start_dockerd().await;
    apart.until_node("ready").await;
    for task in before.values() {
        let now = apart.orc.until_replaced(task).await;
        assert_eq!((&now["RestartCount"], &now["Attempt"]), (&json!(1), &json!(2)), "{now}");
        let events = apart.orc.events(id(task)).await;
        let why = events.iter().find(|event| event["Kind"] == "restarting").unwrap();
        assert!(why["Message"].as_str().unwrap().contains("its engine was restarted"), "{why}");
    }
    apart.orc.until_state(&late, RUNNING).await;
    // The decoys have ended with the engine.
    apart.orc.forget_decoys();
}

/// F55 and F54: the process that holds one container dies, or hangs.
#[tokio::test]
async fn a_shim_that_dies_costs_one_restart_and_one_that_hangs_holds_up_its_own_task_alone() {
    let mut apart = Apart::start().await;
    let shot = apart.orc.run("shot", sleeper()).await;
    signal(shim_of(container(&shot)), Signal::KILL);
    let again = apart.orc.until_replaced(&shot).await;
    assert_eq!((&again["RestartCount"], &again["Attempt"]), (&json!(1), &json!(2)));

    let stuck = apart.orc.run("stuck", with(sleeper(), json!({ "StopTimeout": 1 }))).await;
    let other = apart.orc.run("other", sleeper()).await;
    let shim = shim_of(container(&stuck));
    apart.engine.freeze(shim);
    apart.orc.delete(id(&stuck)).await;
    let begun = Instant::now();
    apart.orc.delete(id(&other)).await;
    apart.orc.until_state(id(&other), COMPLETED).await;
    let next = apart.orc.run("next", sleeper()).await;
    apart.orc.docker.remove(container(&next)).await;
    apart.orc.until_replaced(&next).await;
    let waiting = apart.orc.task(id(&stuck)).await;
    assert_eq!(waiting["State"], RUNNING, "it is still there after {:?}: {waiting}", begun.elapsed());
    apart.engine.thaw();
    apart.orc.until_state(id(&stuck), COMPLETED).await;
    apart.orc.until_gone(id(&stuck)).await;
}

/// F52 and F47, on an engine each: both take their deadlines.
#[tokio::test]
async fn an_engine_that_hangs_is_told_of_and_what_it_does_late_is_taken_as_it_is() {
    tokio::join!(dockerd_hangs(), containerd_hangs());
}

/// The engine accepts connections and says nothing.
async fn dockerd_hangs() {
    let mut apart = Apart::start().await;
    let task = apart.orc.run("kept", sleeper()).await;
    let dockerd = apart.engine.dockerd();
    apart.engine.freeze(dockerd);
    let node = apart.until_node("degraded").await;
    assert!(node["Message"].as_str().unwrap().contains("has not answered within"), "{node}");
    assert_eq!(apart.orc.task(id(&task)).await["State"], RUNNING, "nothing is known to have changed");
    let late = apart.orc.submit("late", sleeper()).await;
    apart.engine.thaw();
    apart.until_node("ready").await;
    apart.orc.until_state(&late, RUNNING).await;
    let now = apart.orc.task(id(&task)).await;
    assert_eq!((&now["ContainerID"], &now["RestartCount"]), (&task["ContainerID"], &json!(0)));
}

/// Containers are listed and created, and not started; a start that was given up is done later.
async fn containerd_hangs() {
    let mut apart = Apart::start().await;
    let containerd = apart.engine.containerd();
    apart.engine.freeze(containerd);
    let begun = Instant::now();
    let late = apart.orc.submit("late", sleeper()).await;
    let unwanted = apart.orc.submit("unwanted", sleeper()).await;
    for id in [&late, &unwanted] {
        // A list only: to look closely at one that is being started hangs, too.
        let label = format!("{}={id}", labels::TASK);
        let look = || apart.orc.docker.list(&label);
        until("its container is created", look, |found| found.len() == 1).await;
    }
    apart.orc.delete(&unwanted).await;
    // Nothing shows that the calls were given up: that is so once their deadline has passed.
    tokio::time::sleep_until(begun + Deadlines::default().slow + Duration::from_secs(3)).await;
    let waits = apart.orc.task(&late).await;
    assert_eq!(waits["State"], SCHEDULED, "{waits}");
    apart.engine.thaw();
    let runs = apart.orc.until_state(&late, RUNNING).await;
    assert_eq!((&runs["Attempt"], &runs["RestartCount"]), (&json!(1), &json!(0)), "{runs}");
    assert_eq!(apart.orc.containers_of(&late).await.len(), 1);
    apart.orc.until_state(&unwanted, COMPLETED).await;
    apart.orc.until_gone(&unwanted).await;
}
