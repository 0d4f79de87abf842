//! Databases that are removed, replaced, damaged in one row, too new, or from yesterday (F11, F12, F20, F21).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::docker::{is_live, started_at};
use crate::support::http::ask;
use crate::support::orc::{RUNNING, TestOrc, sleeper, with};
use crate::support::patience::until;

fn id(task: &Value) -> &str {
    task["ID"].as_str().unwrap()
}

fn container(task: &Value) -> &str {
    task["ContainerID"].as_str().unwrap()
}

/// What a manager's database is made of while it is stopped.
const FILES: [&str; 2] = ["manager.db", "manager.db-wal"];

/// A copy of the database of a manager that is stopped.
fn back_up(data: &Path) -> TempDir {
    let backup = tempfile::tempdir().unwrap();
    copy(data, backup.path());
    backup
}

/// Puts it in the place of what there is now.
fn bring_back(backup: &TempDir, data: &Path) {
    copy(backup.path(), data);
    fs::remove_file(data.join("manager.db-shm")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    for file in FILES {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

/// F12. What is done to the file, and what is said about it.
#[tokio::test]
async fn a_database_that_is_taken_away_ends_orc_and_no_container() {
    let remove = |file: &Path| fs::remove_file(file).unwrap();
    let replace = |file: &Path| {
        fs::write(file.with_extension("new"), "").unwrap();
        fs::rename(file.with_extension("new"), file).unwrap();
    };
    let empty = |file: &Path| drop(fs::File::create(file).unwrap());
    tokio::join!(
        loses_its_database(remove, "removed or replaced"),
        loses_its_database(replace, "removed or replaced"),
        loses_its_database(empty, "cut short"),
    );
}

async fn loses_its_database(damage: impl Fn(&Path), words: &str) {
    let mut orc = TestOrc::start().await;
    let task = orc.run("lives", sleeper()).await;
    let start = started_at(&orc.docker.inspect(container(&task)).await);
    damage(&orc.data_dir().join("manager.db"));
    let status = orc.main.ended().await;
    assert_eq!(status.code(), Some(1));
    let log = orc.main.log();
    let last = log.lines().last().unwrap();
    assert!(last.contains("manager.db was") && last.contains(words), "{last}");
    assert!(last.contains("put the right file back, or a backup, and start again"), "{last}");
    // Whether it starts now or not: what runs is left alone.
    orc.main.spawn();
    let path = format!("/tasks/{}", id(&task));
    let look = || async {
        // Whatever was not in the file may still be whole in its write-ahead log: then it is all there again.
        let knows =
            ask(orc.manager_port, "GET", &path, &[], "").await.is_ok_and(|answer| answer.status == 200);
        let log = orc.main.log();
        knows || log[last.len()..].contains("is damaged") || log.contains("goes on by itself")
    };
    until("it says why it does not obey, or does not start, or has all of it", look, |said| *said).await;
    let found = orc.docker.inspect(container(&task)).await;
    assert!(is_live(&found));
    assert_eq!(started_at(&found), start);
    orc.main.forget();
}

/// F20.
#[tokio::test]
async fn one_row_that_cannot_be_read_stops_itself_alone() {
    let mut orc = TestOrc::start().await;
    let poisoned = orc.run("poisoned", sleeper()).await;
    let sound = orc.run("sound", sleeper()).await;
    orc.main.kill9();
    let change = "UPDATE tasks SET spec = json_set(spec, '$.CPU', 'plenty'), checksum = NULL WHERE id = ?";
    orc.change_database(change, id(&poisoned)).await;
    orc.start_main().await;
    let log = || std::future::ready(orc.main.log());
    let log =
        until("it is told", log, |log| log.contains("left alone, because its row cannot be read")).await;
    assert!(log.contains(id(&poisoned)), "{log}");

    orc.docker.remove(container(&sound)).await;
    orc.until_replaced(&sound).await;
    orc.run("new", sleeper()).await;
    assert!(is_live(&orc.docker.inspect(container(&poisoned)).await), "nothing is done about it");
    // Its name is still taken: nobody knows how it is.
    let body = json!({ "Task": with(sleeper(), json!({ "Name": poisoned["Name"] })) }).to_string();
    let taken = orc.ask("POST", "/tasks", &body).await;
    taken.assert_refused(409, &[poisoned["Name"].as_str().unwrap(), id(&poisoned)]);
    assert_eq!(orc.get("/tasks").await.as_array().unwrap().len(), 2, "the others are listed");
    // Nor when the worker has to be told everything anew.
    orc.main.kill9();
    for file in ["worker-1.db", "worker-1.db-wal", "worker-1.db-shm"] {
        fs::remove_file(orc.data_dir().join(file)).unwrap();
    }
    orc.start_main().await;
    let next = orc.run("next", sleeper()).await;
    orc.delete(id(&next)).await;
    orc.until_gone(id(&next)).await;
    assert!(is_live(&orc.docker.inspect(container(&poisoned)).await), "nothing is done about it");
}

/// F21.
#[tokio::test]
async fn a_database_of_a_newer_orc_is_refused_in_a_sentence() {
    let mut orc = TestOrc::start().await;
    let task = orc.run("lives", sleeper()).await;
    orc.main.kill9();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (99999999999999, ?, true, x'00', 0)";
    orc.change_database(newer, "of the future").await;
    orc.main.spawn();
    let status = orc.main.ended().await;
    assert_eq!(status.code(), Some(1));
    let log = orc.main.log();
    let last = log.lines().last().unwrap();
    for word in ["manager.db has schema 99999999999999", "does not know", "start the newer orc"] {
        assert!(last.contains(word), "{word:?} is not in {last}");
    }
    assert!(is_live(&orc.docker.inspect(container(&task)).await));
    orc.change_database("DELETE FROM _sqlx_migrations WHERE description = ?", "of the future").await;
    orc.start_main().await;
    assert_eq!(orc.until_state(id(&task), RUNNING).await["ContainerID"], container(&task));
}

/// F21: kills while the schema is being made.
#[tokio::test]
async fn a_first_start_that_is_cut_off_leaves_nothing_that_the_next_one_cannot_use() {
    let mut orc = TestOrc::start().await;
    for millis in (0..60).step_by(4) {
        orc.main.kill9();
        for entry in fs::read_dir(orc.data_dir()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        orc.main.spawn();
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    }
    orc.main.kill9();
    orc.start_main().await;
    orc.run("works", sleeper()).await;
}

/// F11.
#[tokio::test]
async fn a_manager_whose_database_went_back_in_time_touches_nothing_until_that_is_accepted() {
    let mut orc = TestOrc::start().await;
    let old = orc.run("old", sleeper()).await;
    orc.main.kill9();
    let backup = back_up(&orc.data_dir());
    orc.start_main().await;
    let young = orc.run("young", sleeper()).await;
    orc.main.kill9();
    bring_back(&backup, &orc.data_dir());
    orc.start_main().await;
    let state = || async { orc.get("/state").await };
    let state = until("the manager notices", state, |state| !state["SafeMode"].is_null()).await;
    assert!(state["SafeMode"].as_str().unwrap().contains("orc state accept"), "{state}");
    orc.ask("POST", "/tasks", r#"{"Task":{"Name":"new","Image":"x"}}"#).await.assert_refused(503, &["older"]);
    orc.ask("DELETE", &format!("/tasks/{}", id(&old)), "").await.assert_refused(503, &["older"]);
    // The worker goes on by itself, with what it knows.
    orc.docker.remove(container(&old)).await;
    let look = || async {
        let tasks = orc.ask_worker("GET", "/tasks", "").await.json();
        tasks.as_array().unwrap().iter().find(|task| task["ID"] == old["ID"]).cloned().unwrap_or_default()
    };
    until("the worker heals alone", look, |task| {
        task["State"] == RUNNING && task["ContainerID"] != old["ContainerID"]
    })
    .await;
    assert!(is_live(&orc.docker.inspect(container(&young)).await), "what the manager does not know of lives");

    let accepted = orc.ask("POST", "/state/accept", "").await;
    assert_eq!((accepted.status, &accepted.json()["SafeMode"]), (200, &Value::Null), "{accepted:?}");
    orc.ask("POST", "/state/accept", "").await.assert_refused(409, &["nothing to accept"]);
    orc.until_gone(id(&young)).await;
    orc.until_state(id(&old), RUNNING).await;
    orc.run("new", sleeper()).await;
}

/// F11, when nobody speaks who knows better before the numbers have caught up.
#[tokio::test]
async fn a_database_that_went_back_and_has_caught_up_since_is_found_out_when_its_worker_speaks() {
    let mut orc = TestOrc::start_split().await;
    let old = orc.run("old", sleeper()).await;
    orc.main.kill9();
    let backup = back_up(&orc.data_dir());
    orc.start_main().await;
    let young = orc.run("young", sleeper()).await;
    let known = orc.get("/state").await;
    orc.worker.as_mut().unwrap().kill9();
    orc.main.kill9();
    bring_back(&backup, &orc.data_dir());
    orc.start_main().await;
    let mut late = Vec::new();
    let number = |state: &Value| (state["Epoch"].as_u64().unwrap(), state["Revision"].as_u64().unwrap());
    while number(&orc.get("/state").await).1 <= number(&known).1 + 3 {
        late.push(orc.submit(format!("late-{}", late.len()), sleeper()).await);
    }
    assert_eq!(number(&orc.get("/state").await).0, number(&known).0, "both count the same epochs");
    orc.start_worker().await;
    let state = || async { orc.get("/state").await };
    let state = until("the manager notices", state, |state| !state["SafeMode"].is_null()).await;
    assert!(state["SafeMode"].as_str().unwrap().contains("which this database has lost"), "{state}");
    for task in [&old, &young] {
        assert!(is_live(&orc.docker.inspect(container(task)).await), "what the worker knows of goes on");
    }
    assert_eq!(orc.containers().await.len(), 2, "and nothing else is begun");

    assert_eq!(orc.ask("POST", "/state/accept", "").await.status, 200);
    orc.until_gone(id(&young)).await;
    for task in &late {
        orc.until_state(task, RUNNING).await;
    }
    orc.main.kill9();
    orc.start_main().await;
    orc.run("new", sleeper()).await;
    assert_eq!(orc.get("/state").await["SafeMode"], Value::Null, "what was accepted stays accepted");
}
