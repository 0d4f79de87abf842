//! What of a project orc's services cannot do yet: a table of keys, with what happens instead.
//!
//! Rows speak of values, not of keys alone: `privileged: false` asks for nothing.

use super::network;
use super::note::{Fate, Note, Scope};
use crate::compose::service::isolation::Namespace;
use crate::compose::service::network::NetworkMode;
use crate::compose::{Project, Service};
use Fate::{Refused, Warned};

/// One thing that a service may ask for in vain.
struct Row {
    key: &'static str,
    fate: Fate,
    /// Whether the service asks for it.
    asks: fn(&Service) -> bool,
    says: &'static str,
}

const fn warned(key: &'static str, asks: fn(&Service) -> bool, says: &'static str) -> Row {
    Row { key, fate: Warned, asks, says }
}

const fn refused(key: &'static str, asks: fn(&Service) -> bool, says: &'static str) -> Row {
    Row { key, fate: Refused, asks, says }
}

const NAMESPACE: &str =
    "containers keep to themselves: none sees the processes or the memory of another or of its node";
const DEVICES: &str = "containers get no devices of their node; take it out to run without";
const NAMES: &str = "containers ask the name servers of their node's engine, and no others";

const ROWS: &[Row] = &[
    // What a container must not do without being told: it would not work, or work on what it should not.
    refused("privileged", |service| service.isolation.privileged, "no container has all rights on its node"),
    refused("devices", |service| !service.isolation.devices.is_empty(), DEVICES),
    refused("device_cgroup_rules", |service| !service.isolation.device_cgroup_rules.is_empty(), DEVICES),
    refused("gpus", |service| !service.resources.reservations.devices.is_empty(), DEVICES),
    refused("pid", |service| shares(service.isolation.pid.as_ref().map(|pid| &pid.value)), NAMESPACE),
    refused("ipc", |service| shares(service.isolation.ipc.as_ref().map(|ipc| &ipc.value)), NAMESPACE),
    refused(
        "network_mode",
        |service| {
            matches!(
                service.networking.mode,
                NetworkMode::Host(_) | NetworkMode::Service(_) | NetworkMode::None
            )
        },
        "no container shares the network of its node or of another; publish what others should reach under `ports`",
    ),
    // What it can do without.
    warned(
        "depends_on",
        |service| !service.depends_on.is_empty(),
        "it holds while `orc deploy` runs, which waits before it applies the next; later restarts wait for nobody",
    ),
    warned(
        "container_name",
        |service| service.container_name.is_some(),
        "containers have the names of their tasks",
    ),
    warned(
        "platform",
        |service| service.platform.is_some() && service.build.is_none(),
        "the engine of the node takes the image for its own platform; constrain the placement to nodes that have it",
    ),
    warned("domainname", |service| service.networking.domainname.is_some(), "containers have no domain"),
    warned("dns", |service| !service.networking.dns.is_empty(), NAMES),
    warned("dns_search", |service| !service.networking.dns_search.is_empty(), NAMES),
    warned("dns_opt", |service| !service.networking.dns_opt.is_empty(), NAMES),
    warned(
        "command",
        |service| service.process.command.as_ref().is_some_and(Vec::is_empty),
        "an empty list is taken for none: the image's arguments stay",
    ),
    warned(
        "entrypoint",
        |service| service.process.entrypoint.as_ref().is_some_and(Vec::is_empty),
        "an empty list is taken for none: the image's program stays",
    ),
    warned("stdin_open", |service| service.process.stdin_open, "standard input is closed"),
    warned("tty", |service| service.process.tty, "there is no terminal; `orc logs` shows what is written"),
    warned(
        "security_opt",
        |service| {
            service.isolation.security_opt.iter().any(|option| !option.starts_with("no-new-privileges"))
        },
        "containers keep the engine's own profiles, and never gain privileges",
    ),
];

fn shares(namespace: Option<&Namespace>) -> bool {
    matches!(namespace, Some(Namespace::Host | Namespace::Service(_)))
}

/// Tells what a service asks for in vain.
pub(super) fn of_service(scope: &mut Scope<'_>) {
    let service = scope.service;
    for row in ROWS.iter().filter(|row| (row.asks)(service)) {
        let key = match row.key {
            "gpus" if !scope.says("gpus") => "deploy.resources.reservations.devices",
            key => key,
        };
        let at = scope.place_of(key);
        scope.tell(key, &at, row.fate, row.says.to_owned());
    }
}

/// Tells what the project as a whole asks for in vain.
pub(super) fn of_project(project: &Project, notes: &mut Vec<Note>) {
    network::of_project(project, notes);
    let mut tell = |at: &crate::compose::Place, key: String, fate, says: &str| {
        notes.push(Note { at: at.clone(), key, fate, says: says.to_owned() });
    };
    for (key, volume) in &project.volumes {
        let key = format!("volumes.{key}");
        let is_elsewhere =
            !volume.driver_opts.is_empty() || volume.driver.as_ref().is_some_and(|name| name != "local");
        if is_elsewhere {
            let says = "volumes are directories of the nodes' engines, made by the driver `local` without options; \
                        make this one on every node, and say `external: true`";
            tell(&volume.at, key, Refused, says);
        }
    }
}
