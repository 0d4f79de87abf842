//! What becomes of secrets and configs: mounted, changed, kept and removed.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{HUNTER2, data, in_container, make, update};
use crate::support::http::ask;
use crate::support::orc::{RUNNING, Setup, TestOrc, sleeper, with};
use crate::support::patience::until;

/// An orc with a directory of its own for secrets.
async fn orc(workers: u16) -> (TestOrc, TempDir) {
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let place = memory.path().join("orc").display().to_string();
    let envs = vec![("ORC_SECRETS_DIR", place)];
    (TestOrc::start_with(Setup { workers, envs, ..Setup::default() }).await, memory)
}

fn naming(secret: &str) -> Value {
    with(sleeper(), json!({ "Secrets": [{ "Name": secret, "Target": "db" }], "RestartPolicy": "always" }))
}

/// Every file below a directory.
fn files_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let below = entries.flat_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { files_in(&path) } else { vec![path.display().to_string()] }
    });
    below.collect()
}

#[tokio::test]
async fn a_container_has_its_files_with_owner_and_mode_and_can_only_read_them() {
    let (orc, _memory) = orc(1).await;
    assert_eq!(make(&orc, "secrets", "db", HUNTER2).await.status, 201);
    assert_eq!(make(&orc, "configs", "site", "listen 80;").await.status, 201);
    let files = json!({
        "Secrets": [{ "Name": "db" }, { "Name": "db", "Target": "/key", "UID": "33", "GID": 34, "Mode": 256 }],
        "Configs": [{ "Name": "site", "Target": "/etc/nginx/site.conf" }],
    });
    let task = orc.run("web", with(sleeper(), files)).await;
    assert_eq!((&task["Secrets"][0]["Version"], &task["Configs"][0]["Version"]), (&json!(1), &json!(1)));
    let read = in_container(&orc, &task, "cat /run/secrets/db; cat /etc/nginx/site.conf").await;
    assert_eq!(read, format!("{HUNTER2}listen 80;"));
    let listed = in_container(&orc, &task, "ls -ln /run/secrets/db /key | tr -s ' '").await;
    assert!(listed.contains("-r--r--r-- 1 0 0") && listed.contains("-r-------- 1 33 34"), "{listed}");
    let tried = in_container(&orc, &task, "echo x > /run/secrets/db && echo written || echo refused").await;
    assert!(tried.contains("refused"), "{tried}");

    let used = orc.get("/secrets/db").await;
    assert_eq!(used["UsedBy"][0], json!({ "Task": task["Name"], "TaskID": task["ID"], "Version": 1 }));
}

#[tokio::test]
async fn a_new_version_reaches_a_service_when_that_is_set_again() {
    let (orc, _memory) = orc(1).await;
    make(&orc, "secrets", "db", HUNTER2).await;
    let name = orc.name("web");
    let service = json!({ "Task": naming("db"), "Update": { "Monitor": "1s" } });
    let path = format!("/services/{name}");
    let set = async || {
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        let answer = ask(orc.manager_port, "PUT", &path, &headers, service.to_string()).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    assert_eq!(orc.ask("PUT", &path, &service.to_string()).await.status, 200);
    let settled = async |version: u64| {
        let is_settled =
            |service: &Value| service["Stable"] == version && service["Tasks"].as_array().unwrap().len() == 1;
        until("the service has settled", || orc.get(&path), is_settled).await
    };
    let first = settled(1).await;
    assert_eq!(
        first["Task"]["Secrets"][0],
        json!({ "Name": "db", "Version": 1, "Target": "/run/secrets/db" })
    );

    let changed = update(&orc, "secrets", "db", "correct-horse").await;
    assert_eq!((changed.status, &changed.json()["Version"]), (201, &json!(2)));
    assert_eq!(update(&orc, "secrets", "db", "correct-horse").await.status, 200, "nothing new");
    assert_eq!(orc.get(&path).await["Version"], 1, "whoever runs goes on with what it has");
    set().await;
    let second = settled(2).await;
    assert_eq!(second["Task"]["Secrets"][0]["Version"], 2);
    let task = orc.task(second["Tasks"][0]["ID"].as_str().unwrap()).await;
    assert_eq!(in_container(&orc, &task, "cat /run/secrets/db").await, "correct-horse");

    let rolled = orc.ask("POST", &format!("{path}/rollback?to=1"), "").await;
    assert_eq!(rolled.status, 200, "{rolled:?}");
    let back = settled(3).await;
    let task = orc.task(back["Tasks"][0]["ID"].as_str().unwrap()).await;
    assert_eq!(in_container(&orc, &task, "cat /run/secrets/db").await, HUNTER2);
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_a_sentence_and_nothing_changes() {
    let (orc, _memory) = orc(1).await;
    let large = "x".repeat(500_001);
    make(&orc, "secrets", "large", &large).await.assert_refused(413, &["The secret large", "500000"]);
    let larger = "x".repeat(1_000_001);
    make(&orc, "configs", "large", &larger).await.assert_refused(413, &["The config large", "1000000"]);
    assert_eq!(make(&orc, "configs", "just", &larger[1..]).await.status, 201);
    make(&orc, "secrets", "a/b", "x").await.assert_refused(400, &["Name", "\"a/b\""]);
    let no_base64 = json!({ "Name": "db", "Data": HUNTER2.to_owned() + "!" }).to_string();
    orc.ask("POST", "/secrets", &no_base64).await.assert_refused(400, &["Data", "base64"]);
    update(&orc, "secrets", "db", "x").await.assert_refused(404, &["no secret called db"]);
    assert_eq!(orc.get("/secrets").await, json!([]), "a 4xx changes nothing");

    let named = json!({ "Task": with(naming("db"), json!({ "Name": orc.name("web") })) }).to_string();
    orc.ask("POST", "/tasks", &named)
        .await
        .assert_refused(422, &["The secret db", "orc secret create db FILE"]);
    make(&orc, "secrets", "db", HUNTER2).await;
    make(&orc, "secrets", "db", "other").await.assert_refused(409, &["The secret db", "orc secret update"]);
    let task = orc.run("web", naming("db")).await;
    let refused = orc.ask("DELETE", "/secrets/db", "").await;
    refused.assert_refused(409, &["in use by the task", task["Name"].as_str().unwrap()]);
    let id = task["ID"].as_str().unwrap();
    orc.delete(id).await;
    orc.until_gone(id).await;
    until("the task is over", || orc.task(id), |task| task["State"] == 3).await;
    assert_eq!(orc.ask("DELETE", "/secrets/db", "").await.status, 204);
    orc.ask("GET", "/secrets/db", "").await.assert_refused(404, &["no secret called db"]);
    let raw = orc.ask("GET", "/configs/just/data", "").await;
    assert_eq!((raw.status, raw.body.len()), (200, 1_000_000));
    let compared = orc.ask("POST", "/configs/just/compare", &json!({ "Data": data("x") }).to_string()).await;
    assert_eq!(compared.json(), json!({ "Version": 1, "Same": false }));
}

#[tokio::test]
async fn while_the_manager_is_away_a_container_is_restarted_with_what_its_worker_was_given() {
    let (mut orc, memory) = orc(0).await;
    make(&orc, "secrets", "db", HUNTER2).await;
    let task = orc.run("web", naming("db")).await;
    let id = task["ID"].as_str().unwrap().to_owned();
    orc.main.kill9();
    orc.docker.kill(task["ContainerID"].as_str().unwrap()).await;
    let of_worker = || async {
        let tasks = orc.ask_worker("GET", "/tasks", "").await.json();
        tasks.as_array().unwrap().iter().find(|task| task["ID"] == id.as_str()).cloned().unwrap_or_default()
    };
    let runs_anew = |now: &Value| now["State"] == RUNNING && now["ContainerID"] != task["ContainerID"];
    let again = until("it runs again", of_worker, runs_anew).await;
    assert_eq!(in_container(&orc, &again, "cat /run/secrets/db").await, HUNTER2);

    orc.start_main().await;
    orc.delete(&id).await;
    orc.until_gone(&id).await;
    let left = || async { files_in(memory.path()) };
    until("nothing of it is left in memory", left, Vec::is_empty).await;
}

#[tokio::test]
async fn secrets_without_their_key_are_lost_and_nothing_else_is() {
    let (mut orc, _memory) = orc(1).await;
    make(&orc, "secrets", "db", HUNTER2).await;
    let key = orc.data_dir().join("secrets.key");
    let kept = fs::read(&key).unwrap();
    orc.main.kill9();
    fs::remove_file(&key).unwrap();
    orc.start_main().await;
    let words = &["the key of the secrets is gone", "secrets.key"];
    assert!(words.iter().all(|word| orc.main.log().contains(word)), "{}", orc.main.log());
    update(&orc, "secrets", "db", "x")
        .await
        .assert_refused(503, &["The key of the secrets is gone", "backup"]);
    assert!(!key.exists(), "no new key over old secrets");
    orc.run("other", sleeper()).await;
    let waiting = orc.submit("web", naming("db")).await;
    let says = |task: &Value| task["Message"].as_str().unwrap().contains("key of the secrets is gone");
    orc.until(&waiting, "the task says what it waits for", says).await;

    orc.main.kill9();
    fs::write(&key, kept).unwrap();
    orc.start_main().await;
    let task = orc.until_state(&waiting, RUNNING).await;
    assert_eq!(in_container(&orc, &task, "cat /run/secrets/db").await, HUNTER2);
}
