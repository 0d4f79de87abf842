//! What an operator lets tasks have beyond what any task may: settings of the manager.

use std::path::{Path, PathBuf};

use super::checks::is_clean_absolute;
use crate::model::capability::Capability;

/// What tasks may ask for of their nodes.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Where bind mounts may come from.
    pub bind_roots: BindRoots,
    /// What containers may be given beyond the usual nine: the setting `ORC_CAPABILITIES`.
    pub capabilities: Vec<Capability>,
}

/// Where bind mounts may come from: the setting `ORC_BIND_MOUNTS`.
#[derive(Debug, Clone, Default)]
pub struct BindRoots(pub Vec<PathBuf>);

impl Policy {
    /// Lets tasks have whatever an operator could let them have: for whoever cannot know what one has.
    pub fn widest() -> Self {
        Self { bind_roots: BindRoots(vec![PathBuf::from("/")]), capabilities: Capability::known().collect() }
    }

    /// Whether a container may be given this capability.
    pub fn allows(&self, capability: Capability) -> bool {
        Capability::USUAL.contains(&capability) || self.capabilities.contains(&capability)
    }

    /// The capabilities that the operator allowed, in words.
    pub(super) fn capabilities_in_words(&self) -> String {
        let names: Vec<&str> = self.capabilities.iter().map(|capability| capability.name()).collect();
        if names.is_empty() { "none is".to_owned() } else { names.join(", ") }
    }
}

impl BindRoots {
    /// Whether a bind mount may come from `path`.
    pub fn allow(&self, path: &Path) -> bool {
        is_clean_absolute(path) && self.0.iter().any(|root| path.starts_with(root))
    }

    pub(super) fn in_words(&self) -> String {
        let roots: Vec<String> = self.0.iter().map(|root| root.display().to_string()).collect();
        if roots.is_empty() { "none is".to_owned() } else { roots.join(", ") }
    }
}
