//! What the tests of the store keep: a task, a node and an event with something in every field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::model::event::{Event, EventKind};
use crate::model::id::{ContainerId, NodeName, RequestId, TaskId};
use crate::model::node::{Availability, Node, NodeFacts, NodeState, Reserved};
use crate::model::request::Request;
use crate::model::service::{Membership, Slot};
use crate::model::spec::TaskSpec;
use crate::model::state::{Desired, Health, Ready, State};
use crate::model::task::{HostBinding, HostPorts, Observed, Task};
use crate::model::time::Timestamp;

/// 2026-11-22T07:26:19.690Z, and so many milliseconds.
pub(super) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_332_379_690 + millis)
}

pub(super) fn node_name() -> NodeName {
    "worker-1".parse().unwrap()
}

pub(super) fn spec(name: &str) -> TaskSpec {
    let spec = serde_json::json!({
        "Name": name, "Image": "timboring/echo-server:latest", "CPU": 0.5, "Memory": 64 << 20,
        "ExposedPorts": {"7777/tcp": {}}, "PortBindings": {"7777/tcp": "7777"}, "Env": ["GREETING=hello, \"world\" ✓"],
        "RestartPolicy": "on-failure:2", "Labels": {"team": "blue"},
    });
    serde_json::from_value(spec).unwrap()
}

pub(super) fn host_ports() -> HostPorts {
    let binding = |ip: &str| HostBinding { host_ip: ip.to_owned(), host_port: "32789".to_owned() };
    BTreeMap::from([("7777/tcp".parse().unwrap(), vec![binding("0.0.0.0"), binding("::")])])
}

/// A task that has just been accepted.
pub(super) fn pending(seq: u64, name: &str) -> Task {
    Task {
        membership: Some(membership()),
        seq,
        id: TaskId::generate(),
        spec: Arc::new(spec(name)),
        pinned: None,
        desired: Desired::Run,
        node: None,
        placement: 0,
        predecessor: None,
        moved_at: None,
        ended: None,
        ready_since: None,
        ready_at: None,
        revision: 1,
        state: State::Pending,
        observed: Observed::default(),
        message: "waits to be placed".to_owned(),
        created_at: time(0),
        updated_at: time(0),
    }
}

/// What a worker saw, with something in every field.
pub(super) fn observed() -> Observed {
    Observed {
        attempt: 3,
        restarts: 2,
        container: Some(ContainerId("0d9c0a6a3f5b".to_owned())),
        host_ports: Some(host_ports()),
        exit_code: Some(-1),
        health: Health::Healthy,
        ready: Some(Ready::No("GET /ready answered 503".to_owned())),
        started_at: Some(time(1)),
        finished_at: Some(time(2)),
        seq: 17,
    }
}

/// The same task later, with something in every field.
pub(super) fn running(task: &Task) -> Task {
    Task {
        desired: Desired::Stop,
        node: Some(node_name()),
        placement: 2,
        ready_since: Some(std::time::Duration::from_millis(4_321)),
        ready_at: Some(time(4)),
        revision: 9,
        state: State::Running,
        observed: observed(),
        message: "runs; is being stopped".to_owned(),
        updated_at: time(5),
        ..task.clone()
    }
}

pub(super) fn node() -> Node {
    Node {
        name: node_name(),
        facts: NodeFacts {
            ip: "127.0.0.1".to_owned(),
            api: "http://localhost:8888".to_owned(),
            cores: 8,
            memory: 16 << 30,
            disk: 1 << 40,
            engine: "20.10.24".to_owned(),
            version: "0.1.0".to_owned(),
            labels: BTreeMap::from([("zone".to_owned(), "a".to_owned())]),
            volumes: Some(BTreeSet::from(["pgdata".to_owned()])),
        },
        state: NodeState::Ready,
        availability: Availability::Drain,
        labels: BTreeMap::from([("zone".to_owned(), "b".to_owned())]),
        reserved: Reserved { cpu: 0.5, memory: 1 << 30, disk: 0 },
        message: "drains".to_owned(),
        joined_at: time(0),
        seen_at: time(3),
        events_seen: 4,
        lease: std::time::Duration::from_secs(6),
    }
}

pub(super) fn event(task: Option<TaskId>, kind: EventKind) -> Event {
    Event {
        at: time(0),
        task,
        node: Some(node_name()),
        attempt: 1,
        kind,
        exit_code: Some(137),
        message: "killed\nby \u{0}its memory limit ✓".to_owned(),
    }
}

pub(super) fn request(task: &Task) -> Request {
    Request {
        id: RequestId::generate(),
        task: task.id,
        digest: "5f".repeat(32),
        answer: "{\"State\":2}".to_owned(),
        at: time(0),
    }
}

/// A connection like that of another program, which keeps to no rule of orc's.
pub(super) async fn stranger(db: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(db)
        .foreign_keys(false)
        .pragma("ignore_check_constraints", "on")
        .connect()
        .await
        .unwrap()
}

/// What a task is to a service.
fn membership() -> Membership {
    Membership { service: "shop".parse().unwrap(), slot: Slot::Number(2), version: 3 }
}
