//! Every refusal: its status, and a sentence that says what was wrong, where, and what would be right.

use serde_json::json;

use crate::support::http::ask;
use crate::support::orc::{TestOrc, sleeper, with};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn a_malformed_body_is_400_and_says_where() {
    let orc = TestOrc::start().await;
    for (body, words) in [
        ("", &["empty", "JSON"][..]),
        ("{", &["not valid JSON", "line 1, column 1"]),
        ("[]", &["array", "object"]),
        (r#"{"Task": {"Name": 7}}"#, &["Task.Name", "7", "string"]),
        (r#"{"Task": {"Memory": "1g"}}"#, &["Task.Memory", "\"1g\"", "integer"]),
        (r#"{"Task": {"ID": "7"}}"#, &["Task.ID", "\"7\"", "UUID"]),
        (r#"{"ID": "x"}"#, &["ID", "\"x\"", "UUID"]),
        (r#"{"Task": {"ExposedPorts": {"web": {}}}}"#, &["Task.ExposedPorts", "\"web\"", "7777/tcp"]),
        (
            r#"{"Task": {"RestartPolicy": "sometimes"}}"#,
            &["Task.RestartPolicy", "\"sometimes\"", "on-failure"],
        ),
        (r#"{"Task": {"Name": "aa", "Name": "bb"}}"#, &["Task.Name", "twice"]),
    ] {
        let answer = orc.ask("POST", "/tasks", body).await;
        answer.assert_refused(400, words);
    }
    assert_eq!(orc.get("/tasks").await, json!([]), "a 4xx changes nothing");
}

#[tokio::test]
async fn an_unknown_field_is_named_with_the_one_that_it_resembles() {
    let orc = TestOrc::start().await;
    for (body, unknown, meant) in [
        (r#"{"Task": {"name": "aa"}}"#, "Task.name", "Task.Name"),
        (r#"{"Task": {"Nmae": "aa"}}"#, "Task.Nmae", "Task.Name"),
        (r#"{"Task": {"Cpu": 1}}"#, "Task.Cpu", "Task.CPU"),
        (r#"{"Task": {"restart_policy": "no"}}"#, "Task.restart_policy", "Task.RestartPolicy"),
        (r#"{"Task": {"Readiness": {"Htp": {"Port": 80}}}}"#, "Task.Readiness.Htp", "Task.Readiness.Http"),
        (r#"{"task": {}}"#, "task", "Task"),
        (r#"{"Id": "x"}"#, "Id", "ID"),
        (r#"{"Task": {"Mounts": [{"target": "/a"}]}}"#, "Task.Mounts[0].target", "Task.Mounts[0].Target"),
    ] {
        let answer = orc.ask("POST", "/tasks", body).await;
        answer.assert_refused(400, &[&format!("{unknown} is no known field"), &format!("{meant} is")]);
        orc.ask_worker("POST", "/tasks", body).await.assert_refused(400, &[unknown, meant]);
    }
    let answer = orc.ask("POST", "/tasks", r#"{"Task": {"Replicas": 2}}"#).await;
    answer.assert_refused(400, &["Task.Replicas is no known field", "Name", "Image"]);
}

#[tokio::test]
async fn a_value_that_is_not_possible_is_422() {
    let orc = TestOrc::start().await;
    for (task, words) in [
        (json!({ "Image": "i" }), &["Task.Name is missing"][..]),
        (json!({ "Name": "ok-name" }), &["Task.Image is missing"]),
        (json!({ "Name": "a b", "Image": "i" }), &["Task.Name", "\"a b\"", "a-z"]),
        (json!({ "Name": "ok-name", "Image": "i", "CPU": -1 }), &["Task.CPU", "-1", "0 for no limit"]),
        (json!({ "Name": "ok-name", "Image": "i", "Memory": -1 }), &["Task.Memory", "-1"]),
        (json!({ "Name": "ok-name", "Image": "i", "Memory": 1 }), &["Task.Memory", "6 MiB"]),
        (
            json!({ "Name": "ok-name", "Image": "i", "HealthCheck": "health" }),
            &["Task.HealthCheck", "begins with /"],
        ),
        (
            json!({ "Name": "ok-name", "Image": "i", "Readiness": { "Http": { "Path": "/ready" } } }),
            &["Task.Readiness.Http.Port is missing", "such as 80"],
        ),
        (
            json!({ "Name": "ok-name", "Image": "i", "Liveness": { "Tcp": { "Port": 80 }, "Interval": 0 } }),
            &["Task.Liveness.Interval", "from 1ms to 24h"],
        ),
        (
            json!({ "Name": "ok-name", "Image": "i", "Liveness": { "Interval": "1s" } }),
            &["Task.Liveness does not say what to ask", "Http", "Tcp", "Test"],
        ),
        (
            json!({ "Name": "ok-name", "Image": "i", "HealthCheck": "/", "Readiness": { "Tcp": { "Port": 80 } } }),
            &["Task.Readiness stands beside Task.HealthCheck"],
        ),
        (
            json!({ "Name": "ok-name", "Image": "i", "Labels": { "orc.task": "x" } }),
            &["Task.Labels", "orc.task"],
        ),
        (json!({ "Name": "ok-name", "Image": "i", "State": 9 }), &["Task.State", "9"]),
        (
            json!({ "Name": "ok-name", "Image": "i",
                "Mounts": [{ "Type": "bind", "Source": "/var/run/docker.sock", "Target": "/s" }] }),
            &["Task.Mounts[0].Source", "docker.sock", "ORC_BIND_MOUNTS"],
        ),
    ] {
        let body = json!({ "Task": task }).to_string();
        orc.ask("POST", "/tasks", &body).await.assert_refused(422, words);
        orc.ask_worker("POST", "/tasks", &body).await.assert_refused(422, words);
    }
    let stop = orc.ask("POST", "/tasks", r#"{"State": 3, "Task": {}}"#).await;
    stop.assert_refused(422, &["Task.ID is missing"]);
    let odd = orc.ask("POST", "/tasks", r#"{"State": 7, "Task": {"Name": "ok-name", "Image": "i"}}"#).await;
    odd.assert_refused(422, &["State is 7"]);
    assert_eq!(orc.get("/tasks").await, json!([]), "a 4xx changes nothing");
}

#[tokio::test]
async fn ids_that_are_none_or_unknown_are_400_and_404() {
    let orc = TestOrc::start().await;
    for path in ["/tasks/7", "/tasks/7/", "/tasks/%7Bbb1d59ef-9fc1-4e4b-a44d-db571eeed203%7D"] {
        orc.ask("DELETE", path, "").await.assert_refused(400, &["UUID"]);
        orc.ask_worker("DELETE", path, "").await.assert_refused(400, &["UUID"]);
        orc.ask("GET", path, "").await.assert_refused(400, &["UUID"]);
    }
    let path = format!("/tasks/{UNKNOWN}");
    orc.ask("DELETE", &path, "").await.assert_refused(404, &[UNKNOWN]);
    orc.ask_worker("DELETE", &path, "").await.assert_refused(404, &[UNKNOWN]);
    orc.ask("GET", &path, "").await.assert_refused(404, &[UNKNOWN]);
    orc.ask("GET", &format!("{path}/events"), "").await.assert_refused(404, &[UNKNOWN]);
    orc.ask("GET", &format!("{path}/logs"), "").await.assert_refused(404, &[UNKNOWN]);
    let stop = json!({ "State": 3, "Task": { "ID": UNKNOWN } }).to_string();
    orc.ask("POST", "/tasks", &stop).await.assert_refused(404, &[UNKNOWN]);
}

#[tokio::test]
async fn the_wrong_size_type_method_or_path_has_its_own_status() {
    let orc = TestOrc::start().await;
    for port in [orc.manager_port, orc.worker_port] {
        let json = [("content-type", "application/json")];
        let large = format!(r#"{{"ID": "{}"}}"#, "x".repeat(2 << 20));
        ask(port, "POST", "/tasks", &json, large).await.unwrap().assert_refused(413, &["1048576 bytes"]);
        let plain = [("content-type", "text/plain")];
        let answer = ask(port, "POST", "/tasks", &plain, "{}").await.unwrap();
        answer.assert_refused(415, &["text/plain", "application/json"]);
        ask(port, "POST", "/tasks", &[], "{}")
            .await
            .unwrap()
            .assert_refused(415, &["Content-Type is missing"]);
        let answer = ask(port, "PUT", "/tasks", &json, "{}").await.unwrap();
        answer.assert_refused(405, &["PUT is not for /tasks", "GET", "POST"]);
        let answer = ask(port, "GET", "/nothing", &[], "").await.unwrap();
        answer.assert_refused(404, &["There is nothing at /nothing", "GET and POST /tasks"]);
        let foreign = [("origin", "http://evil.example"), ("content-type", "application/json")];
        ask(port, "POST", "/tasks", &foreign, "{}").await.unwrap().assert_refused(403, &["evil.example"]);
    }
}

#[tokio::test]
async fn a_name_in_use_is_409_until_its_task_is_over() {
    let orc = TestOrc::start().await;
    let holder = orc.run("name", sleeper()).await["ID"].as_str().unwrap().to_owned();
    let body = json!({ "Task": with(sleeper(), json!({ "Name": orc.name("name") })) }).to_string();
    let refused = orc.ask("POST", "/tasks", &body).await;
    refused.assert_refused(409, &[&orc.name("name"), "in use by the live task", &holder]);
    assert_eq!(orc.get("/tasks").await.as_array().unwrap().len(), 1);

    orc.delete(&holder).await;
    orc.until_state(&holder, 3).await;
    let accepted = orc.ask("POST", "/tasks", &body).await;
    assert_eq!(accepted.status, 201, "{accepted:?}");
    let id = accepted.json()["Task"]["ID"].as_str().unwrap().to_owned();
    assert_eq!(orc.until_state(&id, 2).await["Name"], orc.name("name"));
}
