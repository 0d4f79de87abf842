//! Graceful stops: the right signal, enough time, and nobody else held up (F57).

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::orc::{COMPLETED, TestOrc, shell, sleeper, with};

const DEAF: &str = "trap '' TERM; while :; do sleep 0.1; done";

#[tokio::test]
async fn a_deaf_container_is_killed_after_its_time_and_delays_no_other() {
    let orc = TestOrc::start().await;
    let deaf = orc.run("deaf", with(shell(DEAF), json!({ "StopTimeout": 8 }))).await;
    let mut others = Vec::new();
    for number in 0..3 {
        others.push(orc.run(format!("hears-{number}"), sleeper()).await);
    }
    let id = |task: &serde_json::Value| task["ID"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    orc.delete(&id(&deaf)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "DELETE does not wait for the end");
    for other in &others {
        orc.delete(&id(other)).await;
    }
    for other in &others {
        let stopped = orc.until_state(&id(other), COMPLETED).await;
        assert_eq!(stopped["ExitCode"], 0, "it had time to end by itself");
        orc.until_gone(&id(other)).await;
    }
    // A new one is begun meanwhile as well.
    orc.run("new", sleeper()).await;
    let waiting = orc.task(&id(&deaf)).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "this machine is too slow: {:?}", begun.elapsed());
    assert_eq!(waiting["State"], 2, "{waiting}");
    assert_eq!(waiting["Message"], "is being stopped on request");

    let killed = orc.until_state(&id(&deaf), COMPLETED).await;
    assert!(begun.elapsed() >= Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(killed["ExitCode"], 137);
    assert_eq!(killed["Message"], "stopped on request");
    orc.until_gone(&id(&deaf)).await;
}

#[tokio::test]
async fn the_tasks_own_signal_is_sent() {
    let orc = TestOrc::start().await;
    let line = "trap 'exit 7' INT; trap 'exit 8' TERM; while :; do sleep 0.1; done";
    let task = orc.run("asked", with(shell(line), json!({ "StopSignal": "SIGINT" }))).await;
    let id = task["ID"].as_str().unwrap();
    orc.delete(id).await;
    let stopped = orc.until_state(id, COMPLETED).await;
    assert_eq!(stopped["ExitCode"], 7);
    assert_eq!(stopped["RestartCount"], 0, "an exit that was asked for is no failure");
}

#[tokio::test]
async fn a_stop_survives_the_death_of_orc() {
    let mut orc = TestOrc::start().await;
    let deaf = orc.run("deaf", with(shell(DEAF), json!({ "StopTimeout": 2 }))).await;
    let id = deaf["ID"].as_str().unwrap();
    orc.delete(id).await;
    orc.restart().await;
    orc.until_state(id, COMPLETED).await;
    orc.until_gone(id).await;
    let starts = orc.happened().into_iter().filter(|happened| happened.action == "start").count();
    assert_eq!(starts, 1);
}

#[tokio::test]
async fn a_task_that_is_stopped_before_it_runs_never_runs() {
    let orc = TestOrc::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let id = orc.submit(format!("brief-{number}"), sleeper()).await;
        orc.delete(&id).await;
        ids.push(id);
    }
    for id in &ids {
        orc.until_state(id, COMPLETED).await;
        orc.until_gone(id).await;
    }
    // Nor later: whatever was under way is over once another task has come and gone.
    let last = orc.run("last", sleeper()).await;
    orc.delete(last["ID"].as_str().unwrap()).await;
    orc.until_gone(last["ID"].as_str().unwrap()).await;
    assert!(orc.containers().await.is_empty());
}
