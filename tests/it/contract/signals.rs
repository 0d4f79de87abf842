//! SIGTERM and SIGINT end orc and no container; the next orc adopts what runs.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::docker::started_at;
use crate::support::orc::{RUNNING, TestOrc, echo, sleeper};
use crate::support::patience::until;

#[tokio::test]
async fn containers_outlive_orc_and_are_adopted_as_they_are() {
    let mut orc = TestOrc::start().await;
    let tasks = [orc.run("server", echo(&[])).await, orc.run("sleeper", sleeper()).await];
    let mut starts = Vec::new();
    for task in &tasks {
        starts.push(started_at(&orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await));
    }
    for signal in [Signal::TERM, Signal::INT] {
        let begun = Instant::now();
        orc.main.signal(signal);
        assert_eq!(orc.main.ended().await.code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        for (task, start) in tasks.iter().zip(&starts) {
            let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
            assert_eq!(container.state.as_ref().unwrap().running, Some(true));
            assert_eq!(started_at(&container), *start);
        }
        orc.start_main().await;
        // The worker has looked: its node is ready, and it knows its tasks.
        let look = || async { orc.ask_worker("GET", "/tasks", "").await.json() };
        let seen = until("the worker shows both", look, |tasks| tasks.as_array().unwrap().len() == 2).await;
        assert_eq!(seen[0]["State"], RUNNING);
    }
    // Time enough for a second thought: the next full list of the engine has come.
    let node = orc.get("/nodes").await[0]["LastSeen"].clone();
    until("the worker was heard again", || orc.get("/nodes"), |nodes| nodes[0]["LastSeen"] != node).await;
    for (task, start) in tasks.iter().zip(&starts) {
        let now = orc.task(task["ID"].as_str().unwrap()).await;
        for field in ["State", "ContainerID", "StartsAt", "RestartCount", "Attempt", "HostPorts"] {
            assert_eq!(now[field], task[field], "{field}");
        }
        let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
        assert_eq!(started_at(&container), *start);
    }
    // What was adopted still obeys.
    let id = tasks[0]["ID"].as_str().unwrap();
    orc.delete(id).await;
    orc.until_gone(id).await;
}
