//! Tasks and nodes for tests of what is printed.

use serde_json::{Value, json};

use crate::model::time::Timestamp;
use crate::wire::event::Event;
use crate::wire::node::Node;
use crate::wire::service::Service;
use crate::wire::task::Task;

/// A running task with some fields in place of its own.
pub(super) fn task(fields: &Value) -> Task {
    // `json!` gives up on so many fields.
    let mut task: Value = serde_json::from_str(
        r#"{
        "ID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "ContainerID": "c0ffee", "Name": "web", "State": 2,
        "Image": "nginx:1.29", "CPU": 0.0, "Memory": 0, "Disk": 0, "ExposedPorts": null, "PortBindings": null,
        "RestartPolicy": "", "StartsAt": null, "FinishedAt": null, "CreatedAt": "2026-11-22T07:27:00.000000000Z",
        "UpdatedAt": "2026-11-22T07:27:00.000000000Z", "HealthCheck": "", "RestartCount": 0, "HostPorts": null,
        "Cmd": null, "Entrypoint": null, "Env": [], "WorkingDir": "", "User": "", "Labels": {}, "StopSignal": "",
        "StopTimeout": null, "PublishMode": "random", "PullPolicy": "missing", "Mounts": [], "Interval": 0,
        "Timeout": 0, "Retries": 0, "StartPeriod": 0, "Placement": null, "Readiness": null, "Liveness": null, "Node": "worker-1",
        "Attempt": 1, "ExitCode": null, "Health": "none", "Ready": false, "ReadySince": null, "NotReady": "", "Message": ""
    }"#,
    )
    .unwrap();
    replace(&mut task, fields);
    serde_json::from_value(task).unwrap()
}

/// A node that is ready, with some fields in place of its own.
pub(super) fn node(fields: &Value) -> Node {
    let mut node = json!({
        "Name": "worker-1", "Ip": "127.0.0.1", "Api": "http://localhost:8888", "Memory": 4_000_000,
        "MemoryAllocated": 262_144, "Disk": 53_687_091_200_u64, "DiskAllocated": 0, "Stats": null, "Role": "worker",
        "TaskCount": 3, "Cores": 2, "CPUAllocated": 0.5, "State": "ready", "Availability": "active",
        "LastSeen": "2026-11-22T07:29:59Z", "Labels": {}, "Engine": "20.10.24", "Version": "0.1.0", "Message": "",
        "Reserved": { "CPU": 0.0, "Memory": 0, "Disk": 0 }, "Leaving": 0, "Stuck": [],
    });
    replace(&mut node, fields);
    serde_json::from_value(node).unwrap()
}

/// The start of a task's container, with some fields in place of its own.
pub(super) fn event(fields: &Value) -> Event {
    let mut event = json!({
        "Seq": 7, "At": "2026-11-22T07:26:19.690000000Z", "Source": "worker-1",
        "TaskID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "TaskName": "web", "Node": "worker-1", "Attempt": 1,
        "Kind": "started", "ExitCode": null, "Message": "container c0ffee runs",
    });
    replace(&mut event, fields);
    serde_json::from_value(event).unwrap()
}

/// A service with two of its three tasks, with some fields in place of its own. What `Rollout` has not is as it was.
pub(super) fn service(fields: &Value) -> Service {
    let task = |number: u32, fields: Value| {
        let mut task = json!({
            "ID": format!("bb1d59ef-9fc1-4e4b-a44d-db571eeed20{number}"), "Name": format!("web.{number}.v1"),
            "Slot": number.to_string(), "Version": 1, "State": "running", "Ready": true, "Node": "worker-1",
            "Message": "",
        });
        replace(&mut task, &fields);
        task
    };
    let policy = json!({
        "Parallelism": 1, "Delay": "0s", "Monitor": "5s", "Deadline": "10m", "MaxFailureRatio": 0.0,
        "OnFailure": "rollback", "Canary": 0,
    });
    let mut rollout = json!({
        "State": "settled", "Message": "version 3 runs in every slot", "Slots": 3, "Done": 3, "Ready": 3,
        "UnderWay": 0, "Failures": 0,
    });
    let mut fields = fields.clone();
    if let Some(said) = fields.as_object_mut().unwrap().remove("Rollout") {
        replace(&mut rollout, &said);
    }
    let waiting =
        json!({ "State": "pending", "Ready": false, "Node": "", "Message": "no node has 2 GiB left" });
    let mut service = json!({
        "Name": "web", "Mode": "replicated", "Replicas": 3, "Task": { "Image": "nginx:1.29" }, "Update": policy,
        "Rollback": policy, "Labels": {}, "Version": 3, "By": "orc", "Why": "because", "Stable": 3, "Rollout": rollout,
        "Tasks": [task(1, json!({})), task(2, waiting)],
        "CreatedAt": "2026-11-22T07:20:00Z", "UpdatedAt": "2026-11-22T07:27:00Z",
    });
    replace(&mut service, &fields);
    serde_json::from_value(service).unwrap()
}

fn replace(whole: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        assert!(whole.get(name).is_some(), "{name} is no field of it");
        whole[name] = value.clone();
    }
}

/// When tests print.
pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T07:30:00Z").unwrap()
}
