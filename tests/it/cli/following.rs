//! `orc logs` and `orc events`: what was written and what happened, and what comes after it.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Orc, StandIn, end_of};

async fn manager_of_web() -> StandIn {
    let manager = StandIn::start().await;
    manager.has(&json!({}));
    manager
}

#[tokio::test]
async fn what_a_task_writes_is_printed_as_it_is() {
    let manager = manager_of_web().await;
    manager.has_output(&[b"one\ntw", b"o\n\x1b[31m\xff", b"end"]);
    let orc = Orc::of(&manager);
    let output = orc.command(&["logs", "--tail", "5", "--since", "10m", "web"]).output().await.unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), &b"one\ntwo\n\x1b[31m\xffend"[..])
    );
    let asked =
        "GET /tasks/bb1d59ef-9fc1-4e4b-a44d-db571eeed203/logs?follow=false&timestamps=false&tail=5&since=10m";
    assert!(manager.requests().contains(&asked.to_owned()), "{:?}", manager.requests());
}

#[tokio::test]
async fn output_in_json_has_its_times() {
    let manager = manager_of_web().await;
    manager.has_output(&[b"2026-11-22T07:26:19Z on", b"e\n2026-11-22T07:26:20Z two"]);
    let ended = Orc::of(&manager).run(&["logs", "--json", "web"]).await;
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            json!({ "Time": "2026-11-22T07:26:19Z", "Line": "one" }),
            json!({ "Time": "2026-11-22T07:26:20Z", "Line": "two" })
        ]
    );
}

#[tokio::test]
async fn a_reader_that_has_read_enough_ends_it_quietly() {
    let manager = manager_of_web().await;
    let mut child = Orc::of(&manager).start(&["logs", "--follow", "web"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("again"));
    drop(lines);
    let ended = end_of(child).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn nobody_has_to_read_stderr() {
    let orc = Orc::alone();
    let mut command = orc.command(&["ps", "--manager", "http://127.0.0.1:1"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().await.unwrap().code(), Some(1), "and not the 101 of a panic");
}

#[tokio::test]
async fn history_is_printed_from_its_beginning_or_its_end() {
    let manager = manager_of_web().await;
    manager.has(&json!({ "ID": "019a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b", "Name": "db" }));
    for (name, message) in [("web", "first"), ("db", "second"), ("web", "third")] {
        manager.tells(name, &json!({}), message);
    }
    let orc = Orc::of(&manager);
    let messages = async |args: &[&str]| {
        let ended = orc.run(&[&["events"], args].concat()).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout.lines().map(|line| line.rsplit("  ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(messages(&[]).await, ["first", "second", "third"]);
    assert_eq!(messages(&["--tail", "2"]).await, ["second", "third"]);
    assert_eq!(messages(&["--tail", "0"]).await, [""; 0]);
    assert_eq!(messages(&["web"]).await, ["first", "third"]);
    assert_eq!(messages(&["--tail", "1", "web"]).await, ["third"]);
    assert_eq!(orc.run(&["events"]).await.stderr, "older events are pruned\n", "what is missing is told");
}

#[tokio::test]
async fn what_will_happen_follows_what_has_and_the_end_of_the_manager_is_no_success() {
    let manager = manager_of_web().await;
    manager.has(&json!({ "ID": "019a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b", "Name": "db" }));
    manager.tells("web", &json!({}), "first");
    let mut child = Orc::of(&manager).start(&["events", "-f", "--json", "web"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut message = async || {
        let line = lines.next_line().await.unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["Message"].as_str().unwrap().to_owned()
    };
    assert_eq!(message().await, "first");
    manager.is_asked("GET /events?since=1").await;
    manager.tells("db", &json!({}), "of another");
    manager.tells("web", &json!({}), "second");
    assert_eq!(message().await, "second");
    manager.ends();
    let ended = end_of(child).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.ends_with("error: the manager has ended the stream of events: is it being stopped?\n")
    );
}
