//! Tasks and nodes for tests of what is printed.

use serde_json::{Value, json};

use crate::model::time::Timestamp;
use crate::wire::event::Event;
use crate::wire::node::Node;
use crate::wire::task::Task;

/// A running task with some fields in place of its own.
pub(super) fn task(fields: &Value) -> Task {
    let mut task = json!({
        "ID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "ContainerID": "c0ffee", "Name": "web", "State": 2,
        "Image": "nginx:1.29", "CPU": 0.0, "Memory": 0, "Disk": 0, "ExposedPorts": null, "PortBindings": null,
        "RestartPolicy": "", "StartsAt": null, "FinishedAt": null, "CreatedAt": "2026-11-22T07:27:00.000000000Z",
        "UpdatedAt": "2026-11-22T07:27:00.000000000Z", "HealthCheck": "", "RestartCount": 0, "HostPorts": null,
        "Cmd": null, "Entrypoint": null, "Env": [], "WorkingDir": "", "User": "", "Labels": {}, "StopSignal": "",
        "StopTimeout": null, "PublishMode": "random", "PullPolicy": "missing", "Mounts": [], "Interval": 0,
        "Timeout": 0, "Retries": 0, "StartPeriod": 0, "Placement": null, "Node": "worker-1", "Attempt": 1, "ExitCode": null,
        "Health": "none", "Message": "",
    });
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
