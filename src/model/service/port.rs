//! The ports of a service: each stays the same on every node, whatever its tasks do.

use serde::{Deserialize, Serialize};

use crate::model::port::Port;

/// A port that every node's worker accepts connections on for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServicePort {
    /// On every node.
    pub published: Port,
    /// In the containers, of the same protocol.
    pub target: Port,
    /// Whether a task is told first who its client is, by PROXY protocol version 2.
    #[serde(default)]
    pub proxy_protocol: bool,
}
