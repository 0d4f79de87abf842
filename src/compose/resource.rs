//! Networks, volumes, configs and secrets of a project.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::document::Context;
use super::place::Place;
use super::read::{self, Fields};
use super::value::{Entry, Map, Node, Value};
use super::variables::Variables;

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name outside of the project.
    pub name: String,
    /// Whether somebody else makes and removes it.
    pub external: bool,
    /// As in `bridge` or `overlay`; `None` = as orc has it.
    pub driver: Option<String>,
    /// The driver's own.
    pub driver_opts: BTreeMap<String, String>,
    /// Whether it leads nowhere but to its own members.
    pub internal: bool,
    /// Whether containers of others may join.
    pub attachable: bool,
    /// Whether it has IPv6 addresses; `None` = as the engine has it.
    pub enable_ipv6: Option<bool>,
    /// Labels of it.
    pub labels: BTreeMap<String, String>,
    /// Where its key is written; `None` for the `default` that nobody wrote.
    pub at: Option<Place>,
}

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name outside of the project.
    pub name: String,
    /// Whether somebody else makes and removes it.
    pub external: bool,
    /// As in `local`; `None` = the engine's usual.
    pub driver: Option<String>,
    /// The driver's own, as in `type: nfs`.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels of it.
    pub labels: BTreeMap<String, String>,
    /// Where its key is written.
    pub at: Place,
}

/// A config or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileObject {
    /// Its name outside of the project.
    pub name: String,
    /// What it consists of.
    pub content: FileContent,
    /// Labels of it.
    pub labels: BTreeMap<String, String>,
    /// Where its key is written.
    pub at: Place,
}

/// What a config or secret consists of.
#[derive(Clone, PartialEq, Eq)]
pub enum FileContent {
    /// A file here.
    File(PathBuf),
    /// A text: `content`, or the value of the variable that `environment` names.
    Text(String),
    /// Somebody else made it.
    External,
}

/// A text may be a secret, and is in no log.
impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::External => f.write_str("External"),
        }
    }
}

/// The `default` network of a project that says nothing of it.
pub(super) fn default_network(project: &str) -> Network {
    Network {
        name: format!("{project}_default"),
        external: false,
        driver: None,
        driver_opts: BTreeMap::new(),
        internal: false,
        attachable: false,
        enable_ipv6: None,
        labels: BTreeMap::new(),
        at: None,
    }
}

/// What a section says, by key: `read` gets its fields and all that is common to resources.
fn section<T>(
    root: &Node,
    section: &str,
    project: &str,
    context: &mut Context<'_>,
    mut read: impl FnMut(Common, &mut Fields<'_, '_>) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some(node) = root.get(section).filter(|node| !node.is_null()) else { return BTreeMap::new() };
    let Some(map) = node.as_map() else {
        context
            .problems
            .error(&node.at, format!("{} is here, where a mapping of {section} belongs", node.kind()));
        return BTreeMap::new();
    };
    let mut resources = BTreeMap::new();
    for (key, entry) in map {
        let nothing = Node::new(Value::Map(Map::new()), &entry.key_at);
        let node = if entry.node.is_null() { &nothing } else { &entry.node };
        let Some(mut fields) = Fields::of(node, &mut context.problems) else { continue };
        let common = Common::of(key, entry, project, &mut fields);
        resources.extend(read(common, &mut fields).map(|resource| (key.clone(), resource)));
    }
    resources
}

struct Common {
    name: String,
    external: bool,
    labels: BTreeMap<String, String>,
    at: Place,
}

impl Common {
    fn of(key: &str, entry: &Entry, project: &str, fields: &mut Fields<'_, '_>) -> Self {
        let external = fields.optional("external", read::truth).unwrap_or_default();
        let usual = || if external { key.to_owned() } else { format!("{project}_{key}") };
        Self {
            name: fields.optional("name", read::text).unwrap_or_else(usual),
            external,
            labels: fields.optional("labels", read::text_map).unwrap_or_default(),
            at: entry.key_at.clone(),
        }
    }
}

pub(super) fn networks(root: &Node, project: &str, context: &mut Context<'_>) -> BTreeMap<String, Network> {
    section(root, "networks", project, context, |Common { name, external, labels, at }, fields| {
        Some(Network {
            name,
            external,
            driver: fields.optional("driver", read::text),
            driver_opts: fields.optional("driver_opts", read::text_map).unwrap_or_default(),
            internal: fields.optional("internal", read::truth).unwrap_or_default(),
            attachable: fields.optional("attachable", read::truth).unwrap_or_default(),
            enable_ipv6: fields.optional("enable_ipv6", read::truth),
            labels,
            at: Some(at),
        })
    })
}

pub(super) fn volumes(root: &Node, project: &str, context: &mut Context<'_>) -> BTreeMap<String, Volume> {
    section(root, "volumes", project, context, |Common { name, external, labels, at }, fields| {
        let driver = fields.optional("driver", read::text);
        let driver_opts = fields.optional("driver_opts", read::text_map).unwrap_or_default();
        Some(Volume { name, external, driver, driver_opts, labels, at })
    })
}

/// `configs` or `secrets`.
pub(super) fn file_objects(
    root: &Node,
    kind: &str,
    project: &str,
    variables: &Variables,
    context: &mut Context<'_>,
) -> BTreeMap<String, FileObject> {
    let mut files = Vec::new();
    let objects = section(root, kind, project, context, |Common { name, external, labels, at }, fields| {
        let held = content(external, &at, variables, fields)?;
        if let FileContent::File(path) = &held {
            files.push((path.clone(), fields.place("file")));
        }
        Some(FileObject { name, content: held, labels, at })
    });
    for (path, at) in files {
        if let Some(at) = at.filter(|_| !context.exists(&path)) {
            let says =
                format!("there is no file {}; what it should hold is read from it", context.shown(&path));
            context.problems.error(&at, says);
        }
    }
    objects
}

fn content(
    external: bool,
    at: &Place,
    variables: &Variables,
    fields: &mut Fields<'_, '_>,
) -> Option<FileContent> {
    let file = fields.optional("file", read::path);
    let text = fields.optional("content", read::text);
    let variable = fields.located("environment", read::text);
    match (external, file, text, variable) {
        (true, None, None, None) => Some(FileContent::External),
        (false, Some(file), None, None) => Some(FileContent::File(file)),
        (false, None, Some(text), None) => Some(FileContent::Text(text)),
        (false, None, None, Some(variable)) => {
            let value = variables.get(&variable.value).map(str::to_owned);
            if value.is_none() {
                let says =
                    format!("the variable `{}` is not set; its value is what belongs here", variable.value);
                fields.error(&variable.at, says);
            }
            value.map(FileContent::Text)
        }
        _ => {
            let says = "this says not, or more than once, where its content comes from; exactly one of \
                        `file`, `environment`, `content` (for configs) and `external: true` does";
            fields.error(at, says);
            None
        }
    }
}
