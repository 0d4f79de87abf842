//! A worker in the wrong hands: it has a genuine certificate, and says what no honest one would.

use orc::client::{Client, ClientError};
use orc::trust::Identity;
use serde_json::{Value, json};

use super::house::{House, PATIENCE, refusal};
use crate::support::http::open;
use crate::support::patience::until;

/// A task that nobody has.
const FORGED: &str = "00000000-0000-4000-8000-000000000000";

/// The words of an honest worker that has nothing to say.
fn question() -> Value {
    json!({
        "Instance": "00000000-0000-4000-8000-00000000000a", "Database": "2026-01-01T00:00:00.000Z", "Starts": 1,
        "Known": null, "Facts": {}, "Load": {}, "EngineTrouble": null, "Leftovers": null, "Reports": [], "Events": [],
        "WaitMs": 0
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut question = question();
    question[field] = value;
    question
}

fn event(task: &str, seq: u64) -> Value {
    json!({ "Seq": seq, "At": "2026-01-01T00:00:00.000Z", "Task": task, "Node": "good", "Attempt": 1, "Kind": "exited",
        "ExitCode": 0, "Message": "a forged line" })
}

fn report(task: &str, state: &str) -> Value {
    json!({ "Task": task, "Placement": 1, "State": state, "Message": "forged",
        "Observed": { "Attempt": 9, "Restarts": 9, "Container": "forged", "HostPorts": null, "ExitCode": 0,
            "Health": "none", "StartedAt": null, "FinishedAt": null, "Seq": 1_000_000 } })
}

/// A manager with a task on an honest node, and the client of a worker that is not.
struct Bench {
    house: House,
    evil: Client,
    identity: Identity,
    task: String,
    good: super::house::Worker,
}

impl Bench {
    async fn set_up() -> Self {
        let house = House::open().await;
        let good = house.joined("good").await;
        let mut worker = house.joined("evil").await;
        let identity = worker.identity();
        let evil = house.client(Some(&identity));
        assert!(worker.process.terminate().await.success());
        // Pinned to the honest node, which has no engine: it stays scheduled there.
        let wish = json!({ "Task": { "Name": "victim", "Image": "x", "RestartPolicy": "always" } });
        let answer = house.ask("POST", "/nodes/good/tasks", &wish).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let task = answer.json()["Task"]["ID"].as_str().unwrap().to_owned();
        let bench = Self { house, evil, identity, task, good };
        // As the honest worker of this node once was: the manager takes its word when it is not heard of any more.
        let look = || bench.say(question());
        until("the other worker's lease is over", look, Result::is_ok).await.unwrap();
        bench
    }

    async fn say(&self, question: Value) -> Result<Value, ClientError> {
        self.evil.post("/nodes/evil/sync", &question, PATIENCE).await
    }

    /// The task of the honest node and its history, without what changes by itself.
    async fn victim(&self) -> (Value, Value) {
        let path = format!("/tasks/{}", self.task);
        let task = self.house.ask("GET", &path, &Value::Null).await.json();
        let events = self.house.ask("GET", &format!("{path}/events"), &Value::Null).await.json();
        let said = |event: &Value| event["Message"].as_str().unwrap().contains("forged");
        let forged: Vec<Value> =
            events.as_array().unwrap().iter().filter(|event| said(event)).cloned().collect();
        (
            json!([task["State"], task["Node"], task["Attempt"], task["ContainerID"], task["ExitCode"]]),
            json!(forged),
        )
    }
}

#[tokio::test]
async fn a_hostile_worker_changes_nothing_but_its_own_node() {
    let bench = Bench::set_up().await;
    let before = bench.victim().await;
    let task = bench.task.clone();

    for state in ["Completed", "Failed", "Running"] {
        let _ = bench.say(with("Reports", json!([report(&task, state), report(FORGED, state)]))).await;
        let _ = bench.say(with("Reports", json!([report(&task, &state.to_lowercase())]))).await;
    }
    bench.say(with("Events", json!([event(&task, 1), event(FORGED, 2)]))).await.unwrap();
    bench.say(with("Leftovers", json!([task, FORGED]))).await.unwrap();
    assert_eq!(bench.victim().await, before, "another node's task, and its history, are as they were");

    for path in ["/nodes/good/sync", "/nodes/good/streams/1", "/nodes/good/certificate", "/nodes/good/tasks"]
    {
        let (status, _) = refusal(bench.evil.post(path, &question(), PATIENCE).await);
        assert_eq!(status, 403, "{path}");
    }
    let nodes = bench.house.ask("GET", "/nodes", &Value::Null).await.json();
    assert_eq!(nodes.as_array().unwrap().len(), 2, "{nodes}");
    bench.house.until_ready("good").await;
}

#[tokio::test]
async fn absurd_numbers_are_refused_and_cost_nobody_else_anything() {
    let bench = Bench::set_up().await;
    let most = u64::MAX;
    let mut strange_times = event(FORGED, 1);
    strange_times["At"] = "9999-12-31T23:59:59-12:00".into();
    let mut far = report(FORGED, "running");
    far["Observed"]["Seq"] = most.into();
    for (question, words) in [
        (with("Starts", most.into()), "Starts is"),
        (with("Facts", json!({ "Memory": most })), "Memory is"),
        (with("Facts", json!({ "Disk": most })), "Disk is"),
        (with("Facts", json!({ "Cores": u32::MAX })), "Cores is"),
        (with("Load", json!({ "Cpu": 1e300 })), "Cpu is"),
        (with("Load", json!({ "Memory": most })), "Memory is"),
        (with("Events", json!([event(FORGED, most)])), "Seq is"),
        (with("Events", json!([strange_times])), "is no time"),
        (with("Reports", json!([far])), "Seq is"),
        (with("Starts", json!(-1)), "an integer of 0 or more"),
        (with("WaitMs", json!("soon")), "WaitMs"),
    ] {
        let (status, sentence) = refusal(bench.say(question.clone()).await);
        assert!(matches!(status, 400 | 422) && sentence.contains(words), "{question}: {status} {sentence}");
    }

    // A history that nobody can have would stop the whole cluster.
    let cluster = bench.identity.node.cluster.to_string();
    let known = json!({ "Cluster": cluster, "Epoch": (1_u64 << 60), "Revision": (1_u64 << 60) });
    bench.say(with("Known", known)).await.unwrap();
    let state = bench.house.ask("GET", "/state", &Value::Null).await.json();
    let wish = json!({ "Task": { "Name": "after", "Image": "x" } });
    assert_eq!(bench.house.ask("POST", "/tasks", &wish).await.status, 201, "{state}");
}

#[tokio::test]
async fn what_is_too_large_or_too_deep_is_cut_off_and_the_manager_stays_small() {
    let bench = Bench::set_up().await;
    let before = bench.house.manager.resident();
    let large = "x".repeat(8 << 20);
    let (status, sentence) = refusal(bench.say(with("EngineTrouble", large.into())).await);
    assert!(status == 413 && sentence.contains("1048576 bytes"), "{sentence}");

    // A gibibyte, of which the manager takes nothing in: it does not even say that it is JSON.
    let piece = bytes::Bytes::from(vec![b' '; 1 << 20]);
    let flood = futures_util::stream::iter(std::iter::repeat_n(piece, 1 << 10));
    assert!(bench.evil.upload("/nodes/evil/sync", flood).await.is_err());

    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let (status, sentence) = refusal(bench.say(with("Leftovers", deep)).await);
    assert!(status == 400 && sentence.contains("nested deeper"), "{sentence}");
    let grown = bench.house.manager.resident().saturating_sub(before);
    assert!(grown < 64 << 20, "the manager has grown by {grown} bytes");
    bench.house.until_ready("good").await;
}

#[tokio::test]
async fn nobody_answers_a_question_for_another_nodes_output() {
    let bench = Bench::set_up().await;
    // The task would need a container to be asked for: its own worker says that it has one.
    let own = json!({ "Task": { "Name": "own", "Image": "x" } });
    let answer = bench.house.ask("POST", "/nodes/evil/tasks", &own).await.json();
    let id = answer["Task"]["ID"].as_str().unwrap().to_owned();
    let running = with("Reports", json!([report(&id, "running")]));
    until("the task is placed", || bench.say(running.clone()), Result::is_ok).await.unwrap();
    let look = async || bench.house.ask("GET", &format!("/tasks/{id}"), &Value::Null).await.json();
    until("it says that it runs", look, |task| task["ContainerID"] == "forged").await;

    let path = format!("/tasks/{id}/logs");
    let reading = open(bench.house.port, "GET", &path, &[], "");
    let other = bench.house.client(Some(&bench.good.identity()));
    let stealing = async {
        // The numbers of streams can be guessed.
        let forged = || futures_util::stream::iter([bytes::Bytes::from_static(b"forged")]);
        for _ in 0..50 {
            let stolen = other.upload("/nodes/good/streams/1", forged()).await;
            assert!(matches!(stolen, Err(ClientError::Refused { status: 404, .. })), "{stolen:?}");
        }
        until(
            "its own worker may answer",
            || bench.evil.upload("/nodes/evil/streams/1", forged()),
            Result::is_ok,
        )
        .await
        .unwrap();
    };
    let (read, ()) = tokio::join!(reading, stealing);
    assert_eq!(read.unwrap().status(), 200);
}
