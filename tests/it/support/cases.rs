//! Owners, identities and specifications for tests: fresh each time, so that no two tests meet.

use orc::model::container::{Identity, Owner};
use orc::model::id::{ClusterId, TaskId};
use orc::model::spec::{HostPort, Port, PublishMode, TaskSpec};

/// The owner of one test's containers.
pub(crate) fn new_owner() -> Owner {
    Owner { cluster: ClusterId::generate(), node: "worker-1".parse().unwrap() }
}

/// The first attempt of a new task.
pub(crate) fn new_identity() -> Identity {
    Identity { task: TaskId::generate(), attempt: 1, spec: "0123abcd".to_owned() }
}

/// A container name that nobody else has.
pub(crate) fn new_name() -> String {
    format!("orc-it-{}", TaskId::generate())
}

/// A task of this image, all else left open.
pub(crate) fn spec_of(image: &str) -> TaskSpec {
    let json = serde_json::json!({ "Name": "probe", "Image": image });
    serde_json::from_value(json).unwrap()
}

/// A container's port.
pub(crate) fn port(text: &str) -> Port {
    text.parse().unwrap()
}

/// Binds the container's port 7777 to exactly this port of the host.
pub(crate) fn on_host_port(mut spec: TaskSpec, number: u16) -> TaskSpec {
    spec.publish_mode = PublishMode::Host;
    spec.port_bindings = Some([(port("7777/tcp"), HostPort(number))].into());
    spec
}
