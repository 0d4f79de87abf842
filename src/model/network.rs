//! Networks of an engine: which ones a task's container is in, and what an engine shows of one.

use serde::{Deserialize, Serialize};

/// A network that a container is in. Part of a specification, so its JSON is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attachment {
    /// The network's name on its engine.
    pub name: String,
    /// Names under which others in it find the container, beside its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Whether the network leads nowhere but to its own members.
    #[serde(skip_serializing_if = "is_false")]
    pub internal: bool,
    /// Whether somebody else makes and removes the network.
    #[serde(skip_serializing_if = "is_false")]
    pub external: bool,
}

/// A network's ID, as the engine gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(pub String);

/// A network as an engine shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// By which it is removed.
    pub id: NetworkId,
    /// By which containers are attached.
    pub name: String,
    /// Whether it leads nowhere but to its own members.
    pub internal: bool,
    /// Whose it is, in words; `None` = of this cluster.
    pub stranger: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
