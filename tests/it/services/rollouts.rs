//! What becomes of a service's containers when it changes.

use serde_json::{Value, json};

use super::{ids, look, put, quick, until_rollout};
use crate::support::docker::is_live;
use crate::support::orc::{TestOrc, shell, sleeper, with};
use crate::support::patience::until;

#[tokio::test]
async fn a_change_replaces_task_after_task_and_there_is_always_one_that_runs() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    let service = |env: &str| json!({ "Replicas": 2, "Task": with(sleeper(), json!({ "Env": [env] })), "Update": quick(json!({})) });
    let made = put(&orc, &name, None, &service("COLOUR=green")).await;
    assert_eq!((made.status, made.header("etag")), (200, Some("\"1\"")), "{made:?}");
    let first = until_rollout(&orc, &name, "settled").await;
    assert_eq!((&first["Version"], &first["Stable"]), (&json!(1), &json!(1)));
    assert_eq!(ids(&first).len(), 2);

    let changed = put(&orc, &name, Some("\"1\""), &service("COLOUR=blue")).await;
    assert_eq!(changed.header("etag"), Some("\"2\""), "{changed:?}");
    let live = || async {
        let all = orc.containers().await;
        let live = all.iter().filter(|container| is_live(container)).count();
        (live, orc.get(&format!("/services/{name}")).await)
    };
    let mut fewest = usize::MAX;
    let second = loop {
        let (live, service) = live().await;
        fewest = fewest.min(live);
        if service["Rollout"]["State"] == "settled" && service["Stable"] == 2 {
            break service;
        }
    };
    assert!(fewest >= 2, "{fewest} containers ran at a time");
    let names: Vec<&Value> = second["Tasks"].as_array().unwrap().iter().map(|task| &task["Name"]).collect();
    assert_eq!(names, [&json!(format!("{name}.1.v2")), &json!(format!("{name}.2.v2"))]);
    for id in ids(&first) {
        orc.until_gone(id).await;
    }
}

#[tokio::test]
async fn a_bad_version_goes_back_by_itself_and_the_good_containers_are_not_touched() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    let service = |task: Value| json!({ "Replicas": 2, "Task": task, "Update": quick(json!({})) });
    put(&orc, &name, None, &service(sleeper())).await;
    let good = until_rollout(&orc, &name, "settled").await;
    let containers = |service: &Value| {
        let ids: Vec<String> = ids(service).into_iter().map(ToOwned::to_owned).collect();
        let orc = &orc;
        async move {
            let mut containers = Vec::new();
            for id in ids {
                containers.push(orc.task(&id).await["ContainerID"].clone());
            }
            containers
        }
    };
    let before = containers(&good).await;
    put(&orc, &name, Some("1"), &service(shell("echo no such table; exit 3"))).await;
    let back = until("it is back", || look(&orc, &name), |service| service["Stable"] == 3).await;
    assert_eq!(back["Task"], good["Task"]);
    assert_eq!(containers(&back).await, before);
    let versions = orc.get(&format!("/services/{name}/versions")).await;
    let last = versions.as_array().unwrap().last().unwrap();
    assert_eq!((&last["By"], &last["Restores"]), (&json!("orc"), &json!(1)));
    let why = last["Why"].as_str().unwrap();
    assert!(
        why.starts_with("brings version 1 back: 1 of 2 tasks of version 2 failed") && why.contains('3'),
        "{why}"
    );
}

#[tokio::test]
async fn a_manager_that_is_killed_in_the_middle_of_a_rollout_goes_on_with_it() {
    let mut orc = TestOrc::start().await;
    let name = orc.name("web");
    let service = |env: &str| json!({ "Replicas": 3, "Task": with(sleeper(), json!({ "Env": [env] })), "Update": quick(json!({})) });
    put(&orc, &name, None, &service("A=1")).await;
    until_rollout(&orc, &name, "settled").await;
    put(&orc, &name, Some("1"), &service("A=2")).await;
    for done in 1..3 {
        let is_so_far = |service: &Value| service["Rollout"]["Done"].as_u64().unwrap() >= done;
        until("some slots are done", || look(&orc, &name), is_so_far).await;
        orc.restart().await;
    }
    let settled = until("it is settled", || look(&orc, &name), |service| service["Stable"] == 2).await;
    assert_eq!(settled["Rollout"]["Ready"], 3);
    assert_eq!(ids(&settled).len(), 3);
}

#[tokio::test]
async fn a_task_of_a_service_that_somebody_stops_is_replaced_and_one_that_dies_comes_back() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    put(&orc, &name, None, &json!({ "Task": sleeper(), "Update": quick(json!({})) })).await;
    let settled = until_rollout(&orc, &name, "settled").await;
    let id = ids(&settled)[0].to_owned();
    let before = orc.task(&id).await;
    orc.docker.kill(before["ContainerID"].as_str().unwrap()).await;
    orc.until_replaced(&before).await;
    orc.delete(&id).await;
    let another = |service: &Value| service["Rollout"]["Ready"] == 1 && !ids(service).contains(&id.as_str());
    until("another task has taken its place", || look(&orc, &name), another).await;
}

#[tokio::test]
async fn a_job_runs_to_its_end_and_one_that_fails_says_why() {
    let orc = TestOrc::start().await;
    let (good, bad) = (orc.name("count"), orc.name("broken"));
    let job = |line: &str| json!({ "Mode": "job", "Completions": 3, "Parallelism": 2, "Task": with(shell(line), json!({ "RestartPolicy": "no" })) });
    put(&orc, &good, None, &job("echo done")).await;
    put(&orc, &bad, None, &job("exit 4")).await;
    let complete = until_rollout(&orc, &good, "complete").await;
    assert_eq!(complete["Rollout"]["Done"], 3);
    let failed = until_rollout(&orc, &bad, "failed").await;
    let message = failed["Rollout"]["Message"].as_str().unwrap();
    assert!(message.contains("tasks of version 1 failed") && message.contains('4'), "{message}");
}

#[tokio::test]
async fn a_removed_service_takes_its_containers_with_it() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    put(&orc, &name, None, &json!({ "Mode": "global", "Task": sleeper(), "Update": quick(json!({})) })).await;
    let settled = until_rollout(&orc, &name, "settled").await;
    assert_eq!(settled["Tasks"][0]["Slot"], settled["Tasks"][0]["Node"]);
    assert_eq!(orc.ask("DELETE", &format!("/services/{name}"), "").await.status, 204);
    let path = format!("/services/{name}");
    until("it is no more", || orc.ask("GET", &path, ""), |answer| answer.status == 404).await;
    for id in ids(&settled) {
        orc.until_gone(id).await;
    }
}
