//! F72, F73: clocks on the wall that are set while orc runs, of its manager, of its worker, and of both.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::support::docker::{is_live, started_at};
use crate::support::faketime::WallClock;
use crate::support::orc::{COMPLETED, RUNNING, Setup, TestOrc, shell, sleeper, with};
use crate::support::patience::until;

/// An hour, a day, a year, each way; the first day of all; and right again.
const STEPS: [&str; 8] = ["+1h", "-1h", "+1d", "-1d", "+1y", "-1y", "@1970-01-01 00:00:10", "+0"];

/// A manager and a worker that go each by a clock of its own.
async fn start(manager: &WallClock, worker: &WallClock) -> TestOrc {
    let mut orc = TestOrc::start_with(Setup { envs: manager.envs(), ..Setup::default() }).await;
    let process = orc.worker.as_mut().unwrap();
    process.kill9();
    for (name, value) in worker.envs() {
        process.set(name, &value);
    }
    orc.start_worker().await;
    orc
}

fn id(task: &Value) -> &str {
    task["ID"].as_str().unwrap()
}

#[tokio::test]
async fn a_clock_that_is_set_moves_nothing_restarts_nothing_and_makes_nothing_old() {
    let (managers, workers) = (WallClock::new(), WallClock::new());
    let orc = start(&managers, &workers).await;
    let service = orc.run("service", sleeper()).await;
    let single = orc.run("single", with(sleeper(), json!({ "Failover": "single" }))).await;
    let job = orc.submit("job", shell("exit 0")).await;
    orc.until_state(&job, COMPLETED).await;
    let mut revision = 0;
    for (number, step) in STEPS.into_iter().enumerate() {
        managers.set(if number % 3 == 1 { "+0" } else { step });
        workers.set(if number % 3 == 2 { "+0" } else { step });
        // What is asked for now runs, what is killed now is back, and both within the patience of any other test.
        let next = orc.run(format!("next-{number}"), sleeper()).await;
        let container = next["ContainerID"].as_str().unwrap().to_owned();
        orc.docker.remove(&container).await;
        let back = orc.until_replaced(&next).await;
        orc.delete(id(&back)).await;
        orc.until_gone(id(&back)).await;
        orc.until_state(id(&back), COMPLETED).await;
        let state = orc.get("/state").await;
        assert_eq!(state["SafeMode"], Value::Null, "{step}: {state}");
        assert!(state["Revision"].as_u64().unwrap() > revision, "{step}: {state}");
        revision = state["Revision"].as_u64().unwrap();
        let kinds = orc.kinds(id(&back)).await;
        let order = ["submitted", "placed", "started", "stop-requested", "completed"];
        let place = |kind: &str| kinds.iter().position(|found| found == kind);
        assert!(order.iter().all(|kind| place(kind).is_some()), "{step}: {kinds:?}");
        assert!(order.map(place).is_sorted(), "{step}: history is in the order of what happened: {kinds:?}");
    }
    for task in [&service, &single] {
        let before = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
        let starts = orc
            .happened()
            .into_iter()
            .filter(|happened| happened.task == id(task) && happened.action == "start");
        assert!(is_live(&before) && starts.count() == 1, "it was let alone: {:?}", started_at(&before));
        assert_eq!(orc.task(id(task)).await["State"], RUNNING);
    }
    assert_eq!(orc.task(&job).await["State"], COMPLETED, "it is no year old");
    assert_eq!(orc.kinds(&job).await.first().map(String::as_str), Some("submitted"), "nor is its history");
    let all = orc.ask("GET", "/events?follow=false", "").await;
    assert!(all.text().contains("event: node-ready") && !all.text().contains("event: node-lost"), "{all:?}");
}

#[tokio::test]
async fn the_pauses_between_attempts_are_as_long_as_ever_while_clocks_go_to_and_fro() {
    let clock = WallClock::new();
    let orc = start(&clock, &clock).await;
    let fails = orc.submit("fails", with(shell("exit 3"), json!({ "RestartPolicy": "always" }))).await;
    let starts = || async {
        let happened = orc.happened().into_iter();
        let starts = happened.filter(|happened| happened.task == fails && happened.action == "start");
        starts
            .map(|start| (start.attempt, start.at))
            .collect::<BTreeMap<_, _>>()
            .into_values()
            .collect::<Vec<_>>()
    };
    let set = async {
        for step in STEPS.into_iter().cycle() {
            clock.set(step);
            sleep(Duration::from_millis(200)).await;
        }
    };
    let look = until("it was tried four times", starts, |starts| starts.len() >= 4);
    let mut starts = tokio::select! {
        starts = look => starts,
        () = set => unreachable!("steps go on for ever"),
    };
    starts.sort_unstable();
    let pauses: Vec<i64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // At once, then 1 s and 2 s, each shortened by a quarter at most.
    assert!(pauses[1] >= 750 && pauses[2] >= 1_500, "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause < 10_000), "{pauses:?}");
}

#[tokio::test]
async fn a_manager_that_starts_a_year_ahead_forgets_nothing() {
    let clock = WallClock::new();
    let mut orc = start(&clock, &clock).await;
    let job = orc.submit("job", shell("exit 0")).await;
    orc.until_state(&job, COMPLETED).await;
    let history = orc.kinds(&job).await;
    orc.main.kill9();
    clock.set("+1y");
    orc.start_main().await;
    // How long managers have run is written down when old events are looked for, 5 s after the start.
    let before = orc.lived().await;
    until("old events were looked for", || orc.lived(), |lived| *lived > before).await;
    assert_eq!(orc.task(&job).await["State"], COMPLETED);
    assert_eq!(orc.kinds(&job).await, history);
}
