//! What a task asks of its container beside what nearly every task asks, in the Docker Engine API's own names.
//!
//! Part of a specification, so its JSON is stored: every field has a default, and is left out while it has that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::capability::Capability;
use super::network::Attachment;

/// What a container is beside its image, its process, its limits and its ports. What nobody says is as the engine, or orc,
/// has it for every container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerOptions {
    /// Whether a small init is process 1, which passes on signals and takes in orphans.
    #[serde(skip_serializing_if = "is_false")]
    pub init: bool,
    /// Whether its root file system cannot be written.
    #[serde(skip_serializing_if = "is_false")]
    pub readonly_rootfs: bool,
    /// Its own name for itself; empty = the begin of its ID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Capabilities that it is given, whatever is dropped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<Capability>,
    /// Of the usual ones, those that it gives up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<Capability>,
    /// Groups of its process beside the user's own: names in the image, or numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_add: Vec<String>,
    /// Limits of each process, each name once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<Ulimit>,
    /// Processes and threads at once; `None` = as many as every container may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<u32>,
    /// Bytes of `/dev/shm`; `None` = Docker's 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    /// Kernel parameters of its own namespaces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// Names that it knows without asking: `name:address`, or `name:host-gateway` for its node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_hosts: Vec<String>,
    /// Where its output is kept; `None` = where the engine keeps any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_config: Option<LogConfig>,
    /// The networks that it is in, each once, the first one from its creation; empty = the engine's own bridge.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Attachment>,
}

/// As any container is.
pub(super) static USUAL: ContainerOptions = ContainerOptions {
    init: false,
    readonly_rootfs: false,
    hostname: String::new(),
    cap_add: Vec::new(),
    cap_drop: Vec::new(),
    group_add: Vec::new(),
    ulimits: Vec::new(),
    pids_limit: None,
    shm_size: None,
    sysctls: BTreeMap::new(),
    extra_hosts: Vec::new(),
    log_config: None,
    networks: Vec::new(),
};

/// A limit of each process; -1 = none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ulimit {
    /// As in `nofile`.
    pub name: String,
    /// What counts.
    pub soft: i64,
    /// What a process may raise it to.
    pub hard: i64,
}

/// One of Docker's log drivers, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// As in `json-file`; empty = the engine's own.
    #[serde(rename = "Type", skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// The driver's own options.
    #[serde(rename = "Config", skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// How a tmpfs is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TmpfsOptions {
    /// The most that it holds, bytes; `None` = half of the node's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Who may do what there, as `chmod` has it; `None` = everybody everything, and each removes only their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_says_is_not_stored() {
        assert_eq!(serde_json::to_string(&USUAL).unwrap(), "{}");
        assert_eq!(ContainerOptions::default(), USUAL);
    }
}
