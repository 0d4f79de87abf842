//! `extends`: a service that begins as another.

use std::path::{Path, PathBuf};

use super::document::Context;
use super::merge::merge_service;
use super::place::normal;
use super::value::{Map, Node, quote};
use super::variables::Variables;
use crate::spelling::resembling;

/// Services that begin as one another.
const MAX_CHAIN: usize = 64;

/// A file in which every service is whole.
pub(super) fn extend(mut root: Node, path: &Path, variables: &Variables, context: &mut Context<'_>) -> Node {
    let Some(services) = root.get("services").and_then(Node::as_map).cloned() else { return root };
    let whole: Vec<_> = services
        .iter()
        .filter(|(_, entry)| entry.node.get("extends").is_some())
        .map(|(name, _)| {
            let mut resolver = Resolver { variables, context, chain: vec![(normal(path), name.clone())] };
            (name, resolver.whole(&services, name, path))
        })
        .collect();
    let map =
        root.as_map_mut().and_then(|root| root.get_mut("services")).and_then(|entry| entry.node.as_map_mut());
    if let Some(map) = map {
        for (name, node) in whole {
            map.entry(name.clone()).and_modify(|entry| {
                if let Some(node) = node {
                    entry.node = node;
                } else if let Some(service) = entry.node.as_map_mut() {
                    service.remove("extends");
                }
            });
        }
    }
    root
}

struct Resolver<'v, 'c, 'f> {
    variables: &'v Variables,
    context: &'c mut Context<'f>,
    /// Files and services on the way here.
    chain: Vec<(PathBuf, String)>,
}

impl Resolver<'_, '_, '_> {
    /// A service with all that it extends, or `None` with an error.
    fn whole(&mut self, services: &Map, name: &str, path: &Path) -> Option<Node> {
        let mut service = services.get(name)?.node.clone();
        let Some(extends) = service.as_map_mut().and_then(|map| map.remove("extends")) else {
            return Some(service);
        };
        let Some(base_name) = extends.node.get("service").filter(|name| name.as_text().is_some()) else {
            let says = "`extends` names a service, as in `extends: {service: base}`";
            self.context.problems.error(&extends.node.at, says);
            return None;
        };
        let wanted = base_name.as_text()?.to_owned();
        let file = extends
            .node
            .get("file")
            .and_then(|file| Some((file.at.clone(), file.at.resolve(file.as_text()?))));
        let elsewhere = match &file {
            Some((at, file)) => {
                let base = file.parent().unwrap_or(Path::new("."));
                Some(self.context.document(file, base, self.variables, Some(at))?)
            }
            None => None,
        };
        let services = match &elsewhere {
            Some(root) => root.get("services").and_then(Node::as_map)?,
            None => services,
        };
        let path = file.as_ref().map_or(path, |(_, file)| file);
        if !services.contains_key(&wanted) {
            let says = unknown(&wanted, services, &self.context.shown(path));
            self.context.problems.error(&base_name.at, says);
            return None;
        }
        self.enter(base_name, path, &wanted)?;
        let base = self.whole(services, &wanted, path);
        self.chain.pop();
        Some(merge_service(base?, service))
    }

    fn enter(&mut self, at: &Node, path: &Path, name: &str) -> Option<()> {
        let step = (normal(path), name.to_owned());
        if let Some(begin) = self.chain.iter().position(|known| *known == step) {
            let names: Vec<&str> = self.chain[begin..].iter().map(|(_, name)| name.as_str()).collect();
            let says = format!("services extend each other in a circle: {} → {name}", names.join(" → "));
            self.context.problems.error(&at.at, says);
            return None;
        }
        if self.chain.len() >= MAX_CHAIN {
            let says =
                format!("more than {MAX_CHAIN} services extend one another here, the most that are followed");
            self.context.problems.error(&at.at, says);
            return None;
        }
        self.chain.push(step);
        Some(())
    }
}

fn unknown(name: &str, services: &Map, file: &str) -> String {
    let meant = match resembling(name, services.keys().map(String::as_str)) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "it has {}",
            services.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    format!("there is no service {} in {file}; {meant}", quote(name))
}
