//! What a user asks for: the immutable specification of a task, in the Docker Engine API's own names.
//!
//! Its JSON is what the database keeps in `tasks.spec`, so a field once stored must be readable for ever:
//! every later field has a default. Checking a user's input is the business of `wire`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// The HTTP check by the worker; `None` when there is none.
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
}

impl TaskSpec {
    /// SHA-256 over the stored JSON, in hexadecimal: the label `orc.spec`.
    pub fn fingerprint(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The host ports that this task alone may hold on a node.
    pub fn fixed_host_ports(&self) -> impl Iterator<Item = (Protocol, u16)> + '_ {
        let bindings = self.port_bindings.iter().filter(|_| self.publish_mode == PublishMode::Host);
        bindings.flatten().map(|(port, host)| (port.protocol, host.0))
    }
}

/// `{}` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

/// A transport protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
    /// `sctp`
    Sctp,
}

impl Protocol {
    /// Docker's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// A container's port: `7777/tcp`. Ordered by number, so that "the first port" means the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// 1 to 65535.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

impl FromStr for Port {
    type Err = String;

    /// Reads `7777/tcp`, and `7777` as TCP, as Docker does.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol =
            [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|known| known.word() == protocol);
        match (parse_port_number(number), protocol) {
            (Some(number), Some(protocol)) => Ok(Self { number, protocol }),
            _ => Err(format!("{text:?} is not a container port, such as \"7777/tcp\" or \"53/udp\"")),
        }
    }
}

/// A port number from 1 to 65535, digits only.
fn parse_port_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol.word())
    }
}

impl TryFrom<String> for Port {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}

/// A port of the host, written as text as Docker does: `"8080"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPort(pub u16);

impl TryFrom<String> for HostPort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_port_number(&text).map(Self).ok_or_else(|| {
            format!("{text:?} is not a host port: a number from 1 to 65535 is, as a text: \"8080\"")
        })
    }
}

impl From<HostPort> for String {
    fn from(port: HostPort) -> Self {
        port.0.to_string()
    }
}

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

/// When an attempt that ended is followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RestartPolicy {
    /// Not said: on failure, up to [`RestartPolicy::DEFAULT_RETRIES`] times.
    #[default]
    Unset,
    /// Never.
    No,
    /// On failure; without a number as often as it takes.
    OnFailure(Option<u32>),
    /// Whatever the exit code.
    Always,
    /// The same: a task that was stopped on request stays stopped under either.
    UnlessStopped,
}

impl RestartPolicy {
    /// The number of restarts of the orchestrator before this one.
    pub const DEFAULT_RETRIES: u32 = 3;

    /// Failures in a row that are followed by a restart; `None` = all.
    pub const fn retries(self) -> Option<u32> {
        match self {
            Self::Unset => Some(Self::DEFAULT_RETRIES),
            Self::No => Some(0),
            Self::OnFailure(limit) => limit,
            Self::Always | Self::UnlessStopped => None,
        }
    }

    /// Whether an exit with code 0 is followed by a restart too.
    pub const fn restarts_after_success(self) -> bool {
        matches!(self, Self::Always | Self::UnlessStopped)
    }
}

impl TryFrom<String> for RestartPolicy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let count = text.strip_prefix("on-failure:").map(str::parse::<u32>);
        match (text.as_str(), count) {
            ("", _) => Ok(Self::Unset),
            ("no", _) => Ok(Self::No),
            ("on-failure", _) => Ok(Self::OnFailure(None)),
            ("always", _) => Ok(Self::Always),
            ("unless-stopped", _) => Ok(Self::UnlessStopped),
            (_, Some(Ok(count))) => Ok(Self::OnFailure(Some(count))),
            _ => Err(format!(
                "{text:?} is no restart policy: \"\" (on failure, up to 3 times), \"no\", \"on-failure\", \
                 \"on-failure:5\", \"always\" and \"unless-stopped\" are"
            )),
        }
    }
}

impl From<RestartPolicy> for String {
    fn from(policy: RestartPolicy) -> Self {
        match policy {
            RestartPolicy::Unset => String::new(),
            RestartPolicy::No => "no".to_owned(),
            RestartPolicy::OnFailure(None) => "on-failure".to_owned(),
            RestartPolicy::OnFailure(Some(count)) => format!("on-failure:{count}"),
            RestartPolicy::Always => "always".to_owned(),
            RestartPolicy::UnlessStopped => "unless-stopped".to_owned(),
        }
    }
}

/// An HTTP GET on the first published port, by the worker: 200–399 is healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Between the end of one check and the start of the next, milliseconds.
    pub interval_ms: u64,
    /// For the whole answer, milliseconds.
    pub timeout_ms: u64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// After the start of the container, failures do not count for so long, milliseconds.
    pub start_period_ms: u64,
}

impl HealthCheck {
    /// 10 s.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
    /// 5 s.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
    /// 3.
    pub const DEFAULT_RETRIES: u32 = 3;

    /// Between the end of one check and the start of the next.
    pub const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    /// For the whole answer.
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// After the start of the container, failures do not count for so long.
    pub const fn start_period(&self) -> Duration {
        Duration::from_millis(self.start_period_ms)
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
