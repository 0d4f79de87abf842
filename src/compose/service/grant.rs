//! Configs and secrets that a service gets to see, as files in its containers.

use crate::compose::place::Located;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::Node;

/// One config or secret of the project, and the file that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its key in the project.
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Owner; `None` = 0.
    pub uid: Option<String>,
    /// Group; `None` = 0.
    pub gid: Option<String>,
    /// File mode; `None` = 0444.
    pub mode: Option<u32>,
}

pub(super) fn configs(node: &Node, problems: &mut Problems) -> Option<Vec<Located<Grant>>> {
    grants(node, "/", problems)
}

pub(super) fn secrets(node: &Node, problems: &mut Problems) -> Option<Vec<Located<Grant>>> {
    grants(node, "/run/secrets/", problems)
}

/// What has no absolute path of its own is in `directory`.
fn grants(node: &Node, directory: &str, problems: &mut Problems) -> Option<Vec<Located<Grant>>> {
    read::list(node, problems, |node, problems| {
        let mut fields = Fields::of(node, problems)?;
        let source = fields.required("source", read::text)?;
        let target = fields.optional("target", read::text).unwrap_or_else(|| source.clone());
        let target = if target.starts_with('/') { target } else { format!("{directory}{target}") };
        let grant = Grant {
            source,
            target,
            uid: fields.optional("uid", read::text),
            gid: fields.optional("gid", read::text),
            mode: fields.optional("mode", read::mode),
        };
        Some(Located { value: grant, at: node.at.clone() })
    })
}
