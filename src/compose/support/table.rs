//! The table of all keys, put together from its parts, and how it is asked.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::LazyLock;

use super::Support::{self, Honoured, Warned};
use super::{deploy_table, resource_table, service_table};

/// Keys in the same place with the same fate.
pub(super) struct Row {
    /// The place, as in `services.*.ports[]`; empty at the top. `*` is a name of the user's own.
    pub(super) under: &'static str,
    pub(super) keys: &'static [&'static str],
    pub(super) support: Support,
}

const TOP: &[Row] = &[
    Row {
        under: "",
        keys: &["name", "include", "services", "networks", "volumes", "configs", "secrets"],
        support: Honoured,
    },
    Row {
        under: "",
        keys: &["version"],
        support: Warned("it is obsolete and ignored; every file is read by the present specification"),
    },
    Row {
        under: "",
        keys: &["models"],
        support: Support::Refused("orc runs no models; run the model server as a service"),
    },
    Row { under: "include[]", keys: &["path", "env_file", "project_directory"], support: Honoured },
];

/// Every key once, sorted.
static TABLE: LazyLock<BTreeMap<String, Support>> = LazyLock::new(|| {
    let rows = [TOP, service_table::ROWS, deploy_table::ROWS, resource_table::ROWS].into_iter().flatten();
    let keys = rows.flat_map(|row| row.keys.iter().map(|key| (joined(row.under, key), row.support)));
    keys.collect()
});

fn joined(under: &str, key: &str) -> String {
    if under.is_empty() { key.to_owned() } else { format!("{under}.{key}") }
}

/// What becomes of a key.
pub(super) fn find(key: &str) -> Option<Support> {
    TABLE.get(key).copied()
}

pub(super) fn keys() -> impl Iterator<Item = &'static String> {
    TABLE.keys()
}

/// Whether the table says anything of what is in a place.
pub(super) fn has_below(place: &str) -> bool {
    below_prefix(&format!("{place}.")).next().is_some()
}

/// The keys in a place.
pub(super) fn below(place: &str) -> Vec<&'static str> {
    let prefix = if place.is_empty() { String::new() } else { format!("{place}.") };
    let inside = below_prefix(&prefix).filter_map(|key| key.get(prefix.len()..));
    inside.filter(|key| !key.contains(['.', '['])).collect()
}

fn below_prefix(prefix: &str) -> impl Iterator<Item = &'static str> {
    let range = (Bound::Included(prefix.to_owned()), Bound::Unbounded);
    TABLE.range(range).map(|(key, _)| key.as_str()).take_while({
        let prefix = prefix.to_owned();
        move |key| key.starts_with(&prefix)
    })
}
