//! The worker's own endpoints: the same as the manager's, for this worker alone.

use serde_json::json;

use crate::support::http::ask;
use crate::support::orc::{COMPLETED, RUNNING, Setup, TestOrc, sleeper, with};
use crate::support::patience::until;

#[tokio::test]
async fn a_task_posted_to_a_worker_runs_there_and_nowhere_else() {
    let orc = TestOrc::start_with(Setup { workers: 3, ..Setup::default() }).await;
    until("three workers have joined", || orc.get("/nodes"), |nodes| nodes.as_array().unwrap().len() == 3)
        .await;
    let third = orc.worker_port + 2;
    let json = [("content-type", "application/json")];
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let body = json!({ "Task": with(sleeper(), json!({ "Name": orc.name(name) })) }).to_string();
        let answer = ask(third, "POST", "/tasks", &json, body).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        ids.push(answer.json()["Task"]["ID"].as_str().unwrap().to_owned());
    }
    for id in &ids {
        assert_eq!(orc.until_state(id, RUNNING).await["Node"], "worker-3");
    }
    let listed =
        async |port| ask(port, "GET", "/tasks", &[], "").await.unwrap().json().as_array().unwrap().len();
    assert_eq!(listed(third).await, 2);
    assert_eq!(listed(orc.worker_port).await, 0, "the others know nothing of it");
    let stats = ask(third, "GET", "/stats", &[], "").await.unwrap().json();
    assert_eq!(stats["TaskCount"], 2);

    let path = format!("/tasks/{}", ids[0]);
    ask(orc.worker_port, "DELETE", &path, &[], "").await.unwrap().assert_refused(404, &["worker-1", &ids[0]]);
    assert_eq!(ask(third, "DELETE", &format!("{path}/"), &[], "").await.unwrap().status, 204);
    orc.until_state(&ids[0], COMPLETED).await;
    orc.until_gone(&ids[0]).await;
    let look = || async { ask(third, "GET", "/stats", &[], "").await.unwrap().json() };
    until("the stopped task is not counted", look, |stats| stats["TaskCount"] == 1).await;
}

#[tokio::test]
async fn a_worker_whose_manager_is_away_says_so_and_shows_what_it_has() {
    let mut orc = TestOrc::start_split().await;
    let task = orc.run("orphan", sleeper()).await;
    let path = format!("/tasks/{}", task["ID"].as_str().unwrap());
    orc.main.kill9();
    let body = json!({ "Task": with(sleeper(), json!({ "Name": orc.name("late") })) }).to_string();
    for answer in [orc.ask_worker("POST", "/tasks", &body).await, orc.ask_worker("DELETE", &path, "").await] {
        answer.assert_refused(503, &["manager", "away", "again"]);
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    let tasks = orc.ask_worker("GET", "/tasks", "").await.json();
    assert_eq!(tasks[0]["ID"], task["ID"]);
    assert_eq!(tasks[0]["State"], RUNNING);
    assert_eq!(orc.ask_worker("GET", "/stats", "").await.json()["TaskCount"], 1);
    // What is not this worker's can be refused without asking anybody.
    let bad = orc.ask_worker("DELETE", "/tasks/7", "").await;
    bad.assert_refused(400, &["UUID"]);
}
