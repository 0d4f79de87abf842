//! Services that run by the clock, on a real engine.

use std::collections::BTreeSet;
use std::process::Output;

use orc::clock::Clock;
use orc::model::time::Timestamp;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{look, put};
use crate::support::docker::BUSYBOX;
use crate::support::faketime::WallClock;
use crate::support::orc::{Setup, TestOrc, shell, sleeper, with};
use crate::support::patience::until;

/// What runs by this line, which is not due for a while.
fn by_clock(line: &str, task: Value, more: Value) -> Value {
    let task = with(task, json!({ "RestartPolicy": "no" }));
    with(json!({ "Mode": "cron", "Schedule": line, "Task": task }), more)
}

async fn runs(orc: &TestOrc, name: &str) -> Vec<Value> {
    orc.get(&format!("/services/{name}/runs")).await.as_array().unwrap().clone()
}

/// Waits until the last run is in this state, and gives the runs.
async fn until_last(orc: &TestOrc, name: &str, state: &str) -> Vec<Value> {
    let is_so = |runs: &Vec<Value>| runs.last().is_some_and(|run| run["State"] == state);
    until(&format!("the last run is {state}"), || runs(orc, name), is_so).await
}

async fn ask(orc: &TestOrc, name: &str, query: &str) -> (u16, Value, String) {
    let answer = orc.ask("POST", &format!("/services/{name}/runs{query}"), "").await;
    let body = if answer.status == 201 { answer.json() } else { Value::Null };
    (answer.status, body, if answer.status == 201 { String::new() } else { answer.message() })
}

#[tokio::test]
async fn a_run_by_hand_is_a_task_whose_end_is_kept() {
    let orc = TestOrc::start().await;
    let name = orc.name("nightly");
    let made = put(&orc, &name, None, &by_clock("@yearly", shell("exit 3"), json!({}))).await;
    assert_eq!(made.status, 200, "{made:?}");
    let service = look(&orc, &name).await;
    assert_eq!(service["Rollout"]["State"], "scheduled", "{service}");
    assert_eq!((&service["Overlap"], &service["TimeZone"]), (&json!("forbid"), &json!("UTC")));
    assert!(service["Cron"]["Next"].as_str().unwrap().ends_with("-01-01T00:00:00.000000000Z"), "{service}");

    let (status, run, _) = ask(&orc, &name, "").await;
    assert_eq!((status, &run["Number"], &run["State"]), (201, &json!(1), &json!("running")), "{run}");
    let failed = until_last(&orc, &name, "failed").await.remove(0);
    assert_eq!((&failed["ExitCode"], &failed["TaskID"]), (&json!(3), &run["TaskID"]), "{failed}");
    assert!(failed["Why"].as_str().unwrap().contains('3'), "{failed}");
    assert_eq!(orc.task(run["TaskID"].as_str().unwrap()).await["Name"], json!(format!("{name}.1.v1")));

    let changed = put(&orc, &name, Some("1"), &by_clock("@yearly", shell("exit 0"), json!({}))).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(ask(&orc, &name, "").await.0, 201);
    let both = until_last(&orc, &name, "succeeded").await;
    assert_eq!((both.len(), &both[1]["Version"], &both[1]["ExitCode"]), (2, &json!(2), &json!(0)));
    let all = orc.ask("GET", "/events?follow=false", "").await;
    assert!(all.text().contains(&format!("run 1 of {name} failed")), "{}", all.text());
}

#[tokio::test]
async fn a_run_goes_on_alone_unless_it_may_be_joined_or_replaced() {
    let orc = TestOrc::start().await;
    let name = orc.name("long");
    let service = |overlap: &str| by_clock("@yearly", sleeper(), json!({ "Overlap": overlap }));
    put(&orc, &name, None, &service("forbid")).await;
    let id = "?id=0193e4a0-0000-7000-8000-000000000001";
    let first = ask(&orc, &name, id).await.1;
    assert_eq!(ask(&orc, &name, id).await.1["TaskID"], first["TaskID"], "the same request");
    let (status, _, message) = ask(&orc, &name, "").await;
    assert!(
        status == 409 && message.contains("Run 1 of") || message.contains("may not overlap"),
        "{message}"
    );
    assert_eq!(runs(&orc, &name).await.len(), 1);

    put(&orc, &name, Some("1"), &service("replace")).await;
    ask(&orc, &name, "").await;
    let replaced = until_last(&orc, &name, "running").await;
    assert_eq!(replaced[0]["State"], "replaced", "{replaced:?}");
    orc.until_gone(first["TaskID"].as_str().unwrap()).await;
    let page = orc.ask("GET", &format!("/services/{name}/runs?limit=1"), "").await;
    assert_eq!((page.json()[0]["Number"].clone(), page.header("x-next-cursor")), (json!(1), Some("1")));
    let rest = orc.ask("GET", &format!("/services/{name}/runs?limit=1&cursor=1"), "").await;
    assert_eq!((rest.json()[0]["Number"].clone(), rest.header("x-next-cursor")), (json!(2), None));
}

#[tokio::test]
async fn what_comes_due_begins_by_the_clock_of_the_wall() {
    let clock = WallClock::new();
    let orc = TestOrc::start_with(Setup { workers: 1, envs: clock.envs(), ..Setup::default() }).await;
    let name = orc.name("nightly");
    let zone = json!({ "TimeZone": "Europe/Berlin" });
    put(&orc, &name, None, &by_clock("30 2 * * *", shell("exit 0"), zone)).await;
    let next = look(&orc, &name).await["Cron"]["Next"].as_str().unwrap().to_owned();
    let due = Timestamp::parse(&next).unwrap();
    let ahead = Clock.now().wall.until(due).as_secs() - 1;
    clock.set(&format!("+{ahead}"));
    let first = until_last(&orc, &name, "succeeded").await;
    assert_eq!((first.len(), &first[0]["Due"], &first[0]["By"]), (1, &json!(next), &json!("the clock")));
    // Back before that by a little, it is not run again: not until a run by hand is over, which several looks have seen.
    clock.set(&format!("+{}", ahead - 60));
    ask(&orc, &name, "").await;
    let is_over = |runs: &Vec<Value>| runs.iter().all(|run| run["State"] == "succeeded");
    let both = until("the second is over", || runs(&orc, &name), is_over).await;
    assert_eq!(both.len(), 2, "{both:?}");
    let after = look(&orc, &name).await;
    assert_ne!(after["Cron"]["Next"], json!(next));
}

#[tokio::test]
async fn a_manager_that_was_off_and_is_killed_again_and_again_makes_up_for_a_run_once() {
    let mut orc = TestOrc::start().await;
    let name = orc.name("yearly");
    put(&orc, &name, None, &by_clock("@yearly", shell("sleep 1; exit 0"), json!({}))).await;
    until("the next run is known", || look(&orc, &name), |service| service["Cron"]["Next"].is_string()).await;
    orc.main.kill9();
    let year = &Clock.now().wall.to_string()[..4].to_owned();
    let due = format!("{year}-01-01T00:00:00.000Z");
    let was = "UPDATE services SET next_run = ?, checksum = NULL WHERE next_run IS NOT NULL";
    orc.change_database(was, &due).await;
    for is_ready in [false, false, true, false] {
        // Its first line is printed before it decides: it is killed before, while or after it wrote that down.
        orc.main.spawn();
        orc.main.printed(1).await;
        if is_ready {
            orc.ready().await;
        }
        orc.main.kill9();
    }
    orc.start_main().await;
    let all = until_last(&orc, &name, "succeeded").await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(Timestamp::parse(all[0]["Due"].as_str().unwrap()), Timestamp::parse(&due));
    let tasks: BTreeSet<String> = orc.happened().into_iter().map(|happened| happened.task).collect();
    assert_eq!(tasks.into_iter().collect::<Vec<_>>(), [all[0]["TaskID"].as_str().unwrap()]);
}

#[tokio::test]
async fn what_is_due_while_it_is_suspended_is_left_out_and_told() {
    let clock = WallClock::new();
    let orc = TestOrc::start_with(Setup { workers: 1, envs: clock.envs(), ..Setup::default() }).await;
    let name = orc.name("paused");
    put(&orc, &name, None, &by_clock("@yearly", shell("exit 0"), json!({}))).await;
    let path = format!("/services/{name}/schedule");
    let suspended = orc.ask("POST", &path, &json!({ "Action": "suspend" }).to_string()).await;
    assert_eq!((suspended.status, &suspended.json()["Rollout"]["State"]), (200, &json!("suspended")));
    clock.set("+1y");
    let left_out = until_last(&orc, &name, "skipped").await;
    assert_eq!(left_out[0]["Why"], "the job is suspended");
    let resumed = orc.ask("POST", &path, &json!({ "Action": "resume" }).to_string()).await;
    assert_eq!(resumed.json()["Cron"]["Suspended"], false);
    let wrong = orc.ask("POST", &path, &json!({ "Action": "stop" }).to_string()).await;
    assert_eq!((wrong.status, wrong.message().contains("\"resume\" are possible")), (422, true));
}

#[tokio::test]
async fn a_line_that_is_none_is_refused_with_its_place_and_nothing_changes() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    for (more, status, words) in [
        (json!({ "Schedule": "0 25 * * *" }), 400, "character 3, the hour \"25\""),
        (json!({ "Schedule": "0 0 31 2 *" }), 400, "never comes"),
        (json!({ "TimeZone": "Mars/Olympus" }), 422, "TimeZone: \"Mars/Olympus\" is no time zone"),
        (json!({ "Overlap": "never" }), 400, "forbid"),
        (json!({ "Missed": "twice" }), 400, "once"),
        (json!({ "Schedule": null }), 422, "Schedule is missing"),
        (json!({ "Mode": "job" }), 422, "Schedule is given: a service of the mode job"),
        (json!({ "Replicas": 2 }), 422, "Replicas is 2: a service of the mode cron"),
        (json!({ "Task": with(sleeper(), json!({ "RestartPolicy": "always" })) }), 422, "a run is over then"),
    ] {
        let answer = put(&orc, &name, None, &by_clock("@daily", sleeper(), more.clone())).await;
        assert_eq!(answer.status, status, "{more}: {answer:?}");
        assert!(answer.message().contains(words), "{words:?} is not in {:?}", answer.message());
    }
    assert_eq!(orc.get("/services").await, json!([]));
    put(&orc, &name, None, &json!({ "Task": sleeper() })).await;
    let (status, _, message) = ask(&orc, &name, "").await;
    assert!(status == 409 && message.contains("only a service of the mode cron has runs"), "{message}");
}

async fn orc_command(orc: &TestOrc, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
    command.args(args).env_clear().env("ORC_MANAGER_HOST", "localhost").env("HOME", "/nonexistent");
    command.env("ORC_MANAGER_PORT", orc.manager_port.to_string());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn a_service_is_made_run_suspended_and_looked_at_as_people_type_it() {
    let orc = TestOrc::start().await;
    let name = orc.name("nightly");
    let flags =
        ["service", "create", BUSYBOX, "--name", &name, "--cron", "0 3 * * *", "--time-zone", "Asia/Tokyo"];
    let made = orc_command(&orc, &[&flags[..], &["--", "sh", "-c", "exit 7"]].concat()).await;
    assert_eq!((made.0, made.1.as_str()), (Some(0), &*format!("{name}\n")), "{}", made.2);
    assert!(made.2.contains("0 3 * * * (Asia/Tokyo), next at 20"), "{}", made.2);

    let failed = orc_command(&orc, &["cron", "run", &name, "--wait"]).await;
    assert_eq!((failed.0, failed.1.as_str()), (Some(1), "1\n"), "{}", failed.2);
    assert!(failed.2.contains(&format!("error: run 1 of {name} failed")), "{}", failed.2);
    let updated = orc_command(&orc, &["service", "update", &name, "--overlap", "allow", "--", "true"]).await;
    assert_eq!(updated.0, Some(0), "{}", updated.2);
    let good = orc_command(&orc, &["cron", "run", &name, "--wait"]).await;
    assert_eq!((good.0, good.1.as_str()), (Some(0), "2\n"), "{}", good.2);

    let history = orc_command(&orc, &["cron", "history", &name]).await.1;
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines[1].starts_with("2     succeeded") && lines[2].starts_with("1     failed"), "{history}");
    assert_eq!(orc_command(&orc, &["cron", "suspend", &name]).await.1, format!("{name}\n"));
    let listed = orc_command(&orc, &["cron", "ls"]).await.1;
    let line = listed.lines().find(|line| line.starts_with(&name)).unwrap();
    assert!(line.contains("0 3 * * *") && line.contains("suspended") && line.contains("succeeded"), "{line}");
    assert_eq!(orc_command(&orc, &["cron", "resume", &name]).await.0, Some(0));
    let services = orc_command(&orc, &["service", "ls"]).await.1;
    let line = services.lines().find(|line| line.starts_with(&name)).unwrap();
    assert!(line.contains("scheduled") && line.contains("next at"), "{line}");
}
