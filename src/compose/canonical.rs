//! Short forms into long ones, so that merging and reading know one form of everything.

use super::problem::Problems;
use super::service::{mount, port};
use super::value::{Entry, Map, Node, Value, quote};

/// The long form of a whole file.
pub(super) fn canonical(mut root: Node, problems: &mut Problems) -> Node {
    each(&mut root, "services", |service| service_form(service, problems));
    for section in ["networks", "volumes", "configs", "secrets"] {
        each(&mut root, section, |resource| resource_form(resource, problems));
    }
    change(&mut root, "include", |include| {
        let mut include = list(include);
        if let Value::List(items) = &mut include.value {
            for item in items {
                *item = text_as("path", item.clone());
                change(item, "path", list);
                change(item, "env_file", list);
            }
        }
        include
    });
    root
}

fn service_form(service: &mut Node, problems: &mut Problems) {
    for key in ["environment", "labels", "annotations", "sysctls", "storage_opt"] {
        change(service, key, |node| assignments(node, &['='], problems));
    }
    for key in ["dns", "dns_search", "dns_opt", "tmpfs", "label_file"] {
        change(service, key, list);
    }
    change(service, "extra_hosts", hosts);
    change(service, "extends", |node| text_as("service", node));
    change(service, "env_file", |node| items(list(node), |item| vec![text_as("path", item)]));
    change(service, "networks", |node| names(node, &[]));
    change(service, "models", |node| names(node, &[]));
    change(service, "depends_on", |node| names(node, &[("condition", "service_started")]));
    change(service, "ports", |node| items(node, |item| port::long_form(item, problems)));
    change(service, "volumes", |node| items(node, |item| vec![mount::long_form(item, problems)]));
    change(service, "devices", |node| items(node, |item| vec![device(item)]));
    change(service, "gpus", gpus);
    for key in ["configs", "secrets"] {
        change(service, key, grants);
    }
    change(service, "ulimits", ulimits);
    change(service, "build", |node| {
        let mut build = text_as("context", node);
        for key in ["args", "labels", "additional_contexts"] {
            change(&mut build, key, |node| assignments(node, &['='], problems));
        }
        for key in ["cache_from", "cache_to"] {
            change(&mut build, key, list);
        }
        change(&mut build, "extra_hosts", hosts);
        change(&mut build, "secrets", grants);
        change(&mut build, "ulimits", ulimits);
        build
    });
    change(service, "x-orc", |mut own| {
        change(&mut own, "cron", |node| text_as("schedule", node));
        own
    });
    change(service, "deploy", |mut deploy| {
        change(&mut deploy, "labels", |node| assignments(node, &['='], problems));
        deploy
    });
}

fn resource_form(resource: &mut Node, problems: &mut Problems) {
    change(resource, "labels", |node| assignments(node, &['='], problems));
    // `external: {name: x}` is what `external: true` and `name: x` were written as before 2019.
    let name = resource.get("external").and_then(|external| external.get("name")).cloned();
    if let (Some(name), Some(map)) = (name, resource.as_map_mut()) {
        if let Some(external) = map.get_mut("external") {
            external.node = Node::scalar("true", &name.at);
        }
        map.entry("name".to_owned()).or_insert_with(|| Entry { key_at: name.at.clone(), node: name });
    }
}

/// Every value of a map in a section.
fn each(root: &mut Node, section: &str, mut form: impl FnMut(&mut Node)) {
    let map =
        root.as_map_mut().and_then(|root| root.get_mut(section)).and_then(|entry| entry.node.as_map_mut());
    map.into_iter().flat_map(Map::values_mut).for_each(|entry| form(&mut entry.node));
}

/// A value of a map, if it is there; its tag stays.
fn change(node: &mut Node, key: &str, form: impl FnOnce(Node) -> Node) {
    let Some(entry) = node.as_map_mut().and_then(|map| map.get_mut(key)) else { return };
    let tag = entry.node.tag;
    let value = std::mem::replace(&mut entry.node, Node::new(Value::Null, &entry.key_at));
    entry.node = Node { tag, ..form(value) };
}

/// Each value of a list, which may become several.
fn items(mut node: Node, form: impl FnMut(Node) -> Vec<Node>) -> Node {
    if let Value::List(items) = node.value {
        node.value = Value::List(items.into_iter().flat_map(form).collect());
    }
    node
}

/// A single text as the list of it.
fn list(node: Node) -> Node {
    if matches!(node.value, Value::Scalar(_)) || node.as_map().is_some() {
        let at = node.at.clone();
        return Node::new(Value::List(vec![node]), &at);
    }
    node
}

/// A single text as the map that has it for a key.
fn text_as(key: &str, node: Node) -> Node {
    if node.as_text().is_none() {
        return node;
    }
    let at = node.at.clone();
    Node::map([(key, node)], &at)
}

/// `[A=1, B]` as `{A: 1, B: null}`.
fn assignments(mut node: Node, separators: &[char], problems: &mut Problems) -> Node {
    let Value::List(items) = node.value else { return node };
    let mut map = Map::new();
    for item in items {
        let Value::Scalar(text) = &item.value else {
            problems.error(&item.at, format!("{} is in a list of texts like `NAME=value`", item.kind()));
            continue;
        };
        let (key, value) = match text.split_once(separators) {
            Some((key, value)) => (key, Value::Scalar(value.to_owned())),
            None => (text.as_str(), Value::Null),
        };
        map.insert(key.to_owned(), Entry { key_at: item.at.clone(), node: Node::new(value, &item.at) });
    }
    node.value = Value::Map(map);
    node
}

/// `[a, b]` as `{a: {…}, b: {…}}`, or as `{a: null, b: null}` where nothing is said of them.
fn names(mut node: Node, fields: &[(&str, &str)]) -> Node {
    let Value::List(items) = node.value else { return node };
    let entry = |item: Node| {
        let name = item.as_text()?.to_owned();
        let said =
            Node::map(fields.iter().map(|(key, text)| (*key, Node::scalar(*text, &item.at))), &item.at);
        let said = if fields.is_empty() { Node::new(Value::Null, &item.at) } else { said };
        Some((name, Entry { key_at: item.at, node: said }))
    };
    node.value = Value::Map(items.into_iter().filter_map(entry).collect());
    node
}

/// `[host=a, host:b]` and `{host: a}` as `{host: [a, b]}`: a name may have several addresses.
fn hosts(mut node: Node) -> Node {
    let mut map = Map::new();
    let mut add = |host: &str, address: Node| {
        let entry = map.entry(host.trim().to_owned()).or_insert_with(|| Entry {
            key_at: address.at.clone(),
            node: Node::new(Value::List(Vec::new()), &address.at),
        });
        if let Value::List(addresses) = &mut entry.node.value {
            addresses.push(address);
        }
    };
    match node.value {
        Value::List(items) => {
            for item in items {
                // An IPv6 address has colons of its own: the first separator counts.
                let (host, address) =
                    item.as_text().and_then(|text| text.split_once(['=', ':'])).unwrap_or_default();
                add(host, Node::scalar(address.trim_matches(['[', ']', ' ']), &item.at));
            }
        }
        Value::Map(fields) => {
            for (host, entry) in fields {
                match entry.node.value {
                    Value::List(addresses) => addresses.into_iter().for_each(|address| add(&host, address)),
                    _ => add(&host, entry.node),
                }
            }
        }
        value => {
            node.value = value;
            return node;
        }
    }
    node.value = Value::Map(map);
    node
}

/// `[a]` as `[{source: a}]`.
fn grants(node: Node) -> Node {
    items(node, |item| vec![text_as("source", item)])
}

/// `host:container:rwm` as a map.
fn device(node: Node) -> Node {
    let Some(text) = node.as_text() else { return node };
    let mut parts = text.splitn(3, ':');
    let fields = ["source", "target", "permissions"].into_iter().zip(parts.by_ref());
    Node::map(fields.map(|(key, part)| (key, Node::scalar(part, &node.at))), &node.at)
}

fn gpus(node: Node) -> Node {
    let at = node.at.clone();
    match node.as_text() {
        Some("all") => {
            let all = Node::map([("count", Node::scalar("all", &at))], &at);
            Node::new(Value::List(vec![all]), &at)
        }
        _ => node,
    }
}

/// `nofile: 1024` as `nofile: {soft: 1024, hard: 1024}`.
fn ulimits(mut node: Node) -> Node {
    for entry in node.as_map_mut().into_iter().flat_map(Map::values_mut) {
        if entry.node.as_text().is_some() {
            let limit = entry.node.clone();
            entry.node = Node::map([("soft", limit.clone()), ("hard", limit)], &entry.key_at);
        }
    }
    node
}

/// A sentence on a short form that cannot be understood.
pub(super) fn not_understood(node: &Node, forms: &str) -> String {
    format!("{} cannot be understood; it is written {forms}", quote(node.as_text().unwrap_or_default()))
}
