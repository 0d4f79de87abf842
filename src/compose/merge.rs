//! One file over another: the merge rules of the Compose specification.

use super::value::{Entry, Map, Node, Tag, Value};

/// What `over` makes of `base`, both in their long forms and both at the root of a file.
pub(super) fn merge(base: Node, over: Node) -> Node {
    merge_at(&mut Vec::new(), base, over)
}

/// The same of two services.
pub(super) fn merge_service(base: Node, over: Node) -> Node {
    merge_at(&mut vec!["services".to_owned(), String::new()], base, over)
}

/// Without what is tagged `!reset`, and without tags.
pub(super) fn settle(mut node: Node) -> Option<Node> {
    if node.tag.take() == Some(Tag::Reset) {
        return None;
    }
    match node.value {
        Value::List(items) => node.value = Value::List(items.into_iter().filter_map(settle).collect()),
        Value::Map(map) => {
            let settled = |(key, mut entry): (String, Entry)| {
                entry.node = settle(entry.node)?;
                Some((key, entry))
            };
            node.value = Value::Map(map.into_iter().filter_map(settled).collect());
        }
        Value::Null | Value::Scalar(_) => {}
    }
    Some(node)
}

/// How two values in the same place become one.
enum Rule {
    /// Mappings key by key, lists one after the other without repetition, else the later.
    Combine,
    /// The later, whole: half of a command is none.
    Replace,
    /// Lists of mappings: those with the same key are one.
    Keyed(fn(&Node) -> String),
    /// Options belong to a driver; those of another mean nothing to it.
    SameDriver,
}

fn rule(path: &[String]) -> Rule {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"] => Rule::Replace,
        ["services", _, "ports"] => {
            Rule::Keyed(|port| fields(port, &["host_ip", "target", "published", "protocol"]))
        }
        ["services", _, "volumes"] => Rule::Keyed(|mount| fields(mount, &["target"])),
        ["services", _, "configs" | "secrets"] => Rule::Keyed(|grant| first(grant, &["target", "source"])),
        ["services", _, "devices"] => Rule::Keyed(|device| first(device, &["target", "source"])),
        ["services", _, "env_file"] => Rule::Keyed(|file| fields(file, &["path"])),
        ["services", _, "logging"] => Rule::SameDriver,
        _ => Rule::Combine,
    }
}

fn fields(node: &Node, keys: &[&str]) -> String {
    let fields = keys.iter().map(|key| node.text(key).unwrap_or_default());
    fields.collect::<Vec<_>>().join("\0")
}

fn first(node: &Node, keys: &[&str]) -> String {
    let name = keys.iter().find_map(|key| node.text(key)).unwrap_or_default();
    // A bare name is a file in the usual directory.
    name.trim_start_matches("/run/secrets/").trim_start_matches('/').to_owned()
}

fn merge_at(path: &mut Vec<String>, base: Node, over: Node) -> Node {
    let is_collection = matches!(base.value, Value::Map(_) | Value::List(_));
    if over.tag.is_some() || base.tag == Some(Tag::Reset) {
        return over;
    }
    // Nothing said of a whole mapping or list takes nothing from it; a scalar can become nothing.
    if over.is_null() && is_collection {
        return base;
    }
    let value = match (base.value, over.value, rule(path)) {
        (Value::Map(base), Value::Map(over), Rule::SameDriver) if driver(&base) != driver(&over) => {
            Value::Map(over)
        }
        (Value::Map(base), Value::Map(over), Rule::Combine | Rule::SameDriver) => {
            Value::Map(maps(path, base, over))
        }
        (Value::List(base), Value::List(over), Rule::Combine) => Value::List(lists(base, over)),
        (Value::List(base), Value::List(over), Rule::Keyed(key)) => Value::List(keyed(path, base, over, key)),
        (_, over, _) => over,
    };
    Node { value, tag: base.tag, at: over.at }
}

fn maps(path: &mut Vec<String>, mut base: Map, over: Map) -> Map {
    for (key, mut entry) in over {
        if let Some(former) = base.remove(&key) {
            path.push(key.clone());
            entry.node = merge_at(path, former.node, entry.node);
            path.pop();
        }
        base.insert(key, entry);
    }
    base
}

fn lists(mut base: Vec<Node>, over: Vec<Node>) -> Vec<Node> {
    for item in over {
        if !base.iter().any(|former| same(former, &item)) {
            base.push(item);
        }
    }
    base
}

fn keyed(
    path: &mut Vec<String>,
    mut base: Vec<Node>,
    over: Vec<Node>,
    key: fn(&Node) -> String,
) -> Vec<Node> {
    for item in over {
        let wanted = key(&item);
        match base.iter_mut().find(|former| key(former) == wanted) {
            Some(former) => {
                let was = std::mem::replace(former, Node::new(Value::Null, &item.at));
                path.push(String::new());
                *former = merge_at(path, was, item);
                path.pop();
            }
            None => base.push(item),
        }
    }
    base
}

fn driver(logging: &Map) -> Option<&str> {
    logging.get("driver").and_then(|entry| entry.node.as_text())
}

/// Whether two values say the same, wherever they are written.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(&a.node, &b.node))
        }
        (Value::Null, Value::Null) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::compose::place::{Place, Source};

    fn here() -> Place {
        Place { source: Arc::new(Source { name: "a".into(), base: "/".into() }), line: 1, column: 1 }
    }

    fn tree() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![Just(Value::Null), "[a-c]{0,2}".prop_map(Value::Scalar)];
        let node = |value| Node::new(value, &here());
        leaf.prop_map(node).prop_recursive(4, 40, 5, move |inner| {
            let list = prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List);
            let map = prop::collection::btree_map("[a-c]{1,2}", inner, 0..5);
            let map = map.prop_map(|fields| {
                let entry = |(key, node)| (key, Entry { key_at: here(), node });
                Value::Map(fields.into_iter().map(entry).collect())
            });
            prop_oneof![list, map].prop_map(node)
        })
    }

    proptest! {
        #[test]
        fn a_tree_over_itself_is_itself(tree in tree()) {
            prop_assert_eq!(merge(tree.clone(), tree.clone()), tree);
        }

        #[test]
        fn what_is_said_last_is_there(base in tree(), text in "[a-c]{1,3}") {
            let over = Node::map([("b", Node::scalar(&*text, &here()))], &here());
            let merged = merge(base, over);
            prop_assert_eq!(merged.text("b"), Some(&*text));
        }

        #[test]
        fn what_is_overridden_stands_alone(base in tree(), over in tree()) {
            let tagged = Node { tag: Some(Tag::Override), ..over.clone() };
            prop_assert_eq!(settle(merge(base.clone(), tagged)), Some(over.clone()));
            let reset = Node { tag: Some(Tag::Reset), ..over };
            prop_assert_eq!(settle(merge(base, reset)), None);
        }
    }
}
