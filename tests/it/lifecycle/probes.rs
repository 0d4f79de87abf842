//! Probes on a real engine: readiness and liveness, by HTTP, TCP and programs in the container.

use serde_json::{Value, json};

use crate::support::docker::ECHO;
use crate::support::orc::{RUNNING, TestOrc, echo, sleeper, with};

/// A program in the container that is well while there is `/tmp/up`.
fn up() -> Value {
    json!({ "Test": ["CMD", "test", "-e", "/tmp/up"], "Interval": "100ms", "Retries": 2 })
}

/// The words of a task's events of this kind.
async fn words(orc: &TestOrc, id: &str, kind: &str) -> Vec<String> {
    let events = orc.events(id).await.into_iter().filter(|event| event["Kind"] == kind);
    events.map(|event| event["Message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_task_is_ready_once_its_probe_is_well_whatever_that_asks() {
    let orc = TestOrc::start().await;
    let probes = [
        ("http", echo(&[]), json!({ "Http": { "Port": 7777, "Path": "/health", "Status": "200" } })),
        // Listened on, and neither exposed nor published.
        ("private", echo(&["ECHO_PORT=7001"]), json!({ "Http": { "Port": 7001, "Path": "/health" } })),
        ("tcp", json!({ "Image": ECHO }), json!({ "Tcp": { "Port": 7777 } })),
        ("exec", sleeper(), json!({ "Test": ["CMD-SHELL", "test -d /tmp && echo fine"] })),
    ];
    for (name, task, probe) in probes {
        let probe = with(probe, json!({ "Interval": "200ms" }));
        let task = with(task, json!({ "Readiness": probe.clone(), "Liveness": probe }));
        let id = orc.submit(name, task).await;
        let well = orc.until(&id, &format!("{name} is ready"), |task| task["Ready"] == true).await;
        assert_eq!((&well["Health"], &well["NotReady"]), (&json!("healthy"), &json!("")), "{well}");
        assert!(well["ReadySince"].is_string(), "{well}");
    }
}

#[tokio::test]
async fn a_task_without_probes_is_ready_while_it_runs() {
    let orc = TestOrc::start().await;
    let id = orc.submit("plain", sleeper()).await;
    let task = orc.until_state(&id, RUNNING).await;
    assert_eq!((&task["Ready"], &task["Health"]), (&json!(true), &json!("none")));
    orc.delete(&id).await;
    let stopped = orc.until_state(&id, 3).await;
    assert_eq!((&stopped["Ready"], &stopped["ReadySince"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn what_is_not_ready_is_not_restarted_and_is_ready_again_later() {
    let orc = TestOrc::start().await;
    let task = orc.run("moody", with(sleeper(), json!({ "Readiness": up(), "RestartPolicy": "no" }))).await;
    let id = task["ID"].as_str().unwrap();
    let container = task["ContainerID"].as_str().unwrap();
    let failed = orc.until(id, "it says why it is not ready", |task| {
        task["NotReady"] == "`test -e /tmp/up` ended with exit code 1, 2 times in a row"
    });
    assert_eq!(failed.await["Ready"], false);
    for (command, ready) in [("touch", true), ("rm", false), ("touch", true)] {
        orc.docker.exec(container, &[command, "/tmp/up"]).await;
        let now = orc.until(id, "readiness follows", |task| task["Ready"] == ready).await;
        for field in ["State", "ContainerID", "RestartCount", "Health"] {
            assert_eq!(now[field], task[field], "{field}");
        }
    }
    let told = words(&orc, id, "health").await;
    let not = "not ready: `test -e /tmp/up` ended with exit code 1, 2 times in a row";
    assert_eq!(told, [not, "ready", not, "ready"]);
}

#[tokio::test]
async fn what_does_not_live_is_restarted_with_words() {
    let orc = TestOrc::start().await;
    let well = json!({ "Test": ["CMD-SHELL", "if test -e /tmp/sick; then echo it is sick; exit 7; fi"],
        "Interval": "100ms", "Retries": 2 });
    let task = orc.run("mortal", with(sleeper(), json!({ "Liveness": well }))).await;
    let id = task["ID"].as_str().unwrap();
    assert_eq!(task["Ready"], true, "liveness says nothing of readiness");
    orc.until(id, "it is healthy", |task| task["Health"] == "healthy").await;
    orc.docker.exec(task["ContainerID"].as_str().unwrap(), &["touch", "/tmp/sick"]).await;
    let second = orc.until_replaced(&task).await;
    assert_eq!(second["RestartCount"], 1);
    let why = words(&orc, id, "restarting").await;
    let expected = "ended with exit code 7: it is sick, 2 times in a row; restart 1 of 3";
    assert!(why[0].starts_with("unhealthy: `/bin/sh -c if test") && why[0].contains(expected), "{why:?}");
    let told = orc.get(&format!("/tasks/{id}/why")).await;
    assert!(told["Restarts"][0]["Cause"].as_str().unwrap_or_default().contains("it is sick"), "{told}");
}

#[tokio::test]
async fn failures_in_the_start_period_do_not_count() {
    let orc = TestOrc::start().await;
    let slow = echo(&["ECHO_LISTEN_AFTER_MS=2500"]);
    let probe = json!({ "Tcp": { "Port": 7777 }, "Interval": "10s", "StartInterval": "100ms", "Retries": 1,
        "StartPeriod": "20s" });
    let task = with(slow, json!({ "Readiness": probe, "Liveness": probe, "RestartPolicy": "no" }));
    let task = orc.run("slow", task).await;
    let id = task["ID"].as_str().unwrap();
    let why = |task: &Value| task["NotReady"].as_str().unwrap().contains("was not accepted: ");
    orc.until(id, "it says what is missing", why).await;
    let well = orc.until(id, "it is ready", |task| task["Ready"] == true).await;
    assert_eq!((&well["RestartCount"], &well["State"]), (&json!(0), &json!(RUNNING)));
}

#[tokio::test]
async fn a_program_that_hangs_is_given_up_counts_as_failed_and_holds_up_nobody() {
    let orc = TestOrc::start().await;
    let hangs =
        json!({ "Test": ["CMD", "sleep", "4242"], "Interval": "100ms", "Timeout": "300ms", "Retries": 3 });
    let mut hanging = Vec::new();
    for number in 0..10 {
        let task = with(sleeper(), json!({ "Readiness": hangs, "RestartPolicy": "no" }));
        hanging.push(orc.submit(format!("hangs-{number}"), task).await);
    }
    let id = orc.submit("beside", with(sleeper(), json!({ "Readiness": { "Test": ["CMD", "true"] } }))).await;
    orc.until(&id, "the one beside them is ready", |task| task["Ready"] == true).await;
    for id in &hanging {
        let why =
            "`sleep 4242` still runs since an earlier time, and is not begun once more, 3 times in a row";
        let task = orc.until(id, "it says why it is not ready", |task| task["NotReady"] == why).await;
        assert_eq!((&task["Ready"], &task["State"]), (&json!(false), &json!(RUNNING)));
        let one = "[ $(ps | grep -c '[s]leep 4242') = 1 ]";
        orc.docker.exec(task["ContainerID"].as_str().unwrap(), &["sh", "-c", one]).await;
    }
}

#[tokio::test]
async fn readiness_is_known_again_after_orc_was_killed() {
    let mut orc = TestOrc::start().await;
    let task = orc.run("kept", with(sleeper(), json!({ "Readiness": up() }))).await;
    let id = task["ID"].as_str().unwrap().to_owned();
    let container = task["ContainerID"].as_str().unwrap();
    orc.docker.exec(container, &["touch", "/tmp/up"]).await;
    let before = orc.until(&id, "it is ready", |task| task["Ready"] == true).await;
    orc.restart().await;
    let after = orc.task(&id).await;
    for field in ["Ready", "ReadySince", "ContainerID"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    // And its worker goes on asking.
    orc.docker.exec(container, &["rm", "/tmp/up"]).await;
    orc.until(&id, "readiness follows", |task| task["Ready"] == false).await;
    assert_eq!(orc.ask_worker("GET", "/tasks", "").await.json()[0]["Ready"], false);
}

#[tokio::test]
async fn the_images_own_check_counts_as_far_as_the_task_says() {
    let orc = TestOrc::start().await;
    let image = || json!({ "Image": "orc-test/healthcheck:latest" });
    let unchecked = orc.run("off", with(image(), json!({ "Liveness": { "Test": ["NONE"] } }))).await;
    let of_readiness =
        with(image(), json!({ "Readiness": { "Test": [], "Interval": "200ms", "Retries": 1 } }));
    let of_readiness = orc.run("readiness", of_readiness).await;
    let id = of_readiness["ID"].as_str().unwrap();
    orc.until(id, "it is ready", |task| task["Ready"] == true).await;
    for task in [&unchecked, &of_readiness] {
        orc.docker.exec(task["ContainerID"].as_str().unwrap(), &["touch", "/tmp/unhealthy"]).await;
    }
    let not = orc.until(id, "it is not ready", |task| task["Ready"] == false).await;
    assert_eq!((&not["ContainerID"], &not["Health"]), (&of_readiness["ContainerID"], &json!("none")));
    let container = orc.docker.inspect(unchecked["ContainerID"].as_str().unwrap()).await;
    let health = container.state.and_then(|state| state.health).and_then(|health| health.status);
    assert!(health.is_none_or(|health| health.to_string() == "none"), "{health:?}");
    let unchecked = orc.task(unchecked["ID"].as_str().unwrap()).await;
    assert_eq!((&unchecked["Ready"], &unchecked["RestartCount"]), (&json!(true), &json!(0)));
}
