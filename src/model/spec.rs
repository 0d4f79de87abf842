//! What a user asks for: the immutable specification of a task, in the Docker Engine API's own names.
//!
//! Its JSON is what the database keeps in `tasks.spec`, so a field once stored must be readable for ever:
//! every later field has a default. Checking a user's input is the business of `wire`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fingerprint::fingerprint;
use super::managed_file::{FileKey, FileKind, FileRef};
use super::options;
pub use super::options::{ContainerOptions, LogConfig, TmpfsOptions, Ulimit};
use super::placement::Placement;
pub use super::port::{HostPort, Port, Protocol};
pub use super::probe::{HealthCheck, Probe};
pub use super::restart::{RestartPace, RestartPolicy};

/// One container to run. Limits of 0 mean unlimited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskSpec {
    /// Unique among live tasks, and the container's name.
    pub name: String,
    /// Image reference as Docker reads it.
    pub image: String,
    /// Cores.
    #[serde(rename = "CPU", default)]
    pub cpu: f64,
    /// Bytes, enforced.
    #[serde(default)]
    pub memory: u64,
    /// Bytes, for placement only.
    #[serde(default)]
    pub disk: u64,
    /// Container ports to publish on random host ports; `None` prints as null.
    #[serde(default)]
    pub exposed_ports: Option<BTreeMap<Port, Empty>>,
    /// Wanted host ports, bound exactly when `publish_mode` says so.
    #[serde(default)]
    pub port_bindings: Option<BTreeMap<Port, HostPort>>,
    /// Who says which host ports.
    #[serde(default)]
    pub publish_mode: PublishMode,
    /// When an attempt that ended is followed by another.
    #[serde(default)]
    pub restart_policy: RestartPolicy,
    /// The HTTP check by the worker, of readiness and liveness in one; `None` when there is none.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// Arguments, in place of the image's.
    #[serde(default)]
    pub cmd: Option<Vec<String>>,
    /// Program, in place of the image's.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value` lines.
    #[serde(default)]
    pub env: Vec<String>,
    /// Directory to start in; empty = the image's.
    #[serde(default)]
    pub working_dir: String,
    /// User to run as; empty = the image's.
    #[serde(default)]
    pub user: String,
    /// The user's own labels; none begins with `orc.`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks it to stop; empty = the image's, else SIGTERM.
    #[serde(default)]
    pub stop_signal: String,
    /// Seconds between that signal and SIGKILL; `None` = the image's or Docker's 10.
    #[serde(default)]
    pub stop_timeout: Option<u32>,
    /// When the image is fetched.
    #[serde(default)]
    pub pull_policy: PullPolicy,
    /// File systems to mount.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Which nodes it may be on. Left out where any will do, so that specifications from before there was a
    /// choice keep their fingerprint.
    #[serde(default, skip_serializing_if = "Placement::is_empty")]
    pub placement: Placement,
    /// What becomes of it when its node is not heard of. Left out while it is the usual, so that what was stored
    /// before there was a choice keeps its fingerprint.
    #[serde(default, skip_serializing_if = "Failover::is_usual")]
    pub failover: Failover,
    /// Whether it gets traffic and counts in a rollout; never restarts it. Left out where there is none, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
    /// Whether it goes on or is restarted, as its restart policy says. Left out where there is none, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
    /// What it asks of its container beside that; few do. Left out where it is nothing, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Box<ContainerOptions>>,
    /// What placement keeps for it on its node. Left out where that is its limits, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    /// How restarts follow each other. Left out while it is as usual, likewise.
    #[serde(default, skip_serializing_if = "RestartPace::is_usual")]
    pub restarts: RestartPace,
    /// Secrets that its containers get as files. Left out where there are none, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<FileRef>,
    /// Configs that its containers get as files. Left out where there are none, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<FileRef>,
}

impl TaskSpec {
    /// What it asks of its container beside what nearly every task asks.
    pub fn options(&self) -> &ContainerOptions {
        self.options.as_deref().unwrap_or(&options::USUAL)
    }

    /// Cores that placement counts with; 0 = none.
    pub fn reserved_cpu(&self) -> f64 {
        self.reserve.and_then(|reserve| reserve.cpu).unwrap_or(self.cpu)
    }

    /// Bytes that placement counts with; 0 = none.
    pub fn reserved_memory(&self) -> u64 {
        self.reserve.and_then(|reserve| reserve.memory).unwrap_or(self.memory)
    }

    /// SHA-256 over the stored JSON, in hexadecimal: the label `orc.spec`.
    pub fn fingerprint(&self) -> String {
        fingerprint(self)
    }

    /// The volumes that outlive it, and that only its node has.
    pub fn named_volumes(&self) -> impl Iterator<Item = &str> {
        let named =
            self.mounts.iter().filter(|mount| mount.kind == MountKind::Volume && !mount.source.is_empty());
        named.map(|mount| mount.source.as_str())
    }

    /// The secrets and configs that it names, each with its kind: secrets first.
    pub fn files(&self) -> impl Iterator<Item = (FileKind, &FileRef)> {
        let secrets = self.secrets.iter().map(|file| (FileKind::Secret, file));
        secrets.chain(self.configs.iter().map(|file| (FileKind::Config, file)))
    }

    /// Whether it names a file, of this version where one is given.
    pub fn names_file(&self, key: &FileKey, version: Option<u64>) -> bool {
        self.files().any(|(kind, file)| {
            kind == key.kind && file.name == key.name && (version.is_none() || file.version == version)
        })
    }

    /// The host ports that this task alone may hold on a node.
    pub fn fixed_host_ports(&self) -> impl Iterator<Item = (Protocol, u16)> + '_ {
        let bindings = self.port_bindings.iter().filter(|_| self.publish_mode == PublishMode::Host);
        bindings.flatten().map(|(port, host)| (port.protocol, host.0))
    }
}

/// What a node keeps for a task, where that is not its limits.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Reserve {
    /// Cores; `None` = the limit.
    #[serde(rename = "CPU", skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Bytes; `None` = the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// What becomes of a task when its node is not heard of any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failover {
    /// It runs elsewhere soon. Should its node still run it, there are two of it until that is heard of again.
    #[default]
    Available,
    /// There is never more than one of it: it runs elsewhere only once its node has stopped it, or must have.
    Single,
}

impl Failover {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Single => "single",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_usual(&self) -> bool {
        *self == Self::Available
    }
}

/// `{}` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

/// Who says on which host port a container port is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishMode {
    /// Docker, any free one.
    #[default]
    Random,
    /// `PortBindings`, exactly.
    Host,
}

impl PublishMode {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Host => "host",
        }
    }
}

/// When the image is fetched from its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// When the host does not have it.
    #[default]
    Missing,
    /// Before each attempt.
    Always,
    /// Never: the host must have it.
    Never,
}

impl PullPolicy {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// A file system in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// What is mounted.
    #[serde(rename = "Type")]
    pub kind: MountKind,
    /// Volume name, or host path of a bind mount; empty for tmpfs.
    #[serde(default)]
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may only read.
    #[serde(default)]
    pub read_only: bool,
    /// How a tmpfs is made; left out where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
}

/// What a mount is backed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A named volume of the engine.
    Volume,
    /// A path of the host, under a directory that the operator allowed.
    Bind,
    /// Memory.
    Tmpfs,
}

impl MountKind {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Bind => "bind",
            Self::Tmpfs => "tmpfs",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_without_later_fields_keeps_its_fingerprint() {
        let stored = r#"{"Name":"web","Image":"nginx:1.29","CPU":0.0,"Memory":0,"Disk":0,"ExposedPorts":null,"PortBindings":null,"PublishMode":"random","RestartPolicy":"","HealthCheck":null,"Cmd":null,"Entrypoint":null,"Env":[],"WorkingDir":"","User":"","Labels":{},"StopSignal":"","StopTimeout":null,"PullPolicy":"missing","Mounts":[]}"#;
        let spec: TaskSpec = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), stored);
    }
}
