//! Where connections to published ports go: what a worker's ingress is told. Not how it does it, nor who finds out.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::id::TaskId;
use super::port::Port;
use super::service::ServiceName;

/// Each published port and what is behind it.
pub type Table = BTreeMap<Port, Route>;

/// What is behind a published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The service whose port it is, for people.
    pub service: ServiceName,
    /// Whether a task is told first who its client is, by PROXY protocol version 2. TCP only.
    pub proxy_protocol: bool,
    /// The tasks that are ready. One that is not listed gets no new connections, and keeps those that it has.
    pub backends: Vec<Backend>,
}

/// A ready task of a service, and where it takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// Which task.
    pub task: TaskId,
    /// Where it listens, as this node reaches it. Best a container's own address where it is on this node: a port of
    /// the loopback address leads through Docker's proxy.
    pub address: SocketAddr,
    /// Whether it is on this node: then it goes before those that are not.
    pub local: bool,
}
