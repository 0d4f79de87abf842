//! An engine's answers in orc's words: lists and inspections to [`Container`].

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerSummary, EndpointSettings, HostConfig, PortMap,
    PortSummary, RestartPolicyNameEnum,
};

use super::create::{bytes, nano_cpus};
use crate::engine::labels::{self, Labels};
use crate::model::container::{Container, ContainerStatus, Details, Exit};
use crate::model::id::ContainerId;
use crate::model::spec::Port;
use crate::model::state::Health;
use crate::model::task::{HostBinding, HostPorts};
use crate::model::time::Timestamp;

/// One entry of a list; else what about it cannot be understood.
pub(super) fn summary(entry: ContainerSummary) -> Result<Container, String> {
    let labels = entry.labels.unwrap_or_default();
    let name = entry.names.unwrap_or_default().into_iter().next().ok_or("it has no name")?;
    let text = entry.status.unwrap_or_default();
    Ok(Container {
        id: ContainerId(entry.id.ok_or("it has no ID")?),
        name: plain_name(&name),
        identity: labels::identity(&labels)?,
        status: status(&entry.state.map(|state| state.to_string()).unwrap_or_default()),
        health: health_in(&text),
        host_ports: ports_of_list(entry.ports.unwrap_or_default())?,
        address: entry.network_settings.and_then(|network| address(network.networks?)),
        details: None,
    })
}

/// An inspection; else what about it cannot be understood.
pub(super) fn inspection(answer: ContainerInspectResponse) -> Result<Container, String> {
    let labels = answer.config.and_then(|config| config.labels).unwrap_or_default();
    let state = answer.state.ok_or("it has no state")?;
    let host = answer.host_config.unwrap_or_default();
    let network = answer.network_settings.unwrap_or_default();
    let ports = network.ports.unwrap_or_default();
    let word = state.status.map(|status| status.to_string()).unwrap_or_default();
    let health = state.health.as_ref().and_then(|health| health.status).map(|health| health.to_string());
    let status = status(&word);
    Ok(Container {
        id: ContainerId(answer.id.ok_or("it has no ID")?),
        name: plain_name(&answer.name.ok_or("it has no name")?),
        identity: labels::identity(&labels)?,
        health: if status == ContainerStatus::Running {
            health_word(&health.unwrap_or_default())
        } else {
            Health::None
        },
        host_ports: ports_of_inspection(&ports)?,
        address: network.networks.and_then(address),
        details: Some(details(&status, state, &host, &labels)),
        status,
    })
}

/// Docker begins a name with a slash.
fn plain_name(name: &str) -> String {
    name.strip_prefix('/').unwrap_or(name).to_owned()
}

fn status(word: &str) -> ContainerStatus {
    match word {
        "created" => ContainerStatus::Created,
        "running" => ContainerStatus::Running,
        "paused" => ContainerStatus::Paused,
        "restarting" => ContainerStatus::Restarting,
        "removing" => ContainerStatus::Removing,
        "exited" => ContainerStatus::Exited,
        "dead" => ContainerStatus::Dead,
        other => ContainerStatus::Unknown(other.to_owned()),
    }
}

/// The health in a list's text: `Up 3 minutes (healthy)`, `Up 2 seconds (health: starting)`.
fn health_in(text: &str) -> Health {
    let word = text.strip_suffix(')').and_then(|text| text.rsplit_once('(')).map(|(_, word)| word);
    health_word(word.map_or("", |word| word.strip_prefix("health: ").unwrap_or(word)))
}

fn health_word(word: &str) -> Health {
    [Health::Starting, Health::Healthy, Health::Unhealthy]
        .into_iter()
        .find(|health| health.word() == word)
        .unwrap_or_default()
}

fn details(status: &ContainerStatus, state: ContainerState, host: &HostConfig, labels: &Labels) -> Details {
    let code = state.exit_code.unwrap_or_default();
    // One that could not be started stays `created` and has a code all the same: 126 to 128.
    let ended = !status.is_live() && (*status != ContainerStatus::Created || code != 0);
    Details {
        started_at: state.started_at.as_deref().and_then(time),
        exit: ended.then(|| Exit {
            code,
            oom_killed: state.oom_killed.unwrap_or_default(),
            finished_at: state.finished_at.as_deref().and_then(time),
        }),
        error: state.error.unwrap_or_default(),
        limits_as_set: limits_as_set(host, labels),
    }
}

/// Docker writes "never" as the year 1.
fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).filter(|time| time.millis() > 0)
}

/// Whether limits and restart policy are what the labels say orc set. A limit put on a container that was
/// created without one is let be: the API cannot lift it.
fn limits_as_set(host: &HostConfig, labels: &Labels) -> bool {
    let cpu = labels::read::<f64>(labels, labels::CPU).map_or(0, nano_cpus);
    let memory = labels::read::<u64>(labels, labels::MEMORY).map_or(0, bytes);
    let policy = host.restart_policy.as_ref().and_then(|policy| policy.name);
    (cpu == 0 || host.nano_cpus == Some(cpu))
        && (memory == 0 || host.memory == Some(memory))
        && matches!(policy, None | Some(RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO))
}

/// The container's own address: of the first network, by name, on which it has one. An engine writes none as an empty text.
fn address(networks: HashMap<String, EndpointSettings>) -> Option<IpAddr> {
    let networks: BTreeMap<_, _> = networks.into_iter().collect();
    networks.into_values().find_map(|network| network.ip_address?.parse().ok())
}

/// The published ports of a list's entry.
fn ports_of_list(ports: Vec<PortSummary>) -> Result<HostPorts, String> {
    let mut published = HostPorts::new();
    for entry in ports {
        let Some(host_port) = entry.public_port else { continue };
        let protocol = entry.typ.map(|protocol| protocol.to_string()).unwrap_or_default();
        let port: Port = format!("{}/{protocol}", entry.private_port).parse()?;
        let binding = HostBinding { host_ip: entry.ip.unwrap_or_default(), host_port: host_port.to_string() };
        published.entry(port).or_default().push(binding);
    }
    Ok(sorted(published))
}

/// The published ports of an inspection.
fn ports_of_inspection(ports: &PortMap) -> Result<HostPorts, String> {
    let mut published = HostPorts::new();
    for (port, bindings) in ports {
        let bindings = bindings.iter().flatten().map(|binding| HostBinding {
            host_ip: binding.host_ip.clone().unwrap_or_default(),
            host_port: binding.host_port.clone().unwrap_or_default(),
        });
        let bindings: Vec<_> = bindings.collect();
        if !bindings.is_empty() {
            published.insert(port.parse()?, bindings);
        }
    }
    Ok(sorted(published))
}

/// Docker gives the addresses of a port in any order; equal containers shall compare equal.
fn sorted(mut ports: HostPorts) -> HostPorts {
    for bindings in ports.values_mut() {
        bindings.sort();
    }
    ports
}
