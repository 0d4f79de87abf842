//! What an operator does with nodes, through the API of real processes: two workers on one engine.

use std::process::Output;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::orc::{PENDING, RUNNING, Setup, TestOrc, sleeper, with};
use crate::support::patience::until;

/// Two workers that have joined.
pub(super) async fn two_nodes() -> TestOrc {
    let orc = TestOrc::start_with(Setup { workers: 2, ..Setup::default() }).await;
    let both = |nodes: &Value| nodes.as_array().unwrap().len() == 2;
    until("both workers have joined", || orc.get("/nodes"), both).await;
    orc
}

async fn patch(orc: &TestOrc, node: &str, body: Value) -> Value {
    let answer = orc.ask("PATCH", &format!("/nodes/{node}"), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn only_on(rule: &str) -> Value {
    with(sleeper(), json!({ "Placement": { "Constraints": [rule] } }))
}

#[tokio::test]
async fn what_an_operator_says_of_a_node_is_shown_and_outlives_a_restart() {
    let mut orc = two_nodes().await;
    let said =
        json!({ "Labels": { "zone": "a", "old": "x" }, "Reserved": { "CPU": 0.5, "Memory": 1_048_576 } });
    patch(&orc, "worker-1", said).await;
    let changed =
        patch(&orc, "worker-1", json!({ "Availability": "pause", "Labels": { "old": null } })).await;
    let wanted = |node: &Value| {
        assert_eq!(node["Availability"], "pause");
        assert_eq!(node["Labels"], json!({ "zone": "a" }));
        assert_eq!(node["Reserved"], json!({ "CPU": 0.5, "Memory": 1_048_576, "Disk": 0 }));
    };
    wanted(&changed);
    orc.restart().await;
    let is_heard = |node: &Value| node["Message"].as_str().unwrap().starts_with("heard of");
    let node = until("it is heard of", || orc.get("/nodes/worker-1"), is_heard).await;
    wanted(&node);
    assert_eq!((&node["State"], &node["Leaving"], &node["Stuck"]), (&json!("ready"), &json!(0), &json!([])));
    assert_eq!(orc.get("/nodes").await[0]["Labels"], node["Labels"], "the list shows the same");
}

#[tokio::test]
async fn what_makes_no_sense_of_a_node_is_refused_and_changes_nothing() {
    let orc = two_nodes().await;
    for (body, status, words) in [
        (json!({ "Availability": "off" }), 400, &["Availability", "\"drain\""][..]),
        (
            json!({ "Labels": { "zone": "a" }, "Reserve": {} }),
            400,
            &["Reserve is no known field", "Reserved is"],
        ),
        (json!({ "Labels": { "zone": "a", "a b": "c" } }), 422, &["In Labels", "\"a b\" is no key"]),
        (json!({ "Labels": { "zone": "a" }, "Reserved": { "CPU": -1 } }), 422, &["Reserved.CPU is -1"]),
    ] {
        orc.ask("PATCH", "/nodes/worker-1", &body.to_string()).await.assert_refused(status, words);
    }
    assert_eq!(orc.get("/nodes/worker-1").await["Labels"], json!({}));
    for method in ["GET", "PATCH", "DELETE"] {
        let body = if method == "PATCH" { "{}" } else { "" };
        orc.ask(method, "/nodes/nowhere", body).await.assert_refused(404, &["No node is called nowhere"]);
    }
    orc.ask("DELETE", "/nodes/worker-1?forced=1", "").await.assert_refused(400, &["forced"]);
}

#[tokio::test]
async fn a_label_lets_a_waiting_task_in_that_asks_for_it() {
    let orc = two_nodes().await;
    let waits = orc.submit("waits", only_on("node.labels.zone==b")).await;
    let task = orc.until(&waits, "it says why it waits", |task| task["Message"] != "").await;
    assert_eq!(task["State"], PENDING);
    patch(&orc, "worker-2", json!({ "Labels": { "zone": "b" } })).await;
    assert_eq!(orc.until_state(&waits, RUNNING).await["Node"], "worker-2");
}

#[tokio::test]
async fn a_drained_node_gives_its_tasks_away_and_says_of_the_rest_why_they_stay() {
    let orc = two_nodes().await;
    // Never two of it at a time: it begins elsewhere once it has ended here.
    let free = orc.run("free", with(sleeper(), json!({ "Failover": "single" }))).await;
    let from = free["Node"].as_str().unwrap().to_owned();
    let bound = orc.run("bound", only_on(&format!("node.name=={from}"))).await;
    patch(&orc, &from, json!({ "Availability": "drain" })).await;

    let moved = |task: &Value| task["Node"] != from && task["State"] == RUNNING;
    orc.until(free["ID"].as_str().unwrap(), "the one that may moves", moved).await;
    let path = format!("/nodes/{from}");
    let is_settled = |node: &Value| node["TaskCount"] == 1 && node["Leaving"] == 0;
    let node = until("only one is left", || orc.get(&path), is_settled).await;
    let stuck = &node["Stuck"][0];
    assert_eq!((&stuck["Task"], &stuck["Name"]), (&bound["ID"], &bound["Name"]));
    let why = stuck["Why"].as_str().unwrap();
    assert!(why.contains(&format!("cannot leave {from}, which is being drained")), "{why}");
    let task = orc.task(bound["ID"].as_str().unwrap()).await;
    assert!(task["Message"].as_str().unwrap().ends_with(&format!("; {why}")), "{task}");

    patch(&orc, &from, json!({ "Availability": "active" })).await;
    assert_eq!(orc.get(&path).await["Stuck"], json!([]));
    let task = orc.task(bound["ID"].as_str().unwrap()).await;
    assert_eq!(task["Message"], bound["Message"], "it needs not leave any more");
}

#[tokio::test]
async fn the_command_waits_for_a_drain_and_fails_with_the_reasons_when_something_cannot_leave() {
    let orc = two_nodes().await;
    let free = orc.run("free", with(sleeper(), json!({ "Failover": "single" }))).await;
    let [from, to] = match free["Node"].as_str().unwrap() {
        "worker-1" => ["worker-1", "worker-2"],
        _ => ["worker-2", "worker-1"],
    };
    let drained = orc_node(&orc, &["drain", from]).await;
    assert_eq!(drained.status.code(), Some(0), "{drained:?}");
    assert_eq!(
        orc.task(free["ID"].as_str().unwrap()).await["Node"],
        to,
        "it has moved when the command ends"
    );
    assert_eq!(orc.get(&format!("/nodes/{from}")).await["TaskCount"], 0);

    orc_node(&orc, &["activate", from]).await;
    let bound = orc.run("bound", only_on(&format!("node.name=={to}"))).await;
    let drained = orc_node(&orc, &["drain", to]).await;
    let told = String::from_utf8(drained.stderr).unwrap();
    assert_eq!(drained.status.code(), Some(1), "{told}");
    let reason = format!("{}: cannot leave {to}, which is being drained", bound["Name"].as_str().unwrap());
    assert!(
        told.contains(&reason) && !told.contains(&format!("{}: cannot", free["Name"].as_str().unwrap())),
        "{told}"
    );
}

#[tokio::test]
async fn the_commands_say_what_the_api_says() {
    let orc = two_nodes().await;
    orc_node(&orc, &["label", "worker-1", "zone=a", "old=x"]).await;
    orc_node(&orc, &["label", "worker-1", "old-"]).await;
    orc_node(&orc, &["reserve", "worker-1", "--memory", "1m"]).await;
    let node = orc_node(&orc, &["inspect", "worker-1"]).await;
    let node: Value = serde_json::from_slice(&node.stdout).unwrap();
    assert_eq!(node["Labels"], json!({ "zone": "a" }));
    assert_eq!(node["Reserved"], json!({ "CPU": 0.0, "Memory": 1_048_576, "Disk": 0 }));
    let refused = orc_node(&orc, &["rm", "worker-1"]).await;
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && told.contains("Worker-1 is still heard of"), "{told}");
}

/// What `orc node` came to.
async fn orc_node(orc: &TestOrc, args: &[&str]) -> Output {
    let url = format!("http://localhost:{}", orc.manager_port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
    command.arg("node").args(args).args(["--manager", &url]).output().await.unwrap()
}

#[tokio::test]
async fn the_last_node_that_takes_tasks_is_drained_only_by_force() {
    let orc = two_nodes().await;
    let task = orc.run("only", only_on("node.name==worker-1")).await;
    patch(&orc, "worker-2", json!({ "Availability": "pause" })).await;
    let drain = json!({ "Availability": "drain", "Labels": { "zone": "a" } });
    orc.ask("PATCH", "/nodes/worker-1", &drain.to_string())
        .await
        .assert_refused(409, &["Worker-1 is the last node that takes tasks", "1 live tasks"]);
    let node = orc.get("/nodes/worker-1").await;
    assert_eq!((&node["Availability"], &node["Labels"]), (&json!("active"), &json!({})));
    let node = patch(&orc, "worker-1", json!({ "Availability": "drain", "Force": true })).await;
    assert_eq!(node["Availability"], "drain");
    assert_eq!(
        orc.task(task["ID"].as_str().unwrap()).await["State"],
        RUNNING,
        "it stays, for it can go nowhere"
    );
}

#[tokio::test]
async fn a_node_is_removed_once_it_is_silent_or_by_force() {
    let mut orc = TestOrc::start_split().await;
    let has_joined = |nodes: &Value| !nodes.as_array().unwrap().is_empty();
    until("the worker has joined", || orc.get("/nodes"), has_joined).await;
    orc.ask("DELETE", "/nodes/worker-1", "")
        .await
        .assert_refused(409, &["Worker-1 is still heard of", "force"]);
    let task = orc.run("left", sleeper()).await;
    orc.worker.as_mut().unwrap().kill9();
    let is_lost = |node: &Value| node["State"] == "unreachable";
    let node = until("it is missed", || orc.get("/nodes/worker-1"), is_lost).await;
    assert!(node["Message"].as_str().unwrap().starts_with("not heard of for"), "{node}");
    orc.ask("DELETE", "/nodes/worker-1", "").await.assert_refused(409, &["1 live tasks are on it"]);
    let answer = orc.ask("DELETE", "/nodes/worker-1?force=true", "").await;
    assert_eq!(answer.status, 204, "{answer:?}");
    orc.ask("GET", "/nodes/worker-1", "").await.assert_refused(404, &["worker-1"]);
    assert_eq!(orc.get("/nodes").await, json!([]));
    let task = orc.until_state(task["ID"].as_str().unwrap(), PENDING).await;
    assert_eq!(task["Node"], "", "it waits for another node");
}
