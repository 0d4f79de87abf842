//! `GET /tasks/{id}/logs`: what a task wrote, while it runs and after.

use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::BodyExt;

use crate::support::http::open;
use crate::support::orc::{COMPLETED, PENDING, TestOrc, shell, sleeper, with};
use crate::support::patience::until;

async fn logs(orc: &TestOrc, id: &str, query: &str) -> String {
    let answer = orc.ask("GET", &format!("/tasks/{id}/logs{query}"), "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"), "{answer:?}");
    answer.text().to_owned()
}

#[tokio::test]
async fn the_output_of_a_finished_task_can_be_read_whole_or_in_part() {
    let orc = TestOrc::start().await;
    let id = orc.submit("talks", shell("echo one; echo two >&2; sleep 1; echo three")).await;
    orc.until_state(&id, COMPLETED).await;
    let look = || logs(&orc, &id, "");
    // Docker itself gives both streams without a promise about their order.
    let mut all: Vec<String> = look().await.lines().map(str::to_owned).collect();
    assert_eq!(all.pop().as_deref(), Some("three"));
    all.sort();
    assert_eq!(all, ["one", "two"]);
    assert_eq!(logs(&orc, &id, "?tail=1").await, "three\n");
    assert_eq!(logs(&orc, &id, "?tail=all").await.lines().count(), 3);
    assert_eq!(logs(&orc, &id, "?tail=0").await, "");

    let stamped = logs(&orc, &id, "?tail=1&timestamps=true").await;
    let (time, line) = stamped.split_once(' ').unwrap();
    assert_eq!(line, "three\n");
    let written = chrono::DateTime::parse_from_rfc3339(time).unwrap();
    assert_eq!(logs(&orc, &id, &format!("?since={}", written.timestamp())).await, "three\n");
    assert_eq!(logs(&orc, &id, "?since=1h").await.lines().count(), 3);
    assert_eq!(logs(&orc, &id, "?since=2100-01-01T00:00:00Z").await, "");
    // Following what has ended ends by itself.
    assert_eq!(logs(&orc, &id, "?follow=true&tail=1").await, "three\n");
    for (query, words) in [("tail=x", &["tail", "\"x\""][..]), ("since=x", &["since", "\"x\"", "10m"])] {
        orc.ask("GET", &format!("/tasks/{id}/logs?{query}"), "").await.assert_refused(400, words);
    }
}

#[tokio::test]
async fn a_follower_reads_on_as_the_task_writes_until_it_ends() {
    let orc = TestOrc::start().await;
    let line = "echo begin; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo end";
    let task = orc.run("writes", shell(line)).await;
    let path = format!("/tasks/{}/logs?follow=true", task["ID"].as_str().unwrap());
    let answer = open(orc.manager_port, "GET", &path, &[], "").await.unwrap();
    let mut pieces = answer.into_body().into_data_stream();
    let mut text = String::new();
    while text != "begin\n" {
        let piece = tokio::time::timeout(Duration::from_secs(30), pieces.next()).await.unwrap();
        text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
    }
    orc.docker.exec(task["ContainerID"].as_str().unwrap(), &["touch", "/tmp/go"]).await;
    while let Some(piece) = tokio::time::timeout(Duration::from_secs(30), pieces.next()).await.unwrap() {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    assert_eq!(text, "begin\nend\n");
}

#[tokio::test]
async fn a_task_without_a_container_says_why_there_is_no_output() {
    let orc = TestOrc::start().await;
    let waits = orc.submit("waits", with(sleeper(), serde_json::json!({ "CPU": 4000 }))).await;
    let lacks_cpu = |task: &serde_json::Value| task["Message"].as_str().unwrap().contains("lacks CPU");
    orc.until(&waits, "it says why it waits", |task| task["State"] == PENDING && lacks_cpu(task)).await;
    let answer = orc.ask("GET", &format!("/tasks/{waits}/logs"), "").await;
    answer.assert_refused(404, &["no node yet", "lacks CPU"]);

    let stopped = orc.run("stopped", sleeper()).await["ID"].as_str().unwrap().to_owned();
    orc.delete(&stopped).await;
    orc.until_state(&stopped, COMPLETED).await;
    orc.until_gone(&stopped).await;
    let answer = orc.ask("GET", &format!("/tasks/{stopped}/logs"), "").await;
    answer.assert_refused(404, &["No container", "stopped on request"]);
}

#[tokio::test]
async fn the_output_on_a_worker_that_is_away_is_not_to_be_had() {
    let mut orc = TestOrc::start_split().await;
    let id = orc.run("away", sleeper()).await["ID"].as_str().unwrap().to_owned();
    orc.worker.as_mut().unwrap().kill9();
    let look = || orc.get("/nodes");
    until("the worker is missed", look, |nodes| nodes[0]["State"] == "unreachable").await;
    let answer = orc.ask("GET", &format!("/tasks/{id}/logs"), "").await;
    assert!([503, 504].contains(&answer.status), "{answer:?}");
    assert!(answer.message().contains("worker-1"), "{answer:?}");
}
