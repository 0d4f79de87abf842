//! `orc stop`: ends tasks for good.

use serde_json::{Value, json};

use super::{Orc, StandIn, end_of};

async fn manager_of_two() -> StandIn {
    let manager = StandIn::start().await;
    manager.has(&json!({ "ID": "019a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b", "Name": "web" }));
    manager.has(&json!({ "ID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "Name": "db" }));
    manager
}

#[tokio::test]
async fn a_stop_ends_when_the_tasks_have() {
    let manager = manager_of_two().await;
    let mut child = Orc::of(&manager).start(&["stop", "web", "bb1d"]);
    manager.is_asked("DELETE /tasks/019a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b").await;
    manager.is_asked("DELETE /tasks/bb1d59ef-9fc1-4e4b-a44d-db571eeed203").await;
    manager.tells("db", &json!({ "State": 3 }), "stopped");
    assert!(child.try_wait().unwrap().is_none(), "web runs yet");
    manager.tells("web", &json!({ "State": 3 }), "stopped");

    let ended = end_of(child).await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "web\nbb1d\n", ""));
}

#[tokio::test]
async fn a_task_that_is_not_there_keeps_no_other_from_being_stopped() {
    let manager = manager_of_two().await;
    let ended = Orc::of(&manager).run(&["stop", "--no-wait", "--json", "nobody", "web"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.starts_with("error: no task has the ID or the name \"nobody\""), "{}", ended.stderr);
    let stopped: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(stopped.iter().map(|task| &task["Message"]).collect::<Vec<_>>(), ["is asked to stop"]);
}
