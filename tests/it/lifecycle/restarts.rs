//! Restart policies, and back-off that survives restarts of orc.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::history::Happened;
use crate::support::orc::{COMPLETED, FAILED, RUNNING, TestOrc, shell, sleeper, with};
use crate::support::patience::until;

/// When something happened to an attempt of a task, in milliseconds since 1970.
fn when(history: &[Happened], task: &str, attempt: usize, action: &str) -> Option<i64> {
    let of_attempt = |happened: &&Happened| {
        happened.task == task && happened.attempt == attempt.to_string() && happened.action == action
    };
    history.iter().find(of_attempt).map(|happened| happened.at)
}

#[tokio::test]
async fn waits_between_attempts_double_and_a_restart_of_orc_does_not_shorten_them() {
    let mut orc = TestOrc::start().await;
    let id = orc.submit("fails", with(shell("exit 1"), json!({ "RestartPolicy": "on-failure" }))).await;
    let waits = |count: u64| move |task: &Value| task["RestartCount"] == count && task["State"] != RUNNING;
    // After the fourth attempt it waits for 3 to 4 seconds: meanwhile orc is killed, twice.
    let waiting = orc.until(&id, "the fourth attempt has ended", waits(4)).await;
    assert!(waiting["Message"].as_str().unwrap().contains("exited with code 1; restart in"), "{waiting}");
    orc.restart().await;
    orc.restart().await;
    assert_eq!(orc.task(&id).await["RestartCount"], 4, "nothing is forgotten");
    orc.until(&id, "the fifth attempt has ended", waits(5)).await;

    let history = orc.happened();
    for (attempt, least) in [(1, 0), (2, 750), (3, 1_500), (4, 3_000)] {
        let ended = when(&history, &id, attempt, "die").unwrap();
        let next = when(&history, &id, attempt + 1, "start").unwrap();
        assert!(
            next - ended >= least,
            "attempt {} came {} ms after the one before",
            attempt + 1,
            next - ended
        );
    }
    let starts = history.iter().filter(|happened| happened.task == id && happened.action == "start").count();
    assert_eq!(starts, 5, "each attempt is started once");
}

#[tokio::test]
async fn without_a_policy_it_is_restarted_three_times_and_given_up() {
    let orc = TestOrc::start().await;
    let id = orc.submit("three", shell("exit 7")).await;
    let task = orc.until_state(&id, FAILED).await;
    assert_eq!((&task["RestartCount"], &task["Attempt"]), (&json!(3), &json!(4)));
    assert_eq!(task["ExitCode"], 7);
    let message = task["Message"].as_str().unwrap();
    assert!(message.contains("exited with code 7; given up after 3 restarts"), "{message}");
    let told = || orc.events(&id);
    let events =
        until("the last word has come", told, |events| events.last().unwrap()["Kind"] == "failed").await;
    let restarts: Vec<&str> = events
        .iter()
        .filter(|event| event["Kind"] == "restarting")
        .map(|event| event["Message"].as_str().unwrap())
        .collect();
    assert_eq!(restarts.len(), 3, "{restarts:?}");
    for (number, message) in restarts.iter().enumerate() {
        assert!(message.contains(&format!("restart {} of 3", number + 1)), "{message}");
    }
}

#[tokio::test]
async fn always_and_unless_stopped_come_back_after_success_until_they_are_stopped() {
    let orc = TestOrc::start().await;
    for policy in ["always", "unless-stopped"] {
        let id = orc.submit(policy, with(shell("exit 0"), json!({ "RestartPolicy": policy }))).await;
        orc.until(&id, "it came back", |task| task["RestartCount"].as_u64().unwrap() >= 2).await;
        orc.delete(&id).await;
        let task = orc.until_state(&id, COMPLETED).await;
        orc.until_gone(&id).await;
        let later = orc.task(&id).await;
        assert_eq!((&later["RestartCount"], &later["State"]), (&task["RestartCount"], &json!(COMPLETED)));
    }
}

#[tokio::test]
async fn a_task_that_waits_for_its_restart_can_be_stopped_at_once() {
    let orc = TestOrc::start().await;
    let id = orc.submit("waits", with(shell("exit 1"), json!({ "RestartPolicy": "on-failure" }))).await;
    orc.until(&id, "it waits", |task| task["RestartCount"] == 3 && task["State"] == 1).await;
    let begun = tokio::time::Instant::now();
    orc.delete(&id).await;
    let task = orc.until_state(&id, COMPLETED).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(task["Message"], "stopped on request");
    orc.until_gone(&id).await;
    assert_eq!(orc.task(&id).await["RestartCount"], 3);
}

#[tokio::test]
async fn a_container_whose_process_is_killed_from_within_counts_as_a_failure() {
    let orc = TestOrc::start().await;
    let task = orc.run("shot", with(sleeper(), json!({ "RestartPolicy": "on-failure:1" }))).await;
    let shoot = async |task: &Value| {
        let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
        let pid = rustix::process::Pid::from_raw(crate::support::docker::pid(&container)).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    shoot(&task).await;
    let second = orc.until_replaced(&task).await;
    assert_eq!(second["RestartCount"], 1);
    shoot(&second).await;
    let failed = orc.until_state(task["ID"].as_str().unwrap(), FAILED).await;
    assert_eq!(failed["ExitCode"], 137);
    assert!(failed["Message"].as_str().unwrap().contains("exited with code 137"), "{failed}");
}

#[tokio::test]
async fn a_killed_container_leaves_its_name_to_the_next() {
    let orc = TestOrc::start().await;
    let task = orc.run("killed", sleeper()).await;
    let [id, name, former] = ["ID", "Name", "ContainerID"].map(|key| task[key].as_str().unwrap());
    orc.docker.kill(former).await;
    let runs_again = |task: &Value| task["State"] == RUNNING && task["Attempt"] == 2;
    let next = orc.until(id, "the second attempt runs", runs_again).await;
    let holder = async || orc.docker.find(name).await.and_then(|container| container.id);
    let is_next = |holder: &Option<String>| holder.as_deref() == next["ContainerID"].as_str();
    until("it has its task's name", holder, is_next).await;
    assert!(orc.docker.find(former).await.is_none(), "the former one is removed before that");
    assert_eq!(next["RestartCount"], 1);
}
