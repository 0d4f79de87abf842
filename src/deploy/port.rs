//! `ports`: which of them the service has as a whole, and which each task has on its node.

use std::collections::BTreeMap;

use super::note::{Fate, Note, Scope};
use crate::compose::service::port::{PortMode, PortProtocol, PortRange, PublishedPort};
use crate::compose::{Located, Project};
use crate::model::port::{HostPort, Port, Protocol};
use crate::model::spec::{Empty, PublishMode};
use crate::wire::service::{PortInput, ServiceInput};

/// Publishes what the service publishes.
pub(super) fn publish(scope: &mut Scope<'_>, input: &mut ServiceInput) {
    for (index, port) in scope.service.ports.iter().enumerate() {
        if let Some((fate, says)) = publish_one(&port.value, input) {
            scope.tell(&format!("ports[{index}]"), &port.at, fate, says);
        }
    }
}

fn publish_one(port: &PublishedPort, input: &mut ServiceInput) -> Option<(Fate, String)> {
    if let Some(address) = port.host_ip.filter(|address| !address.is_unspecified()) {
        let says = format!(
            "ports are published on all addresses of a node, and this one is meant for {address} alone; take the \
             address out where all may reach it, or else the port"
        );
        return Some((Fate::Refused, says));
    }
    let container = Port { number: port.target, protocol: protocol(port) };
    match (exact(port), port.mode) {
        (Some(_), PortMode::Ingress) if container.protocol == Protocol::Sctp => {
            let says =
                "a port of a whole service is TCP or UDP; with `mode: host` each task has it on its node";
            Some((Fate::Refused, says.to_owned()))
        }
        (Some(published), PortMode::Ingress) => {
            let word = (container.protocol != Protocol::Tcp).then(|| container.protocol.word().to_owned());
            input.ports.push(PortInput {
                published,
                target: port.target,
                protocol: word,
                proxy_protocol: false,
            });
            None
        }
        (Some(number), PortMode::Host) => {
            input.task.publish_mode = Some(PublishMode::Host);
            let bindings = input.task.port_bindings.get_or_insert_default();
            let former = bindings.insert(container, HostPort(number)).filter(|former| former.0 != number)?;
            let says = format!(
                "{container} is bound to {} already; a port of a container has one of its node",
                former.0
            );
            Some((Fate::Refused, says))
        }
        (None, _) => {
            input.task.exposed_ports.get_or_insert_default().insert(container, Empty {});
            let PortRange { start, end } = port.published?;
            let says = format!(
                "each task gets any free port of its node, and none of {start} to {end}; `orc ps` shows which"
            );
            Some((Fate::Warned, says))
        }
    }
}

const fn protocol(port: &PublishedPort) -> Protocol {
    match port.protocol {
        PortProtocol::Tcp => Protocol::Tcp,
        PortProtocol::Udp => Protocol::Udp,
        PortProtocol::Sctp => Protocol::Sctp,
    }
}

/// The one number that it is published as, where it is one.
fn exact(port: &PublishedPort) -> Option<u16> {
    port.published.filter(|range| range.start == range.end).map(|range| range.start)
}

/// Tells of ports that two services of the project would have: each is one service's.
pub(super) fn collide(project: &Project, notes: &mut Vec<Note>) {
    let mut owners: BTreeMap<(u16, &str), &str> = BTreeMap::new();
    for service in project.services.values() {
        let shared = |port: &&Located<PublishedPort>| port.value.mode == PortMode::Ingress;
        for (index, port) in service.ports.iter().enumerate().filter(|(_, port)| shared(port)) {
            let Some(published) = exact(&port.value) else { continue };
            let owner = owners.entry((published, protocol(&port.value).word())).or_insert(&service.name);
            if *owner != service.name {
                let says = format!("{published} is a port of `{owner}` already; every node has it once");
                let key = format!("services.{}.ports[{index}]", service.name);
                notes.push(Note { at: port.at.clone(), key, fate: Fate::Refused, says });
            }
        }
    }
}
