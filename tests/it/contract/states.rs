//! The state machine as users see it, and what a task may ask of its container.

use serde_json::{Value, json};

use crate::support::docker::status;
use crate::support::http::ask;
use crate::support::orc::{COMPLETED, FAILED, RUNNING, TestOrc, echo, shell, sleeper, with};
use crate::support::patience::until;

#[tokio::test]
async fn exit_0_is_completed_and_any_other_exit_is_restarted_as_the_policy_says() {
    let orc = TestOrc::start().await;
    let clean = orc.submit("clean", shell("exit 0")).await;
    let once = orc.submit("once", with(shell("exit 3"), json!({ "RestartPolicy": "no" }))).await;
    let twice = orc.submit("twice", with(shell("exit 4"), json!({ "RestartPolicy": "on-failure:1" }))).await;
    let always = orc.submit("always", with(shell("exit 0"), json!({ "RestartPolicy": "always" }))).await;

    let clean = orc.until_state(&clean, COMPLETED).await;
    assert_eq!((&clean["ExitCode"], &clean["RestartCount"]), (&json!(0), &json!(0)));
    assert!(clean["FinishedAt"].is_string(), "{clean}");
    let once = orc.until_state(&once, FAILED).await;
    assert_eq!((&once["ExitCode"], &once["RestartCount"]), (&json!(3), &json!(0)));
    assert!(once["Message"].as_str().unwrap().contains("exited with code 3"), "{once}");
    let twice = orc.until_state(&twice, FAILED).await;
    assert_eq!((&twice["ExitCode"], &twice["RestartCount"]), (&json!(4), &json!(1)));
    assert_eq!(twice["Attempt"], 2);
    let message = twice["Message"].as_str().unwrap();
    assert!(
        message.contains("exited with code 4") && message.contains("given up after 1 restart"),
        "{message}"
    );
    orc.until(&always, "it came again after success", |task| task["RestartCount"].as_u64().unwrap() >= 2)
        .await;
}

#[tokio::test]
async fn an_event_with_state_3_stops_its_task_as_delete_does() {
    let orc = TestOrc::start().await;
    let task = orc.run("by-event", sleeper()).await;
    let id = task["ID"].as_str().unwrap();
    let event =
        json!({ "ID": orc::model::id::TaskId::generate().to_string(), "State": 3, "Task": { "ID": id } });
    let first = orc.ask("POST", "/tasks", &event.to_string()).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.json()["Task"]["ID"], id);
    assert_eq!(first.json()["State"], 3);
    let stopped = orc.until_state(id, COMPLETED).await;
    assert_eq!(stopped["Message"], "stopped on request");
    assert_eq!(stopped["ExitCode"], 0);
    orc.until_gone(id).await;
    let again = orc.ask("POST", "/tasks", &event.to_string()).await;
    assert_eq!((again.status, again.body), (201, first.body));
}

#[tokio::test]
async fn a_task_that_has_no_node_yet_can_be_stopped() {
    let orc = TestOrc::start().await;
    let id = orc.submit("nowhere", with(sleeper(), json!({ "CPU": 4000 }))).await;
    orc.until(&id, "it says why it waits", |task| task["Message"] != "").await;
    orc.delete(&id).await;
    let task = orc.until_state(&id, COMPLETED).await;
    assert_eq!((&task["Node"], &task["Attempt"]), (&json!(""), &json!(0)));
    let mut kinds = orc.kinds(&id).await;
    // Its worker may have joined between two looks, and the reason is another then.
    kinds.dedup();
    assert_eq!(kinds, ["submitted", "unplaceable", "stop-requested", "completed"]);
}

#[tokio::test]
async fn history_tells_a_life_in_order() {
    let orc = TestOrc::start().await;
    // A task that is there first would be told that no node is.
    until("the worker has joined", || orc.get("/nodes"), |nodes| nodes[0]["State"] == "ready").await;
    let id = orc.run("life", sleeper()).await["ID"].as_str().unwrap().to_owned();
    orc.delete(&id).await;
    orc.until_state(&id, COMPLETED).await;
    let told = async || orc.kinds(&id).await;
    let kinds = until("the worker's last word has come", told, |kinds| {
        kinds.last().is_some_and(|last| last == "completed")
    })
    .await;
    assert_eq!(kinds, ["submitted", "placed", "started", "stop-requested", "completed"]);
}

#[tokio::test]
async fn what_a_task_asks_for_is_what_its_container_gets() {
    let orc = TestOrc::start().await;
    let port = crate::support::ports::free_ports(1);
    let asked = json!({
        "CPU": 0.25, "Memory": 32 << 20, "PublishMode": "host", "PortBindings": { "7777/tcp": port.to_string() },
        "ExposedPorts": { "9999/udp": {} }, "Env": ["GREETING=hello world"], "Labels": { "team": "blue" },
        "StopSignal": "SIGINT", "StopTimeout": 4, "WorkingDir": "/", "User": "1000",
        "Mounts": [{ "Type": "tmpfs", "Target": "/scratch" }],
    });
    let task = orc.run("asks", with(echo(&[]), asked)).await;
    let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
    let (config, host) = (container.config.clone().unwrap(), container.host_config.clone().unwrap());
    assert_eq!((host.nano_cpus, host.memory), (Some(250_000_000), Some(32 << 20)));
    assert!(config.env.unwrap().contains(&"GREETING=hello world".to_owned()));
    assert_eq!(config.labels.unwrap()["team"], "blue");
    assert_eq!((config.stop_signal.as_deref(), config.stop_timeout), (Some("SIGINT"), Some(4)));
    assert_eq!((config.user.as_deref(), config.working_dir.as_deref()), (Some("1000"), Some("/")));
    assert_eq!(host.mounts.unwrap()[0].target.as_deref(), Some("/scratch"));

    let published = |port: &str| task["HostPorts"][port][0]["HostPort"].as_str().unwrap().to_owned();
    assert_eq!(published("7777/tcp"), port.to_string(), "exactly, since PublishMode says so");
    assert!(published("9999/udp").parse::<u16>().is_ok(), "at random");
    let answer = ask(port, "GET", "/env", &[], "").await.unwrap();
    assert!(answer.text().contains("GREETING=hello world\n"), "{answer:?}");
}

#[tokio::test]
async fn two_tasks_that_want_one_host_port_never_land_on_one_node() {
    let orc = TestOrc::start().await;
    let port = crate::support::ports::free_ports(1).to_string();
    let fixed = json!({ "PublishMode": "host", "PortBindings": { "7777/tcp": port } });
    let first = orc.run("first", with(echo(&[]), fixed.clone())).await;
    let second = orc.submit("second", with(echo(&[]), fixed)).await;
    let is_told = |task: &Value| task["Message"].as_str().unwrap().contains("no node fits");
    let waits = orc.until(&second, "it waits for the port", is_told).await;
    assert!(waits["Message"].as_str().unwrap().contains(&port), "{waits}");
    orc.delete(first["ID"].as_str().unwrap()).await;
    let second = orc.until_state(&second, RUNNING).await;
    let container = orc.docker.inspect(second["ContainerID"].as_str().unwrap()).await;
    assert_eq!(status(&container).unwrap().to_string(), "running");
}
