//! A secret is looked for everywhere that people and programs can look, and found in its container alone.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{HUNTER2, data, in_container, make, update};
use crate::support::orc::{TestOrc, sleeper, with};
use crate::support::patience::until;

/// The forms in which it might lie about.
fn forms() -> Vec<Vec<u8>> {
    let hex: Vec<String> = HUNTER2.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = data(HUNTER2).as_str().unwrap().to_owned();
    // Without its end, which depends on what follows.
    let begin = base64.trim_end_matches('=')[..32].to_owned();
    vec![HUNTER2.into(), hex.concat().into(), begin.into()]
}

#[track_caller]
fn assert_silent(what: &str, bytes: &[u8]) {
    for form in forms() {
        let found = bytes.windows(form.len()).any(|window| window == form);
        assert!(!found, "{what} has the secret, as {:?}", String::from_utf8_lossy(&form));
    }
}

/// Every file in the data directory: databases and their logs among them.
fn files_of(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_secret_is_read_in_its_container_and_nowhere_else() {
    let orc = TestOrc::start_split().await;
    for answer in [
        make(&orc, "secrets", "db", "before").await,
        update(&orc, "secrets", "db", HUNTER2).await,
        update(&orc, "secrets", "db", HUNTER2).await,
        make(&orc, "secrets", "db", HUNTER2).await,
        orc.ask("POST", "/secrets", &json!({ "Name": "db!", "Data": data(HUNTER2) }).to_string()).await,
        orc.ask("POST", "/secrets", &json!({ "Name": "db", "Data": HUNTER2, "X": 1 }).to_string()).await,
        orc.ask("POST", "/secrets/db/compare", &json!({ "Data": data(HUNTER2) }).to_string()).await,
    ] {
        assert_silent("an answer", &answer.body);
    }
    let files = json!({ "Secrets": [{ "Name": "db" }] });
    let task = orc.run("web", with(sleeper(), files.clone())).await;
    let name = orc.name("service");
    let service = json!({ "Name": name, "Task": with(sleeper(), files) }).to_string();
    assert_eq!(orc.ask("POST", "/services", &service).await.status, 201);
    let path = format!("/services/{name}");
    until("the service runs", || orc.get(&path), |service| service["Rollout"]["Ready"] == 1).await;
    assert_eq!(in_container(&orc, &task, "cat /run/secrets/db").await, HUNTER2);

    let id = task["ID"].as_str().unwrap();
    for path in [
        "/secrets",
        "/secrets/db",
        "/tasks",
        &format!("/tasks/{id}"),
        &format!("/tasks/{id}/events"),
        &format!("/tasks/{id}/why"),
        &format!("/tasks/{id}/logs"),
        "/services",
        &path,
        &format!("{path}/versions"),
        "/events?follow=false&since=0",
        "/nodes",
        "/state",
        "/openapi.json",
        "/configs/db/data",
        "/secrets/db/data",
    ] {
        assert_silent(path, &orc.ask("GET", path, "").await.body);
    }
    assert_silent("the worker", &orc.ask_worker("GET", "/tasks", "").await.body);
    for container in orc.containers().await {
        assert_silent("docker inspect", &serde_json::to_vec(&container).unwrap());
    }
    let files = files_of(&orc.data_dir());
    let has = |name: &str| files.iter().any(|path| path.to_string_lossy().contains(name));
    assert!(has("manager.db-wal") && has("worker-1.db-wal") && has("secrets.key"), "{files:?}");
    for file in files {
        assert_silent(&file.display().to_string(), &fs::read(&file).unwrap());
    }
    let worker = orc.worker.as_ref().unwrap();
    assert_silent("the logs", [orc.main.log(), worker.log()].concat().as_bytes());
}
