//! Environment and labels of a service: files first, then what the service itself says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::compose::document::Context;
use crate::compose::dotenv::EnvFormat;
use crate::compose::place::Place;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::{Node, Value};
use crate::compose::variables::Variables;

/// A file under `env_file`.
struct EnvFile {
    path: PathBuf,
    required: bool,
    format: EnvFormat,
    at: Place,
}

/// The environment of containers. Variables without a value take that of whoever deploys, or are left out.
pub(super) fn environment(
    service: &Node,
    variables: &Variables,
    context: &mut Context<'_>,
) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    let files = service.get("env_file").filter(|files| !files.is_null());
    let files = files.and_then(|files| read::list(files, &mut context.problems, env_file));
    for file in files.unwrap_or_default() {
        if file.required || context.exists(&file.path) {
            let read = context.read_env(&file.path, file.format, variables, Some(&file.at));
            environment.extend(read.unwrap_or_default());
        }
    }
    for (name, node) in own(service, "environment", context) {
        match &node.value {
            Value::Null => match variables.get(name) {
                Some(value) => drop(environment.insert(name.clone(), value.to_owned())),
                None => drop(environment.remove(name)),
            },
            _ => {
                if let Some(value) = read::text(node, &mut context.problems) {
                    environment.insert(name.clone(), value);
                }
            }
        }
    }
    environment
}

/// The labels of containers.
pub(super) fn labels(
    service: &Node,
    variables: &Variables,
    context: &mut Context<'_>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let files = service.get("label_file").filter(|files| !files.is_null());
    let at_path = |node: &Node, problems: &mut Problems| Some((read::path(node, problems)?, node.at.clone()));
    let files = files.and_then(|files| read::list(files, &mut context.problems, at_path));
    for (path, at) in files.unwrap_or_default() {
        labels.extend(context.read_env(&path, EnvFormat::Compose, variables, Some(&at)).unwrap_or_default());
    }
    for (name, node) in own(service, "labels", context) {
        if let Some(value) = read::text_or_nothing(node, &mut context.problems) {
            labels.insert(name.clone(), value);
        }
    }
    labels
}

/// What a mapping of the service says, if it is there.
fn own<'n>(service: &'n Node, key: &str, context: &mut Context<'_>) -> Vec<(&'n String, &'n Node)> {
    let Some(node) = service.get(key).filter(|node| !node.is_null()) else { return Vec::new() };
    let Some(map) = node.as_map() else {
        let says = format!("{} is here, where a mapping or a list like `- NAME=value` belongs", node.kind());
        context.problems.error(&node.at, says);
        return Vec::new();
    };
    map.iter().map(|(name, entry)| (name, &entry.node)).collect()
}

fn env_file(node: &Node, problems: &mut Problems) -> Option<EnvFile> {
    let mut fields = Fields::of(node, problems)?;
    let formats = &[("raw", EnvFormat::Raw)];
    Some(EnvFile {
        path: fields.required("path", read::path)?,
        required: fields.optional("required", read::truth).unwrap_or(true),
        format: fields.optional("format", read::word(formats)).unwrap_or(EnvFormat::Compose),
        at: node.at.clone(),
    })
}
