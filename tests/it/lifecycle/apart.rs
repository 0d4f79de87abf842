//! Manager and worker in processes of their own: each goes on while the other is away.

use serde_json::Value;

use crate::support::docker::started_at;
use crate::support::orc::{COMPLETED, FAILED, RUNNING, TestOrc, shell, sleeper};
use crate::support::patience::until;

async fn as_the_worker_sees_it(orc: &TestOrc, id: &str) -> Value {
    let tasks = orc.ask_worker("GET", "/tasks", "").await.json();
    let found = tasks.as_array().unwrap().iter().find(|task| task["ID"] == id).cloned();
    found.unwrap_or_default()
}

/// Restarts the worker, and waits until it is heard of again.
async fn restart_worker(orc: &mut TestOrc) {
    orc.worker.as_mut().unwrap().kill9();
    orc.start_worker().await;
}

#[tokio::test]
async fn a_killed_worker_adopts_what_runs_and_goes_on() {
    let mut orc = TestOrc::start_split().await;
    let tasks = [orc.run("one", sleeper()).await, orc.run("two", sleeper()).await];
    let ends = orc.run("ends", shell("while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 6")).await;
    let mut starts = Vec::new();
    for task in &tasks {
        starts.push(started_at(&orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await));
    }
    orc.worker.as_mut().unwrap().kill9();
    // What ends while nobody looks is learned of afterwards.
    orc.docker.exec(ends["ContainerID"].as_str().unwrap(), &["touch", "/tmp/go"]).await;
    orc.start_worker().await;
    let again = orc.until_replaced(&ends).await;
    assert_eq!(again["RestartCount"], 1);
    let events = orc.events(ends["ID"].as_str().unwrap()).await;
    assert!(events.iter().any(|event| event["ExitCode"] == 6), "{events:#?}");
    for (task, start) in tasks.iter().zip(&starts) {
        let now = orc.task(task["ID"].as_str().unwrap()).await;
        for field in ["State", "ContainerID", "RestartCount", "StartsAt"] {
            assert_eq!(now[field], task[field], "{field}");
        }
        assert_eq!(started_at(&orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await), *start);
    }
}

#[tokio::test]
async fn a_worker_heals_while_its_manager_is_away_and_tells_it_everything_afterwards() {
    let mut orc = TestOrc::start_split().await;
    let removed = orc.run("removed", sleeper()).await;
    let over = orc.run("over", shell("while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 0")).await;
    let [removed_id, over_id] = [&removed, &over].map(|task| task["ID"].as_str().unwrap());
    let events_before = orc.events(removed_id).await.len();
    orc.main.kill9();

    orc.docker.remove(removed["ContainerID"].as_str().unwrap()).await;
    orc.docker.exec(over["ContainerID"].as_str().unwrap(), &["touch", "/tmp/go"]).await;
    let is_healed = |task: &Value| task["State"] == RUNNING && task["ContainerID"] != removed["ContainerID"];
    let look = || as_the_worker_sees_it(&orc, removed_id);
    let healed = until("the worker heals alone", look, is_healed).await;
    let look = || as_the_worker_sees_it(&orc, over_id);
    until("the worker sees the end", look, |task| task["State"] == COMPLETED).await;
    // It does so from what it wrote down, not from what it remembers.
    restart_worker(&mut orc).await;
    orc.docker.remove(healed["ContainerID"].as_str().unwrap()).await;
    let is_healed_again = |task: &Value| task["State"] == RUNNING && task["RestartCount"] == 2;
    let look = || as_the_worker_sees_it(&orc, removed_id);
    let healed = until("the worker heals again", look, is_healed_again).await;

    orc.start_main().await;
    let is_the_same = |task: &Value| task["ContainerID"] == healed["ContainerID"];
    let known = orc.until(removed_id, "the manager knows", is_the_same).await;
    assert_eq!((&known["State"], &known["RestartCount"]), (&healed["State"], &healed["RestartCount"]));
    orc.until_state(over_id, COMPLETED).await;
    let told = || orc.events(removed_id);
    let wanted = ["restarting", "started", "restarting", "started"];
    let events = until("all is told", told, |events| events.len() >= events_before + wanted.len()).await;
    let kinds: Vec<&Value> = events[events_before..].iter().map(|event| &event["Kind"]).collect();
    assert_eq!(kinds, wanted, "each once, in order");
}

#[tokio::test]
async fn a_node_that_is_not_heard_of_is_called_so_and_its_tasks_are_not_begun_elsewhere() {
    let mut orc = TestOrc::start_split().await;
    let task = orc.run("unseen", sleeper()).await;
    let id = task["ID"].as_str().unwrap();
    orc.worker.as_mut().unwrap().kill9();
    let look = || orc.get("/nodes");
    let nodes = until("the node is missed", look, |nodes| nodes[0]["State"] == "unreachable").await;
    assert!(nodes[0]["Message"].as_str().unwrap().contains("not heard of for"), "{nodes}");
    let unseen = orc.task(id).await;
    assert_eq!((&unseen["State"], &unseen["ContainerID"]), (&task["State"], &task["ContainerID"]));
    let message = unseen["Message"].as_str().unwrap();
    assert!(
        message.contains("worker-1 is not heard of") && message.contains("last known: running"),
        "{message}"
    );
    // A task that comes now waits, and a stop that is asked for now is done later.
    let waits = orc.submit("waits", sleeper()).await;
    let why = |task: &Value| task["Message"].as_str().unwrap().contains("no node fits");
    let waiting = orc.until(&waits, "it says why it waits", why).await;
    assert!(waiting["Message"].as_str().unwrap().contains("unreachable"), "{waiting}");
    orc.delete(id).await;
    orc.start_worker().await;
    orc.until_state(id, COMPLETED).await;
    orc.until_gone(id).await;
    let started = orc.until_state(&waits, RUNNING).await;
    assert_ne!(started["State"], FAILED);
}

#[tokio::test]
async fn a_worker_that_lost_its_database_takes_its_containers_over() {
    let mut orc = TestOrc::start_split().await;
    let task = orc.run("kept", sleeper()).await;
    orc.worker.as_mut().unwrap().kill9();
    for file in ["worker-1.db", "worker-1.db-wal", "worker-1.db-shm"] {
        std::fs::remove_file(orc.data_dir().join(file)).unwrap();
    }
    orc.start_worker().await;
    let id = task["ID"].as_str().unwrap();
    let kinds = || orc.kinds(id);
    until("it is adopted", kinds, |kinds| kinds.contains(&"adopted".to_owned())).await;
    let now = orc.until_state(id, RUNNING).await;
    assert_eq!(now["ContainerID"], task["ContainerID"]);
    orc.delete(id).await;
    orc.until_gone(id).await;
}
