//! Health: by HTTP from the worker, and by the image's own HEALTHCHECK.

use serde_json::json;

use crate::support::docker::{BUSYBOX, ECHO};
use crate::support::orc::{FAILED, RUNNING, TestOrc, echo, sleeper, with};
use crate::support::patience::until;

#[tokio::test]
async fn a_server_that_turns_unhealthy_is_restarted() {
    let orc = TestOrc::start().await;
    let checked = json!({ "HealthCheck": "/health", "Interval": "200ms", "Retries": 2 });
    let task = orc.run("sick", with(echo(&["ECHO_HEALTH_FAIL_AFTER_MS=2500"]), checked)).await;
    let id = task["ID"].as_str().unwrap();
    orc.until(id, "it is healthy", |task| task["Health"] == "healthy").await;
    let second = orc.until_replaced(&task).await;
    assert_eq!(second["RestartCount"], 1);
    orc.until(id, "the second one is healthy", |task| {
        task["Health"] == "healthy" && task["ContainerID"] == second["ContainerID"]
    })
    .await;
    let events = orc.events(id).await;
    let why = events.iter().find(|event| event["Kind"] == "restarting").unwrap();
    let words = "unhealthy: GET /health answered 500, 2 times in a row; restart 1 of 3";
    assert!(why["Message"].as_str().unwrap().contains(words), "{why}");
}

#[tokio::test]
async fn being_unhealthy_counts_against_the_restart_policy() {
    let orc = TestOrc::start().await;
    let checked =
        json!({ "HealthCheck": "/healthfail", "Interval": "100ms", "Retries": 3, "RestartPolicy": "no" });
    let id = orc.submit("never-well", with(echo(&[]), checked)).await;
    let task = orc.until_state(&id, FAILED).await;
    let message = task["Message"].as_str().unwrap();
    assert!(message.contains("unhealthy: GET /healthfail answered 500, 3 times in a row"), "{message}");
    let look = || orc.containers_of(&id);
    until("nothing of it runs", look, |left| left.iter().all(|left| !crate::support::docker::is_live(left)))
        .await;
}

#[tokio::test]
async fn a_slow_starter_has_its_grace() {
    let orc = TestOrc::start().await;
    let checked = json!({
        "HealthCheck": "/health", "Interval": "100ms", "Retries": 1, "StartPeriod": "20s", "RestartPolicy": "no",
    });
    let task = orc.run("slow", with(echo(&["ECHO_LISTEN_AFTER_MS=2500"]), checked)).await;
    assert_eq!(task["Health"], "starting", "{task}");
    let id = task["ID"].as_str().unwrap();
    let well = orc.until(id, "it is healthy", |task| task["Health"] == "healthy").await;
    assert_eq!((&well["RestartCount"], &well["State"]), (&json!(0), &json!(RUNNING)));
}

#[tokio::test]
async fn the_images_own_check_counts_when_the_task_has_none() {
    let orc = TestOrc::start().await;
    let task = orc.run("image", json!({ "Image": "orc-test/healthcheck:latest" })).await;
    let id = task["ID"].as_str().unwrap();
    orc.until(id, "it is healthy", |task| task["Health"] == "healthy").await;
    orc.docker.exec(task["ContainerID"].as_str().unwrap(), &["touch", "/tmp/unhealthy"]).await;
    let second = orc.until_replaced(&task).await;
    orc.until(id, "the second one is healthy", |task| task["Health"] == "healthy").await;
    assert_eq!(second["RestartCount"], 1);
    let events = orc.events(id).await;
    let why = events.iter().find(|event| event["Kind"] == "restarting").unwrap();
    assert!(why["Message"].as_str().unwrap().contains("HEALTHCHECK"), "{why}");
}

#[tokio::test]
async fn health_of_what_has_no_check_or_no_port_is_none_and_harms_nobody() {
    let orc = TestOrc::start().await;
    let unchecked = orc.run("unchecked", json!({ "Image": ECHO })).await;
    let checked = json!({ "Image": BUSYBOX, "HealthCheck": "/health", "Interval": "50ms", "Retries": 1 });
    let portless = orc.run("portless", with(sleeper(), checked)).await;
    // A while in which a check would have failed many times.
    let measure = orc.submit("measure", crate::support::orc::shell("sleep 3")).await;
    orc.until_state(&measure, 3).await;
    for before in [unchecked, portless] {
        let now = orc.task(before["ID"].as_str().unwrap()).await;
        for field in ["State", "ContainerID", "RestartCount"] {
            assert_eq!(now[field], before[field], "{field}");
        }
        assert_eq!(now["Health"], "none");
    }
}
