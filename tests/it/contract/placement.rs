//! Where tasks may go and why they went there, through the API and the command line of real processes.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::orc::{FAILED, PENDING, RUNNING, Setup, TestOrc, shell, sleeper, with};

async fn two_workers() -> TestOrc {
    let orc = TestOrc::start_with(Setup { workers: 2, ..Setup::default() }).await;
    let both = |nodes: &Value| nodes.as_array().unwrap().len() == 2;
    crate::support::patience::until("both workers have joined", || orc.get("/nodes"), both).await;
    orc
}

fn placed(placement: &Value) -> Value {
    with(sleeper(), json!({ "Placement": placement, "Labels": { "app": "web" } }))
}

/// What `orc` prints.
async fn told(orc: &TestOrc, args: &[&str]) -> String {
    let url = format!("http://localhost:{}", orc.manager_port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
    let output = command.args(args).args(["--manager", &url]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_task_goes_where_its_rules_say_and_why_tells_how() {
    let orc = two_workers().await;
    let rules = json!({ "Constraints": ["node.name!=worker-1", "node.engine>=1"], "AntiAffinity": ["app"] });
    let first = orc.run("first", placed(&rules)).await;
    assert_eq!(first["Node"], "worker-2");
    assert_eq!(
        first["Placement"],
        json!({ "Constraints": ["node.name!=worker-1", "node.engine>=1"], "Preferences": [], "AntiAffinity": ["app"] })
    );
    let second = orc.submit("second", placed(&rules)).await;
    let waits =
        "no node fits: 1 does not match \"node.name!=worker-1\", 1 runs a task with the same label app=web";
    orc.until(&second, "the second task says why it waits", |task| task["Message"] == waits).await;

    let why = orc.get(&format!("/tasks/{}/why", first["ID"].as_str().unwrap())).await;
    assert_eq!((&why["Node"], &why["State"]), (&json!("worker-2"), &json!(RUNNING)));
    let decision = why["Decisions"].as_array().unwrap().last().unwrap();
    assert_eq!(decision["Fit"], json!([{ "Node": "worker-2", "Score": "next in turn" }]));
    assert_eq!(
        decision["LeftOut"],
        json!([{ "Reason": "does not match \"node.name!=worker-1\"", "Count": 1, "Nodes": ["worker-1"] }])
    );
    let why = orc.get(&format!("/tasks/{second}/why")).await;
    let decision = why["Decisions"].as_array().unwrap().last().unwrap();
    assert_eq!((&decision["Node"], &decision["Summary"]), (&json!(""), &json!(waits)));

    let text = told(&orc, &["why", &second]).await;
    assert!(text.contains("is pending: no node fits") && text.contains(": worker-2"), "{text}");
    orc.delete(first["ID"].as_str().unwrap()).await;
    let second = orc.until_state(&second, RUNNING).await;
    assert_eq!(second["Node"], "worker-2", "it was waiting for this place");
}

#[tokio::test]
async fn preferences_go_before_the_scheduler() {
    let orc = two_workers().await;
    let prefers = json!({ "Preferences": [{ "Prefer": "node.name==worker-2", "Weight": 10 }] });
    for name in ["first", "second"] {
        let task = orc.run(name, placed(&prefers)).await;
        assert_eq!(task["Node"], "worker-2");
    }
    let spread = json!({ "Preferences": [{ "Spread": { "SpreadDescriptor": "node.name", "Of": "app" } }] });
    let third = orc.run("third", placed(&spread)).await;
    assert_eq!(third["Node"], "worker-1");
    let text = told(&orc, &["why", third["ID"].as_str().unwrap()]).await;
    assert!(
        text.contains("* worker-1  50 points (50 to spread over node.name of app); next in turn"),
        "{text}"
    );
    assert!(text.contains("worker-2  0 points"), "{text}");
}

#[tokio::test]
async fn why_tells_every_restart_with_its_cause_and_exit_code() {
    let orc = TestOrc::start().await;
    let id = orc.submit("fails", with(shell("exit 7"), json!({ "RestartPolicy": "on-failure:1" }))).await;
    orc.until_state(&id, FAILED).await;
    let path = format!("/tasks/{id}/why");
    let restarts = |why: &Value| why["Restarts"].as_array().unwrap().clone();
    let why = crate::support::patience::until(
        "the restart is told",
        || orc.get(&path),
        |why| !restarts(why).is_empty(),
    );
    let restarts = restarts(&why.await);
    assert_eq!(restarts.len(), 1);
    assert_eq!((&restarts[0]["Attempt"], &restarts[0]["ExitCode"]), (&json!(1), &json!(7)));
    assert!(
        restarts[0]["Cause"].as_str().unwrap().contains("exited with code 7; restart 1 of 1"),
        "{restarts:?}"
    );
    let text = told(&orc, &["why", &id]).await;
    assert!(text.contains("attempt 1 on worker-1, exit code 7: "), "{text}");
    orc.ask("GET", "/tasks/00000000-0000-4000-8000-000000000000/why", "")
        .await
        .assert_refused(404, &["No task"]);
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused_with_what_would() {
    let orc = TestOrc::start().await;
    for (placement, status, words) in [
        (
            json!({ "Constraints": ["zone==a"] }),
            400,
            &["Task.Placement.Constraints[0]", "node.labels.zone"][..],
        ),
        (json!({ "Constraints": ["node.labels.zone=a"] }), 400, &["\"=\"", "==, !=, >="]),
        (json!({ "Constraints": ["node.labels.-=="] }), 400, &["names no label", "a-z A-Z 0-9"]),
        (json!({ "Constraint": [] }), 400, &["Task.Placement.Constraint is no known field", "Constraints"]),
        (json!({ "Preferences": [{ "Weight": 1 }] }), 422, &["Task.Placement.Preferences[0]", "neither"]),
        (
            json!({ "AntiAffinity": ["tier"] }),
            422,
            &["Task.Placement.AntiAffinity[0]", "\"tier\"", "Task.Labels"],
        ),
    ] {
        let body = json!({ "Task": { "Name": "ok-name", "Image": "i", "Placement": placement } }).to_string();
        orc.ask("POST", "/tasks", &body).await.assert_refused(status, words);
    }
    assert_eq!(orc.get("/tasks").await, json!([]), "a 4xx changes nothing");
    let id = orc.submit("nowhere", placed(&json!({ "Constraints": ["node.labels.zone==a"] }))).await;
    // Before the worker has joined, it waits for that.
    let why = "no node fits: 1 does not match \"node.labels.zone==a\"";
    let task = orc.until(&id, "it says why it waits", |task| task["Message"] == why).await;
    assert_eq!(task["State"], PENDING);
}
