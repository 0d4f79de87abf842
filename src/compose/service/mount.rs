//! What a service mounts: named volumes, files and directories of the host, memory.

use std::path::PathBuf;

use crate::compose::canonical::not_understood;
use crate::compose::place::Located;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::units;
use crate::compose::value::{Node, Value};

/// One mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Absolute path in the container.
    pub target: String,
    /// What is found there.
    pub source: MountSource,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A volume of the project, by its key there; `None` for one of its own without a name.
    Volume {
        /// The key.
        name: Option<String>,
        /// Whether what the image has there stays out of a new volume.
        no_copy: bool,
        /// Directory within the volume.
        subpath: Option<String>,
    },
    /// A file or directory of the host.
    Bind {
        /// On the host, absolute unless the project's directory is not.
        path: PathBuf,
        /// Whether a missing one is made, as a directory.
        create_host_path: bool,
        /// Mount propagation, as in `rslave`.
        propagation: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// Bytes; `None` = half of the node's memory.
        size: Option<u64>,
        /// File mode.
        mode: Option<u32>,
    },
}

const FORMS: &str = "`data:/var/lib/data`, `./config:/etc/app:ro` or `/var/cache`";

/// What `volumes` lists, in the long form.
pub(super) fn volumes(node: &Node, problems: &mut Problems) -> Option<Vec<Located<Mount>>> {
    read::list(node, problems, mount)
}

/// What `tmpfs` lists: paths, perhaps with options.
pub(super) fn tmpfs(node: &Node, problems: &mut Problems) -> Option<Vec<Located<Mount>>> {
    read::list(node, problems, |node, problems| {
        let text = read::text(node, problems)?;
        let (target, options) = text.split_once(':').unwrap_or((&text, ""));
        let (mut size, mut mode, mut read_only) = (None, None, false);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "size" => size = units::byte_count(value).map_err(|says| problems.error(&node.at, says)).ok(),
                "mode" => mode = units::octal(value).map_err(|says| problems.error(&node.at, says)).ok(),
                "ro" => read_only = true,
                _ => {
                    problems.warning(
                        &node.at,
                        format!("`{option}` is ignored; of a tmpfs `size`, `mode` and `ro` count"),
                    );
                }
            }
        }
        let source = MountSource::Tmpfs { size, mode };
        Some(located(node, Mount { target: absolute(node, target, problems)?, source, read_only }))
    })
}

fn located(node: &Node, value: Mount) -> Located<Mount> {
    Located { value, at: node.at.clone() }
}

fn mount(node: &Node, problems: &mut Problems) -> Option<Located<Mount>> {
    let mut fields = Fields::of(node, problems)?;
    let target = fields.required("target", read::text)?;
    let read_only = fields.optional("read_only", read::truth).unwrap_or_default();
    let source = match fields.required("type", read::text)?.as_str() {
        "volume" => volume(&mut fields),
        "bind" => bind(&mut fields)?,
        "tmpfs" => {
            let mut options = fields.inner("tmpfs");
            MountSource::Tmpfs {
                size: options.as_mut().and_then(|options| options.optional("size", read::bytes)),
                mode: options.as_mut().and_then(|options| options.optional("mode", read::mode)),
            }
        }
        other => {
            let says = format!(
                "a mount of the type `{other}` is not supported; there are `volume`, `bind` and `tmpfs`"
            );
            problems.error(node.get("type").map_or(&node.at, |node| &node.at), says);
            return None;
        }
    };
    Some(located(node, Mount { target: absolute(node, &target, problems)?, source, read_only }))
}

fn volume(fields: &mut Fields<'_, '_>) -> MountSource {
    let name = fields.optional("source", read::text);
    let mut options = fields.inner("volume");
    MountSource::Volume {
        name,
        no_copy: options
            .as_mut()
            .and_then(|options| options.optional("nocopy", read::truth))
            .unwrap_or_default(),
        subpath: options.as_mut().and_then(|options| options.optional("subpath", read::text)),
    }
}

fn bind(fields: &mut Fields<'_, '_>) -> Option<MountSource> {
    let path = fields.required("source", read::path)?;
    let mut options = fields.inner("bind");
    Some(MountSource::Bind {
        path,
        create_host_path: options
            .as_mut()
            .and_then(|options| options.optional("create_host_path", read::truth))
            .unwrap_or(true),
        propagation: options.as_mut().and_then(|options| options.optional("propagation", read::text)),
    })
}

fn absolute(node: &Node, target: &str, problems: &mut Problems) -> Option<String> {
    if target.starts_with('/') {
        return Some(target.to_owned());
    }
    problems
        .error(&node.at, format!("the path in the container, `{target}`, must be absolute, as in `/data`"));
    None
}

/// A short form as the long one that it stands for.
pub(in crate::compose) fn long_form(node: Node, problems: &mut Problems) -> Node {
    let Some(text) = node.as_text() else { return node };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => (None, "", ""),
    };
    if target.is_empty() || source == Some("") {
        problems.error(&node.at, not_understood(&node, FORMS));
        return Node::new(Value::Null, &node.at);
    }
    let is_path = |source: &str| source.starts_with(['.', '/', '~']);
    let kind = if source.is_some_and(is_path) { "bind" } else { "volume" };
    let scalar = |text: &str| Node::scalar(text, &node.at);
    let mut fields = vec![("type", scalar(kind)), ("target", scalar(target))];
    fields.extend(source.map(|source| ("source", scalar(source))));
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => fields.push(("read_only", scalar("true"))),
            "nocopy" => fields.push(("volume", Node::map([("nocopy", scalar("true"))], &node.at))),
            "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate" => {
                fields.push(("bind", Node::map([("propagation", scalar(option))], &node.at)));
            }
            "rw" | "cached" | "delegated" | "consistent" => {}
            "z" | "Z" => {
                let says = format!("`{option}` is ignored: orc relabels nothing for SELinux");
                problems.warning(&node.at, says);
            }
            _ => {
                let says = format!(
                    "`{option}` is no option of a mount; there are `ro`, `rw`, `nocopy` and \
                                    propagations like `rslave`"
                );
                problems.error(&node.at, says);
            }
        }
    }
    Node::map(fields, &node.at)
}
