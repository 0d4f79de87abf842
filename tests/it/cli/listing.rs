//! `orc ps`, `orc nodes`, `orc inspect`: what there is.

use axum::http::StatusCode;
use axum::{Router, routing};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::{Orc, StandIn};

/// Five tasks, more than one page; two of them are over.
async fn manager_of_five() -> StandIn {
    let manager = StandIn::start().await;
    for (number, state) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, -1)] {
        let id = format!("0{number}9a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b");
        manager.has(&json!({ "ID": id, "Name": format!("task-{number}"), "State": state }));
    }
    manager
}

#[tokio::test]
async fn live_tasks_are_listed_from_all_pages() {
    let manager = manager_of_five().await;
    let orc = Orc::of(&manager);
    let ended = orc.run(&["ps"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("ID         NAME     IMAGE"), "{}", lines[0]);
    assert!(lines[3].starts_with("039a2b3c   task-3   nginx:1.29   running"), "{}", lines[3]);
    assert_eq!(lines.len(), 4, "{}", ended.stdout);

    let all = orc.run(&["ps", "--all", "--no-trunc"]).await.stdout;
    assert!(
        all.contains("059a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b   task-5") && all.lines().count() == 6,
        "{all}"
    );
}

#[tokio::test]
async fn tasks_are_picked_by_state_name_and_node() {
    let manager = manager_of_five().await;
    manager.has(&json!({ "Name": "elsewhere", "Node": "worker-2" }));
    let orc = Orc::of(&manager);
    let names = async |args: &[&str]| {
        let ended = orc.run(&[&["ps", "--json"], args].concat()).await;
        let tasks: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
        tasks.iter().map(|task| task["Name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--state", "failed", "--state", "completed"]).await, ["task-4", "task-5"]);
    assert_eq!(names(&["--name", "task-2"]).await, ["task-2"]);
    assert_eq!(names(&["--node", "worker-2"]).await, ["elsewhere"]);
    assert_eq!(names(&["--name", "nobody"]).await, [""; 0]);
}

#[tokio::test]
async fn a_task_is_meant_by_id_by_the_beginning_of_it_or_by_name() {
    let manager = manager_of_five().await;
    let orc = Orc::of(&manager);
    for word in
        ["039a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b", "039A2B3C4D5E7F3A8B1C5D6E7F809A1B", "039", "03", "task-3"]
    {
        let ended = orc.run(&["inspect", word]).await;
        assert_eq!(ended.code, Some(0), "{word}: {}", ended.stderr);
        let task: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(task["Name"], "task-3", "{word}");
    }
    // Those that are over are meant only when no live one is.
    let over: Value = serde_json::from_str(&orc.run(&["inspect", "05"]).await.stdout).unwrap();
    assert_eq!(over["Name"], "task-5");
    for (word, reason) in [("0", "begins the IDs of 3 tasks"), ("web", "no task has"), ("ff", "no task has")]
    {
        let ended = orc.run(&["inspect", word]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{word}");
        assert!(ended.stderr.contains(reason) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
    }
    let unknown = orc.run(&["inspect", "bb1d59ef-9fc1-4e4b-a44d-db571eeed203"]).await;
    assert!(unknown.code == Some(1) && unknown.stderr.contains("orc ps -a"), "{}", unknown.stderr);
}

#[tokio::test]
async fn nodes_are_listed() {
    let manager = StandIn::start().await;
    manager.has_node(&json!({ "Name": "worker-7" }));
    let orc = Orc::of(&manager);
    let ended = orc.run(&["nodes"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.lines().nth(1).unwrap().starts_with("worker-7   ready   active"),
        "{}",
        ended.stdout
    );
    let nodes: Value = serde_json::from_str(&orc.run(&["nodes", "--json"]).await.stdout).unwrap();
    assert_eq!(nodes[0]["CPUAllocated"], 0.5);
}

#[tokio::test]
async fn a_server_that_is_no_manager_is_told_from_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/nodes", routing::get(async || "<html>"))
        .fallback(async || (StatusCode::NOT_FOUND, "<html>"));
    TaskTracker::new().spawn(axum::serve(listener, router).into_future());
    for command in ["ps", "nodes"] {
        let ended = Orc::alone().run(&[command, "--manager", &url]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{command}");
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}
