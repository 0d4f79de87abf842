//! `orc run`: what is sent, what is waited for, and how it ends.

use std::process::Stdio;

use axum::http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{Orc, StandIn, end_of};

#[tokio::test]
async fn a_task_is_waited_for_until_it_runs_and_what_happens_meanwhile_is_told() {
    let manager = StandIn::start().await;
    let child = Orc::of(&manager).start(&["run", "nginx:1.29", "--name", "web", "-p", "80"]);
    let event = manager.is_given(1).await.remove(0);
    manager.tells("web", &json!({ "State": 1, "Node": "worker-1" }), "placed on worker-1");
    manager.tells("web", &json!({}), "pulling nginx:1.29\u{1b}[31m");
    let ports = json!({ "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "32768" }] });
    manager.tells("web", &json!({ "State": 2, "Attempt": 1, "HostPorts": ports }), "started");

    let ended = end_of(child).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, format!("{}\n", event["Task"]["ID"].as_str().unwrap()), "nothing else");
    assert_eq!(
        ended.stderr,
        "web: placed on worker-1\nweb: pulling nginx:1.29\\u{1b}[31m\nweb: started\n\
         web runs on worker-1 at 0.0.0.0:32768->80/tcp\n"
    );
    assert_eq!(event["Task"]["ExposedPorts"], json!({ "80/tcp": {} }));
}

#[tokio::test]
async fn a_task_that_fails_is_a_failure_with_its_reason() {
    let manager = StandIn::start().await;
    let child = Orc::of(&manager).start(&["run", "nginx", "--name", "web", "--json"]);
    manager.is_given(1).await;
    manager.tells(
        "web",
        &json!({ "State": -1, "Attempt": 4, "Message": "exit code 1, four times" }),
        "failed",
    );

    let ended = end_of(child).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.ends_with("error: web failed: exit code 1, four times\n"), "{}", ended.stderr);
    let task: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(task["State"], -1, "the JSON is of the end");
}

#[tokio::test]
async fn a_task_with_a_check_is_waited_for_until_it_is_healthy() {
    let manager = StandIn::start().await;
    let mut child = Orc::of(&manager).start(&["run", "nginx", "--name", "web", "--health", "/up"]);
    manager.is_given(1).await;
    manager.tells(
        "web",
        &json!({ "State": 2, "Attempt": 1, "Node": "worker-1", "Health": "starting" }),
        "started",
    );
    manager.is_asked("GET /tasks/").await;
    assert!(child.try_wait().unwrap().is_none(), "it is not healthy yet");
    manager.tells("web", &json!({ "Health": "healthy" }), "healthy");

    let ended = end_of(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("web runs on worker-1 and is healthy\n"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_detached_run_ends_when_the_manager_has_the_task() {
    let manager = StandIn::start().await;
    let orc = Orc::of(&manager);
    let ended = orc.run(&["run", "nginx", "--detach", "--node", "worker-2"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(manager.requests(), ["POST /nodes/worker-2/tasks"]);

    let ended = orc.run(&["run", "nginx", "-d", "--json"]).await;
    let task: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &task["State"]), (Some(0), &json!(0)));
}

#[tokio::test]
async fn a_submission_without_a_clear_answer_is_sent_again_and_is_the_same() {
    let manager = StandIn::start().await;
    manager.refuses(StatusCode::SERVICE_UNAVAILABLE, "The store is being reopened");
    let ended = Orc::of(&manager).run(&["run", "nginx", "-d"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let submitted = manager.is_given(2).await;
    assert_eq!(submitted[0], submitted[1], "so that it is accepted once");
    assert_eq!(submitted.len(), 2);
}

#[tokio::test]
async fn a_submission_that_is_refused_is_not_sent_again() {
    let manager = StandIn::start().await;
    manager.refuses(StatusCode::CONFLICT, "The name \"web\" is in use by the task bb1d59ef");
    let ended = Orc::of(&manager).run(&["run", "nginx", "--name", "web"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert_eq!(ended.stderr, "error: The name \"web\" is in use by the task bb1d59ef\n");
    assert_eq!(manager.is_given(1).await.len(), 1);
}

#[tokio::test]
async fn patience_and_ctrl_c_end_the_wait_and_not_the_task() {
    let manager = StandIn::start().await;
    let orc = Orc::of(&manager);
    let impatient = orc.start(&["run", "nginx", "--name", "web", "--wait-timeout", "1s"]);
    manager.is_given(1).await;
    manager.tells("web", &json!({ "Message": "no node fits: 1 is draining" }), "no node fits");
    let ended = end_of(impatient).await;
    assert_eq!(ended.code, Some(1));
    let error = "error: web does not run after 1s and goes on trying (no node fits: 1 is draining): `orc stop web` ends it";
    assert_eq!(ended.stderr.lines().last(), Some(error));

    let child = orc.start(&["run", "nginx", "--name", "db"]);
    let id = manager.is_given(2).await[1]["Task"]["ID"].as_str().unwrap().to_owned();
    manager.is_asked(&format!("GET /tasks/{id}/events")).await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let ended = end_of(child).await;
    assert_eq!(ended.code, Some(130));
    assert!(ended.stderr.contains("`orc stop db`"), "{}", ended.stderr);
    assert!(manager.requests().iter().all(|request| !request.starts_with("DELETE")));
}

#[tokio::test]
async fn a_task_comes_from_a_file_or_from_stdin() {
    let manager = StandIn::start().await;
    let orc = Orc::of(&manager);
    std::fs::write(orc.directory.path().join("task.json"), r#"{ "Name": "web", "Image": "nginx" }"#).unwrap();
    assert_eq!(orc.run(&["run", "-f", "task.json", "-d"]).await.code, Some(0));

    let mut child = orc.command(&["run", "-f", "-", "-d"]).stdin(Stdio::piped()).spawn().unwrap();
    let event = json!({ "ID": "a7aa1d44-08f6-443e-9378-f5884311019e", "State": 2, "Task": { "Name": "db" } });
    child.stdin.take().unwrap().write_all(event.to_string().as_bytes()).await.unwrap();
    assert_eq!(end_of(child).await.code, Some(0));

    let submitted = manager.is_given(2).await;
    assert_eq!(submitted[0]["Task"], json!({ "Name": "web", "Image": "nginx" }));
    assert_eq!(submitted[1], event, "an event goes as it is");

    let ended = orc.run(&["run", "-f", "nowhere.json"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.starts_with("error: nowhere.json cannot be read: "), "{}", ended.stderr);
}
