//! How the image of a service is built.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::network;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::Node;
use crate::compose::variables::Variables;

/// A build of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Where its files are.
    pub context: BuildContext,
    /// What to do with them.
    pub dockerfile: Dockerfile,
    /// Build arguments; those without a value take the environment's.
    pub args: BTreeMap<String, Option<String>>,
    /// Stage at which the build ends; `None` = the last.
    pub target: Option<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Names of the image beside the service's `image`.
    pub tags: Vec<String>,
    /// As in `linux/arm64`.
    pub platforms: Vec<String>,
    /// Network of the build's steps.
    pub network: Option<String>,
    /// Whether every step runs anew.
    pub no_cache: bool,
    /// Whether base images are fetched even where they are present.
    pub pull: bool,
    /// Bytes of `/dev/shm` in the build's steps.
    pub shm_size: Option<u64>,
    /// Host names that the build's steps know.
    pub extra_hosts: BTreeMap<String, Vec<network::HostAddress>>,
    /// Images from whose layers steps may be taken.
    pub cache_from: Vec<String>,
}

/// Where the files of a build are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildContext {
    /// A directory here.
    Directory(PathBuf),
    /// A repository or archive that the engine fetches.
    Remote(String),
}

/// The steps of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dockerfile {
    /// A file, relative to the context.
    File(String),
    /// The text itself.
    Inline(String),
}

impl Build {
    /// With the values of build arguments that have none of their own, as far as variables say them.
    pub(super) fn resolve(&mut self, variables: &Variables) {
        for (name, value) in &mut self.args {
            if value.is_none() {
                *value = variables.get(name).map(str::to_owned);
            }
        }
    }
}

pub(super) fn build(node: &Node, problems: &mut Problems) -> Option<Build> {
    let mut fields = Fields::of(node, problems)?;
    let inline = fields.located("dockerfile_inline", read::text);
    let file = fields.optional("dockerfile", read::text);
    if let (Some(inline), Some(_)) = (&inline, &file) {
        fields.error(&inline.at, "`dockerfile` and `dockerfile_inline` are both here; keep one of them");
    }
    Some(Build {
        context: fields
            .optional("context", context)
            .unwrap_or_else(|| BuildContext::Directory(node.at.resolve("."))),
        dockerfile: match inline {
            Some(inline) => Dockerfile::Inline(inline.value),
            None => Dockerfile::File(file.unwrap_or_else(|| "Dockerfile".to_owned())),
        },
        args: fields.optional("args", args).unwrap_or_default(),
        target: fields.optional("target", read::text),
        labels: fields.optional("labels", read::text_map).unwrap_or_default(),
        tags: fields.optional("tags", read::texts).unwrap_or_default(),
        platforms: fields.optional("platforms", read::texts).unwrap_or_default(),
        network: fields.optional("network", read::text),
        no_cache: fields.optional("no_cache", read::truth).unwrap_or_default(),
        pull: fields.optional("pull", read::truth).unwrap_or_default(),
        shm_size: fields.optional("shm_size", read::bytes),
        extra_hosts: fields.optional("extra_hosts", network::hosts).unwrap_or_default(),
        cache_from: fields.optional("cache_from", read::texts).unwrap_or_default(),
    })
}

fn args(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, Option<String>>> {
    read::map(
        node,
        problems,
        |node, problems| {
            if node.is_null() { Some(None) } else { read::text(node, problems).map(Some) }
        },
    )
}

fn context(node: &Node, problems: &mut Problems) -> Option<BuildContext> {
    let text = read::text(node, problems)?;
    let is_remote = text.contains("://") || text.starts_with("git@") || text.starts_with("github.com/");
    if is_remote {
        return Some(BuildContext::Remote(text));
    }
    read::path(node, problems).map(BuildContext::Directory)
}
