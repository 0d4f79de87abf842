//! `networks`: which of them the containers of a service are in, and under which names.

use super::note::{Fate, Note, Scope};
use crate::compose::service::network::{Attachment, NetworkMode};
use crate::compose::{Project, resource};
use crate::wire::network::Network;
use crate::wire::submission::TaskInput;

/// The network of a project that nobody names.
const DEFAULT: &str = "default";

/// Says which networks the service is in: those that it names, or else the project's default.
pub(super) fn attach(project: &Project, scope: &Scope<'_>, task: &mut TaskInput) {
    let networking = &scope.service.networking;
    if networking.mode != NetworkMode::Networks {
        return;
    }
    let own = scope.service.name.as_str();
    let named = networking.networks.iter();
    let mut networks: Vec<Network> =
        named.filter_map(|(key, attachment)| attached(project, key, own, Some(attachment))).collect();
    if networks.is_empty() {
        networks.extend(attached(project, DEFAULT, own, None));
    }
    task.networks = (!networks.is_empty()).then_some(networks);
}

fn attached(project: &Project, key: &str, own: &str, said: Option<&Attachment>) -> Option<Network> {
    let network = project.networks.get(key)?;
    let mut aliases = vec![own.to_owned()];
    for alias in said.into_iter().flat_map(|said| &said.aliases) {
        if !aliases.contains(alias) {
            aliases.push(alias.clone());
        }
    }
    let internal = network.internal && !network.external;
    Some(Network { name: network.name.clone(), aliases, internal, external: network.external })
}

/// Tells what of the project's networks is otherwise than it is written.
pub(super) fn of_project(project: &Project, notes: &mut Vec<Note>) {
    for (key, network) in &project.networks {
        let Some(at) = &network.at else { continue };
        for says in otherwise(network) {
            let key = format!("networks.{key}");
            notes.push(Note { at: at.clone(), key, fate: Fate::Warned, says: says.to_owned() });
        }
    }
    let joined = |service: &&crate::compose::Service| service.networking.mode == NetworkMode::Networks;
    let mut services = project.services.values().filter(joined);
    if let (Some(first), Some(_)) = (services.next(), services.next()) {
        let says = "services find each other by name on the same node alone, where each node has networks of its own: keep \
                    those that talk with each other on one by a constraint, or have them use published ports";
        let at = first.place_of("image").clone();
        notes.push(Note { at, key: "networks".to_owned(), fate: Fate::Warned, says: says.to_owned() });
    }
}

fn otherwise(network: &resource::Network) -> Vec<&'static str> {
    if network.external {
        return Vec::new();
    }
    let is_bridge = network.driver.as_deref().is_none_or(|driver| driver == "bridge");
    let says = [
        (
            !is_bridge,
            "it is a bridge of each node, by the driver `bridge`; make another on the nodes, and say `external: true`",
        ),
        (
            !network.driver_opts.is_empty(),
            "the driver has no options; make the network on the nodes, and say `external: true`",
        ),
        (
            network.enable_ipv6 == Some(true),
            "it has IPv6 addresses where the engine gives them to every network",
        ),
        (!network.labels.is_empty(), "it has orc's labels, and no others"),
    ];
    says.into_iter().filter_map(|(is_so, says)| is_so.then_some(says)).collect()
}
