//! A project: all that its files say, in plain types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::document::Context;
use super::place::Place;
use super::references;
use super::resource::{self, FileObject, Network, Volume};
use super::service::network::{Attachment, NetworkMode};
use super::service::{self, Service};
use super::value::{Entry, Node};
use super::variables::Variables;

/// What belongs together and is deployed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Before the names of everything that it has.
    pub name: String,
    /// Where relative paths begin.
    pub directory: PathBuf,
    /// By name; only those whose profiles are active.
    pub services: BTreeMap<String, Service>,
    /// Names of services that wait for a profile, with those profiles.
    pub inactive: BTreeMap<String, Vec<String>>,
    /// By key; with `default`, where a service is in it.
    pub networks: BTreeMap<String, Network>,
    /// By key.
    pub volumes: BTreeMap<String, Volume>,
    /// By key.
    pub configs: BTreeMap<String, FileObject>,
    /// By key.
    pub secrets: BTreeMap<String, FileObject>,
}

/// What is known of a project beside its files.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) directory: PathBuf,
    /// Those that are active; `*` is all.
    pub(super) profiles: Vec<String>,
}

/// The project that a merged file describes; what is wrong in it is told.
pub(super) fn read(header: Header, root: &Node, variables: &Variables, context: &mut Context<'_>) -> Project {
    let services = services(root, variables, context);
    let is_active =
        |profile: &String| header.profiles.iter().any(|active| active == profile || active == "*");
    let (active, inactive): (BTreeMap<_, _>, BTreeMap<_, _>) = services
        .into_iter()
        .partition(|(_, service)| service.profiles.is_empty() || service.profiles.iter().any(is_active));
    let mut project = Project {
        networks: resource::networks(root, &header.name, context),
        volumes: resource::volumes(root, &header.name, context),
        configs: resource::file_objects(root, "configs", &header.name, variables, context),
        secrets: resource::file_objects(root, "secrets", &header.name, variables, context),
        name: header.name,
        directory: header.directory,
        services: active,
        inactive: inactive.into_iter().map(|(name, service)| (name, service.profiles)).collect(),
    };
    join_default_network(&mut project);
    references::check(&project, &mut context.problems);
    project
}

fn services(root: &Node, variables: &Variables, context: &mut Context<'_>) -> BTreeMap<String, Service> {
    let Some(node) = root.get("services").filter(|node| !node.is_null()) else {
        context.problems.error(&root.at, "there are no `services`; a Compose file says what runs");
        return BTreeMap::new();
    };
    let Some(map) = node.as_map() else {
        context
            .problems
            .error(&node.at, format!("{} is here, where a mapping of services belongs", node.kind()));
        return BTreeMap::new();
    };
    let read = |(name, entry): (&String, &Entry)| {
        let service = service::read(name, entry, variables, context)?;
        Some((name.clone(), service))
    };
    map.iter().filter_map(read).collect()
}

/// Who says nothing of networks is in the project's own.
fn join_default_network(project: &mut Project) {
    let attached = |at: &Place| Attachment { aliases: Vec::new(), at: at.clone() };
    for service in project.services.values_mut() {
        let networking = &mut service.networking;
        if networking.mode == NetworkMode::Networks && networking.networks.is_empty() {
            networking.networks.insert("default".to_owned(), attached(&service.at));
        }
    }
    let is_used =
        project.services.values().any(|service| service.networking.networks.contains_key("default"));
    if is_used {
        let usual = resource::default_network(&project.name);
        project.networks.entry("default".to_owned()).or_insert(usual);
    }
}
