//! What is behind the ports of services: what a manager tells every worker, each of which knows best how to get there.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::id::{NodeName, TaskId};
use super::port::Port;
use super::service::ServiceName;

/// The published ports of all services, and what is behind each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Routes {
    /// Counted up at each change. Numbers of a later life of the manager are higher.
    pub revision: u64,
    /// By the port that is published on every node.
    pub ports: BTreeMap<Port, Endpoints>,
}

impl Routes {
    /// The number of what a life of the manager begins with, before it has looked at anything.
    pub const fn first_of(epoch: u64) -> u64 {
        // No life of a manager comes to four thousand million routes.
        epoch << 32
    }

    /// Whether they were made before these: answers of several questions that hang at a time come in any order.
    pub const fn are_older_than(&self, known: &Self) -> bool {
        self.revision < known.revision
    }
}

/// What is behind one published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Endpoints {
    /// Whose port it is.
    pub service: ServiceName,
    /// Whether a task is told first who its client is, by PROXY protocol version 2.
    pub proxy_protocol: bool,
    /// The tasks that are ready, and stay.
    pub tasks: Vec<Endpoint>,
}

/// A ready task, and where it takes connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Endpoint {
    /// Which task.
    pub task: TaskId,
    /// Where it runs.
    pub node: NodeName,
    /// The port in its container.
    pub target: Port,
    /// Where other nodes reach it: its node's address, and the port that Docker published there.
    pub address: SocketAddr,
}
