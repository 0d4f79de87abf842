//! Two services compared field by field, as JSON says them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::secret::{HIDDEN, is_secret};
use crate::wire::service::Wanted;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Field {
    /// The way to it, as in `Task.Env.COLOUR`.
    pub path: String,
    /// What it is; null = it is not there. A secret is not shown.
    pub old: Option<Value>,
    /// What it would be; null = it would not be there.
    pub new: Option<Value>,
}

/// What differs, by path.
pub(super) fn fields(old: &Wanted, new: &Wanted) -> Vec<Field> {
    between(&leaves(old), &leaves(new))
}

/// What a service that is not there yet would have, without what nobody said of it.
pub(super) fn all(new: &Wanted, usual: &Wanted) -> Vec<Field> {
    let mut usual = leaves(usual);
    usual.retain(|path, _| !matches!(path.as_str(), "Task.Image" | "Mode" | "Replicas" | "Completions"));
    let mut fields = between(&usual, &leaves(new));
    for field in &mut fields {
        field.old = None;
    }
    fields.retain(|field| field.new.is_some());
    fields
}

fn between(old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) -> Vec<Field> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |path: &&String| old.get(*path) != new.get(*path);
    paths.into_iter().filter(differs).map(|path| field(path, old.get(path), new.get(path))).collect()
}

fn field(path: &str, old: Option<&Value>, new: Option<&Value>) -> Field {
    let is_hidden = |value: &Value| {
        let name = path.strip_prefix("Task.Env.").or_else(|| path.strip_prefix("Task.Labels."));
        name.is_some_and(|name| is_secret(name, value.as_str().unwrap_or_default()))
    };
    let hidden = [old, new].into_iter().flatten().any(is_hidden);
    let shown = |value: Option<&Value>| value.map(|value| if hidden { HIDDEN.into() } else { value.clone() });
    Field { path: path.to_owned(), old: shown(old), new: shown(new) }
}

/// Every value with the way to it. Lists of words are one value; variables and mounts are known by their names.
fn leaves(wanted: &Wanted) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    gather("", serde_json::to_value(wanted).unwrap_or_default(), &mut leaves);
    leaves
}

fn gather(path: &str, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if fields.is_empty() && path.contains("ExposedPorts") => {
            leaves.insert(path.to_owned(), Value::Object(fields));
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                gather(&joined(path, &name), value, leaves);
            }
        }
        Value::Array(lines) if path == "Task.Env" => {
            for line in lines {
                let line = line.as_str().unwrap_or_default();
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                leaves.insert(joined(path, name), value.into());
            }
        }
        Value::Array(mounts) if matches!(path, "Task.Mounts" | "Task.Secrets" | "Task.Configs") => {
            for mount in mounts {
                let target = mount.get("Target").and_then(Value::as_str).unwrap_or_default();
                gather(&format!("{path}[{target}]"), mount, leaves);
            }
        }
        Value::Array(ports) if path == "Ports" => {
            for port in ports {
                let published = port.get("Published").and_then(Value::as_u64).unwrap_or_default();
                let protocol = port.get("Protocol").and_then(Value::as_str).unwrap_or("tcp").to_owned();
                gather(&format!("{path}[{published}/{protocol}]"), port, leaves);
            }
        }
        value => {
            leaves.insert(path.to_owned(), value);
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
