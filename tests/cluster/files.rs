//! Secrets and networks on three machines: each node has its own of both, and keeps no secret of a task that has moved.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Cluster, NODES, PATIENCE};
use crate::engines::Seen;
use crate::fault::Fault;

/// A lease, and time to do what follows.
const LOST: Duration = Duration::from_secs(15);

/// "hunter2" as the API has it.
const HUNTER2: &str = "aHVudGVyMg==";

/// A service with a secret and a network on every node.
fn everywhere(alias: &str, line: &str) -> Value {
    json!({
        "Mode": "global",
        "Task": {
            "Image": "orc-test/busybox:latest", "Cmd": ["sh", "-c", line], "StopTimeout": 1,
            "Env": ["NODE={{.Node.Hostname}}"],
            "Secrets": [{ "Name": "db" }],
            "Networks": [{ "Name": "shop", "Aliases": [alias] }],
        },
        "Update": { "Monitor": "500ms" },
    })
}

/// What a worker of this machine has in memory for the containers of one task.
fn files_of(node: &str, task: &str) -> Option<PathBuf> {
    let roots = ["/run/orc", "/dev/shm/orc-0"].map(Path::new);
    let workers = roots.into_iter().filter_map(|root| fs::read_dir(root).ok()).flatten();
    let workers = workers.map(|cluster| cluster.unwrap().path().join(node));
    let entries = workers.filter_map(|worker| fs::read_dir(worker).ok()).flatten();
    let of_task = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(task);
    entries.map(|entry| entry.unwrap().path()).find(of_task)
}

/// Removes what the workers of a cluster keep in memory, of which this is one's: with the machines it would not go.
fn forget(worker: &Path) {
    fs::remove_dir_all(worker.parent().unwrap()).unwrap();
}

/// How many files there are below a directory.
fn count(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn each_node_has_the_secret_and_a_network_in_which_neighbours_find_each_other() {
    let cluster = Cluster::start().await;
    cluster.make_secret("db", HUNTER2).await;
    let web = r#"mkdir /www; echo "$NODE says $(cat /run/secrets/db)" >/www/index.html; exec httpd -f -p 80 -h /www"#;
    cluster.put("web", None, &everywhere("web", web)).await;
    let asks = "until wget -q -O - http://web/ 2>/dev/null; do sleep 0.2; done; exec sleep 100000";
    cluster.put("asks", None, &everywhere("asks", asks)).await;
    for node in NODES {
        let heard = async || {
            let service = cluster.get("/services/asks").await;
            let task = service["Tasks"].as_array().unwrap().iter().find(|task| task["Node"] == node).cloned();
            match task.filter(|task| task["State"] == "running") {
                Some(task) => cluster.logs(task["ID"].as_str().unwrap()).await,
                None => String::new(),
            }
        };
        let line = format!("{node} says hunter2\n");
        let heard = Fault::now().within(LOST, "one hears the other", heard, |heard| !heard.is_empty()).await;
        assert_eq!(heard, line, "its neighbour is on its own node");
    }
    let service = cluster.get("/services/web").await;
    let task = &service["Tasks"][0];
    let files = files_of(task["Node"].as_str().unwrap(), task["ID"].as_str().unwrap()).unwrap();
    cluster.remove_service("web").await;
    cluster.remove_service("asks").await;
    forget(files.parent().unwrap());
}

#[tokio::test]
async fn a_node_that_was_lost_keeps_no_secret_of_a_task_that_runs_elsewhere() {
    let cluster = Cluster::start().await;
    cluster.make_secret("db", HUNTER2).await;
    let (task, home) = cluster.run("web", json!({ "Secrets": [{ "Name": "db" }], "StopTimeout": 1 })).await;
    let files = files_of(home, &task).expect("it has its secret");
    let worker = files.parent().unwrap();
    assert_eq!(count(worker), 2, "the container's, and the worker's own");
    let cut = cluster.cut(home);
    let look = async || cluster.engines.look().await;
    let moved = |seen: &Seen| seen.places(&task).iter().any(|node| *node != home);
    cut.within(LOST, "it runs elsewhere", look, moved).await;
    assert_eq!(count(worker), 2, "the worker that is cut off goes on");
    let healed = cluster.heal(home);
    let next = cluster.until_one_is_left(&task, healed).await;
    healed.within(LOST + PATIENCE, "its secret is gone", async || count(worker), |left| *left == 0).await;
    assert_eq!(count(files_of(next, &task).unwrap().parent().unwrap()), 2);
    cluster.stop(&task).await;
    forget(worker);
}
