//! Strangers' hands on orc's containers (F58, F59): what they did is undone.

use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use serde_json::{Value, json};

use crate::support::docker::{name, started_at};
use crate::support::orc::{COMPLETED, RUNNING, TestOrc, shell, sleeper, with};
use crate::support::patience::until;

fn id(task: &Value) -> &str {
    task["ID"].as_str().unwrap()
}

fn container(task: &Value) -> &str {
    task["ContainerID"].as_str().unwrap()
}

#[tokio::test]
async fn a_container_that_is_removed_killed_or_stopped_from_outside_is_replaced() {
    let orc = TestOrc::start().await;
    // Its restart policy counts only what is the task's own fault: none of this is.
    let strict = |task| with(task, json!({ "RestartPolicy": "on-failure:0" }));
    let removed = orc.run("removed", strict(sleeper())).await;
    let killed = orc.run("killed", strict(sleeper())).await;
    let stopped = orc.run("stopped", strict(sleeper())).await;
    let deaf = orc.run("deaf", strict(shell("trap '' TERM; while :; do sleep 0.1; done"))).await;
    orc.docker.remove(container(&removed)).await;
    orc.docker.kill(container(&killed)).await;
    orc.docker.stop(container(&stopped)).await;
    orc.docker.stop(container(&deaf)).await;

    for (before, words) in [
        (&removed, "its container was removed from outside"),
        (&killed, "stopped from outside, or its engine was restarted (exit code 137)"),
        (&stopped, "stopped from outside, or its engine was restarted (exit code 0)"),
        (&deaf, "stopped from outside, or its engine was restarted (exit code 137)"),
    ] {
        let now = orc.until_replaced(before).await;
        assert_eq!((&now["RestartCount"], &now["Attempt"]), (&json!(1), &json!(2)), "{now}");
        assert_eq!(now["ID"], before["ID"]);
        let events = orc.events(id(before)).await;
        let why = events.iter().find(|event| event["Kind"] == "restarting").unwrap();
        assert!(why["Message"].as_str().unwrap().contains(words), "{why}");
        let look = || orc.containers_of(id(before));
        let is_alone = |left: &Vec<_>| matches!(&left[..], [one] if name(one) == before["Name"]);
        until("one container is left, under its task's name", look, is_alone).await;
    }
}

#[tokio::test]
async fn a_paused_container_is_thawed() {
    let orc = TestOrc::start().await;
    let task = orc.run("paused", sleeper()).await;
    orc.docker.pause(container(&task)).await;
    let look = || orc.docker.inspect(container(&task));
    until("it runs again", look, |found| found.state.as_ref().unwrap().paused == Some(false)).await;
    let kinds = || orc.kinds(id(&task));
    until("it is told", kinds, |kinds| kinds.contains(&"healed".to_owned())).await;
    let now = orc.task(id(&task)).await;
    for field in ["State", "ContainerID", "RestartCount", "StartsAt"] {
        assert_eq!(now[field], task[field], "{field}");
    }
}

#[tokio::test]
async fn a_paused_container_is_stopped_when_its_task_is() {
    let mut orc = TestOrc::start_split().await;
    let task = orc.run("frozen", with(sleeper(), json!({ "StopTimeout": 2 }))).await;
    // While nobody looks, so that it is still paused when the worker hears of the stop.
    orc.worker.as_mut().unwrap().kill9();
    orc.docker.pause(container(&task)).await;
    orc.delete(id(&task)).await;
    orc.start_worker().await;
    orc.until_state(id(&task), COMPLETED).await;
    orc.until_gone(id(&task)).await;
}

#[tokio::test]
async fn a_renamed_container_stays_its_tasks_own() {
    let orc = TestOrc::start().await;
    let task = orc.run("renamed", sleeper()).await;
    let other = orc.name("something-else");
    orc.docker.rename(container(&task), &other).await;
    let start = started_at(&orc.docker.inspect(container(&task)).await);
    // Nothing is to be done: so another task's life is awaited, and two full lists with it.
    let next = orc.run("next", shell("sleep 6")).await;
    orc.until_state(id(&next), COMPLETED).await;
    let found = orc.docker.inspect(container(&task)).await;
    assert_eq!((started_at(&found), name(&found)), (start, other.as_str()));
    assert_eq!(orc.task(id(&task)).await["State"], RUNNING);
    // It is found by its labels when it has to end.
    orc.delete(id(&task)).await;
    orc.until_gone(id(&task)).await;
    assert!(orc.docker.find(&other).await.is_none());
}

#[tokio::test]
async fn changed_limits_and_a_restart_policy_of_docker_are_set_back() {
    let orc = TestOrc::start().await;
    let limits = json!({ "Memory": 32 << 20, "CPU": 0.5 });
    let task = orc.run("limited", with(sleeper(), limits)).await;
    let changes = ContainerUpdateBody {
        memory: Some(64 << 20),
        memory_swap: Some(128 << 20),
        nano_cpus: Some(1_000_000_000),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::ALWAYS),
            maximum_retry_count: None,
        }),
        ..ContainerUpdateBody::default()
    };
    orc.docker.update(container(&task), changes).await;
    let limits = || async {
        let host = orc.docker.inspect(container(&task)).await.host_config.unwrap();
        (host.memory, host.nano_cpus, host.restart_policy.and_then(|policy| policy.name))
    };
    let right = (Some(32 << 20), Some(500_000_000), Some(RestartPolicyNameEnum::NO));
    until("the limits are as they were", limits, |seen| *seen == right).await;
    let kinds = || orc.kinds(id(&task));
    until("it is told", kinds, |kinds| kinds.contains(&"healed".to_owned())).await;
    assert_eq!(orc.task(id(&task)).await["ContainerID"], task["ContainerID"], "without a restart");
}

#[tokio::test]
async fn a_stopped_container_that_somebody_starts_again_does_not_run_on() {
    let orc = TestOrc::start().await;
    let id = orc.submit("over", shell("sleep 0.2")).await;
    let over = orc.until_state(&id, COMPLETED).await;
    orc.docker.start(container(&over)).await;
    // It ends by itself soon; one that would not is stopped.
    let lasting = orc.submit("lasting", shell("[ -e /again ] && sleep 100000; touch /again")).await;
    let lasting = orc.until_state(&lasting, COMPLETED).await;
    orc.docker.start(container(&lasting)).await;
    let look = || orc.docker.find(container(&lasting));
    until("it is stopped again", look, |found| {
        found.as_ref().is_none_or(|found| found.state.as_ref().unwrap().running == Some(false))
    })
    .await;
    assert_eq!(orc.task(lasting["ID"].as_str().unwrap()).await["State"], COMPLETED);
}

#[tokio::test]
async fn what_bears_this_workers_labels_and_is_no_task_of_it_is_cleared_away() {
    let orc = TestOrc::start().await;
    let known = orc.run("known", sleeper()).await;
    let of_known = orc.docker.inspect(container(&known)).await;
    // As a create that came through long after its task was forgotten would leave it.
    let mut labels = of_known.config.unwrap().labels.unwrap();
    labels.insert("orc.task".to_owned(), orc::model::id::TaskId::generate().to_string());
    let ended = orc.docker.create(&orc.name("orphan-ended"), labels.clone()).await;
    labels.insert("orc.task".to_owned(), orc::model::id::TaskId::generate().to_string());
    let living = orc.docker.create(&orc.name("orphan-living"), labels).await;
    orc.docker.start(&living).await;
    for orphan in [ended, living] {
        until("the orphan is gone", || orc.docker.find(&orphan), Option::is_none).await;
    }
    assert_eq!(orc.task(id(&known)).await["ContainerID"], known["ContainerID"]);
}
