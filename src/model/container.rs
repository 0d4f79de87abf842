//! A container as an engine shows it, and the ways in which an engine can fail to answer.

use std::net::IpAddr;

use super::id::{ClusterId, ContainerId, NodeName, TaskId};
use super::state::Health;
use super::task::HostPorts;
use super::time::Timestamp;

/// Whose containers a worker may touch: those with both labels, and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Label `orc.cluster`.
    pub cluster: ClusterId,
    /// Label `orc.node`.
    pub node: NodeName,
}

/// Which attempt of which task a container is: the labels beside its owner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Label `orc.task`.
    pub task: TaskId,
    /// Label `orc.attempt`, from 1.
    pub attempt: u32,
    /// Label `orc.spec`: [`super::spec::TaskSpec::fingerprint`].
    pub spec: String,
}

/// One container, as of the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// By which it is started, stopped and removed.
    pub id: ContainerId,
    /// Without Docker's leading slash.
    pub name: String,
    /// From its labels.
    pub identity: Identity,
    /// From a list or an inspection.
    pub status: ContainerStatus,
    /// Of the image's own HEALTHCHECK; `None` when it has none.
    pub health: Health,
    /// Where its ports are published.
    pub host_ports: HostPorts,
    /// Its own on a network of its engine, where its host reaches every port of it; `None` while it does not run.
    pub address: Option<IpAddr>,
    /// What only an inspection tells; `None` after a list.
    pub details: Option<Details>,
}

/// Docker's seven states, and room for those that a newer engine may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerStatus {
    /// Created, never started.
    Created,
    /// Runs.
    Running,
    /// Its processes are frozen: it lives.
    Paused,
    /// Docker is restarting it, which orc never asks for: it lives.
    Restarting,
    /// Docker is removing it.
    Removing,
    /// Ended.
    Exited,
    /// Ended, and Docker failed to remove it.
    Dead,
    /// A word that this orc does not know: nothing is done about it.
    Unknown(String),
}

impl ContainerStatus {
    /// Whether its processes may exist.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting | Self::Unknown(_))
    }
}

/// What only an inspection tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// When its processes started last.
    pub started_at: Option<Timestamp>,
    /// How it ended; `None` while it lives.
    pub exit: Option<Exit>,
    /// What Docker itself says went wrong; mostly empty.
    pub error: String,
    /// Whether CPU, memory and restart policy are still what orc set.
    pub limits_as_set: bool,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// 0 is success; 128 + n after signal n.
    pub code: i64,
    /// Whether the kernel killed it for its memory limit.
    pub oom_killed: bool,
    /// By the engine's clock.
    pub finished_at: Option<Timestamp>,
}

/// Why a call to an engine did not succeed, as far as it matters to what happens next. Each holds a whole
/// sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 404: there is no such container, or, on create and pull, no such image.
    #[error("{0}")]
    Missing(String),
    /// 409: the name is taken, or the container is on its way out.
    #[error("{0}")]
    Conflict(String),
    /// The engine said no, and nothing was done; asking again alone changes nothing.
    #[error("{0}")]
    Refused(String),
    /// The engine could not be reached: nothing was done.
    #[error("{0}")]
    Unreachable(String),
    /// A deadline passed or the answer was lost: it may have been done, or may be done later (rule R2). Of a
    /// pull: it failed in a way that may pass, such as a registry that is away.
    #[error("{0}")]
    Unknown(String),
}
