//! Sending again: the same event is the same task and the same answer.

use serde_json::{Value, json};

use crate::support::orc::{COMPLETED, RUNNING, TestOrc, sleeper, with};

/// An event for a task of this name, with every ID given.
fn event(orc: &TestOrc, name: &str) -> Value {
    let id = || orc::model::id::TaskId::generate().to_string();
    json!({ "ID": id(), "State": 2, "Task": with(sleeper(), json!({ "ID": id(), "Name": orc.name(name) })) })
}

#[tokio::test]
async fn the_same_event_again_is_one_task_and_the_same_bytes_whatever_happened_since() {
    let mut orc = TestOrc::start().await;
    let event = event(&orc, "again");
    let first = orc.ask("POST", "/tasks", &event.to_string()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = event["Task"]["ID"].as_str().unwrap();
    // The same JSON in another spelling.
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    let unhyphenated = event.to_string().replace(id, &id.replace('-', "").to_uppercase());
    for body in [event.to_string(), pretty.clone(), unhyphenated] {
        let again = orc.ask("POST", "/tasks", &body).await;
        assert_eq!((again.status, &again.body), (201, &first.body));
    }
    orc.until_state(id, RUNNING).await;
    orc.restart().await;
    let again = orc.ask("POST", "/tasks", &pretty).await;
    assert_eq!((again.status, &again.body), (201, &first.body), "after a restart of orc");

    orc.delete(id).await;
    orc.until_state(id, COMPLETED).await;
    let again = orc.ask("POST", "/tasks", &pretty).await;
    assert_eq!((again.status, &again.body), (201, &first.body), "after its task is over");
    let tasks = orc.get("/tasks").await;
    assert_eq!(tasks.as_array().unwrap().len(), 1);
    assert_eq!(tasks[0]["State"], COMPLETED, "and it does not begin anew");
    let starts = orc.happened().into_iter().filter(|happened| happened.action == "create").count();
    assert_eq!(starts, 1, "one container in all");
}

#[tokio::test]
async fn the_same_event_at_the_same_time_from_many_clients_is_one_task() {
    let orc = TestOrc::start().await;
    let event = event(&orc, "crowd").to_string();
    let answers = futures_util::future::join_all((0..20).map(|_| orc.ask("POST", "/tasks", &event))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    assert_eq!(orc.get("/tasks").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_id_with_another_body_is_409_and_changes_nothing() {
    let orc = TestOrc::start().await;
    let event = event(&orc, "other");
    assert_eq!(orc.ask("POST", "/tasks", &event.to_string()).await.status, 201);
    let id = event["ID"].as_str().unwrap();
    let mut other = event.clone();
    other["Task"]["ID"] = orc::model::id::TaskId::generate().to_string().into();
    other["Task"]["Name"] = orc.name("another").into();
    orc.ask("POST", "/tasks", &other.to_string()).await.assert_refused(409, &[id, "accepted before"]);
    let mut stop = event.clone();
    stop["State"] = 3.into();
    orc.ask("POST", "/tasks", &stop.to_string()).await.assert_refused(409, &[id]);
    // Another event for a task that exists.
    let mut second = event.clone();
    second["ID"] = orc::model::id::TaskId::generate().to_string().into();
    let task = event["Task"]["ID"].as_str().unwrap();
    orc.ask("POST", "/tasks", &second.to_string()).await.assert_refused(409, &[task, "exists already"]);

    let tasks = orc.get("/tasks").await;
    assert_eq!(tasks.as_array().unwrap().len(), 1);
    orc.until_state(task, RUNNING).await;
}

#[tokio::test]
async fn a_worker_answers_a_repetition_with_the_same_bytes_too() {
    let orc = TestOrc::start().await;
    let event = event(&orc, "pinned").to_string();
    let look = || orc.ask_worker("POST", "/tasks", &event);
    let first =
        crate::support::patience::until("the worker has joined", look, |answer| answer.status != 404).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = orc.ask_worker("POST", "/tasks", &event).await;
    assert_eq!((again.status, again.body), (201, first.body));
    let unpinned = orc.ask("POST", "/tasks", &event).await;
    unpinned.assert_refused(409, &["accepted before"]);
}

#[tokio::test]
async fn what_get_gave_can_be_sent_to_post() {
    let orc = TestOrc::start().await;
    let all = json!({
        "CPU": 0.5, "Memory": 64 << 20, "Disk": 1 << 20, "ExposedPorts": { "7777/tcp": {} },
        "PortBindings": { "7777/tcp": "7777" }, "RestartPolicy": "on-failure:2", "HealthCheck": "/health",
        "Interval": "5s", "Timeout": "1s", "Retries": 2, "StartPeriod": "3s", "Env": ["A=1"], "WorkingDir": "/tmp",
        "User": "root", "Labels": { "a": "b" }, "StopSignal": "SIGINT", "StopTimeout": 2,
        "Mounts": [{ "Type": "tmpfs", "Target": "/t" }],
    });
    let probes = json!({
        "Readiness": { "Http": { "Port": 80, "Path": "/up", "Headers": { "X-A": "b" }, "Status": "204" }, "Interval": "3s" },
        "Liveness": { "Test": ["CMD-SHELL", "true"], "StartPeriod": "9s", "StartInterval": "1s" },
    });
    for (name, task) in
        [("plain", sleeper()), ("full", with(sleeper(), all)), ("probed", with(sleeper(), probes))]
    {
        let given = orc.run(name, task).await;
        let mut sent = given.clone();
        sent.as_object_mut().unwrap().remove("ID");
        sent["Name"] = orc.name(&format!("{name}-copy")).into();
        let answer = orc.ask("POST", "/tasks", &json!({ "Task": sent }).to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let copy = answer.json()["Task"]["ID"].as_str().unwrap().to_owned();
        let copy = orc.until_state(&copy, RUNNING).await;
        for field in ["ID", "Name", "ContainerID"] {
            assert_ne!(copy[field], given[field], "{field}");
        }
        let of_spec = "Image CPU Memory Disk ExposedPorts PortBindings RestartPolicy HealthCheck Cmd Entrypoint Env \
            WorkingDir User Labels StopSignal StopTimeout PublishMode PullPolicy Mounts Interval Timeout Retries \
            StartPeriod Placement Failover Readiness Liveness";
        for field in of_spec.split_whitespace() {
            assert_eq!(copy[field], given[field], "{field}");
        }
    }
}
