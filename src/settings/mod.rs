//! What an operator can set, read once at the start: flags, else the environment, else `.env`, else defaults.

pub mod flags;
mod parse;
pub mod source;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::flags::ServerFlags;
use self::source::{Setting, SettingsError, Sources};
use crate::model::access::LocalAccess;
use crate::model::capability::Capability;
use crate::model::id::NodeName;
use crate::model::image::RegistryPrefix;
use crate::model::node::SchedulerKind;

/// Where workers listen.
pub const WORKER_HOST: Setting = with_flag("ORC_WORKER_HOST", "--worker-host");
/// Where the first worker listens.
pub const WORKER_PORT: Setting = with_flag("ORC_WORKER_PORT", "--worker-port");
/// Where the manager listens.
pub const MANAGER_HOST: Setting = with_flag("ORC_MANAGER_HOST", "--manager-host");
/// Where the manager listens.
pub const MANAGER_PORT: Setting = with_flag("ORC_MANAGER_PORT", "--manager-port");
/// Under which names and addresses others reach the manager.
pub const ADVERTISE: Setting = with_flag("ORC_ADVERTISE", "--advertise");
/// What processes of this machine need to be obeyed by the manager.
pub const LOCAL_ACCESS: Setting = with_flag("ORC_LOCAL_ACCESS", "--local-access");
/// How many workers this process has.
pub const WORKERS: Setting = with_flag("ORC_WORKERS", "--workers");
/// Where the databases are.
pub const DATA_DIR: Setting = with_flag("ORC_DATA_DIR", "--data-dir");
/// How nodes are chosen.
pub const SCHEDULER: Setting = with_flag("ORC_SCHEDULER", "--scheduler");
/// How long what is over is kept.
pub const RETENTION: Setting = with_flag("ORC_RETENTION", "--retention");
/// How long a node that is not heard of is waited for.
pub const LEASE: Setting = with_flag("ORC_LEASE", "--lease");
/// What this worker's node is called.
pub const NODE_NAME: Setting = with_flag("ORC_NODE_NAME", "--name");
/// What constraints may ask of this worker's node.
pub const NODE_LABELS: Setting = with_flag("ORC_NODE_LABELS", "--label");
/// Which directories of the host tasks may mount.
pub const BIND_MOUNTS: Setting = with_flag("ORC_BIND_MOUNTS", "--bind-mounts");
/// Which capabilities tasks may have beyond the usual ones.
pub const CAPABILITIES: Setting = with_flag("ORC_CAPABILITIES", "--capabilities");
/// Where secrets and configs of tasks are while they run.
pub const SECRETS_DIR: Setting = with_flag("ORC_SECRETS_DIR", "--secrets-dir");
/// How large an image may be that the manager hands out.
pub const IMAGE_LIMIT: Setting = with_flag("ORC_IMAGE_LIMIT", "--image-limit");
/// Where images go that `orc deploy` builds.
pub const REGISTRY: Setting = without_flag("ORC_REGISTRY");
/// Which log lines are written.
pub const LOG: Setting = without_flag("ORC_LOG");
/// Where the Docker Engine is.
pub const DOCKER_HOST: Setting = with_flag("DOCKER_HOST", "--docker-host");
/// Which of Docker's contexts says where the engine is, when `DOCKER_HOST` does not.
pub const DOCKER_CONTEXT: Setting = without_flag("DOCKER_CONTEXT");
/// Whether its certificate is to be checked.
pub const DOCKER_TLS_VERIFY: Setting = without_flag("DOCKER_TLS_VERIFY");
/// Which version of its API is spoken.
pub const DOCKER_API_VERSION: Setting = without_flag("DOCKER_API_VERSION");
/// Where Docker's own `config.json` with registry logins is.
pub const DOCKER_CONFIG: Setting = without_flag("DOCKER_CONFIG");

/// Every setting.
pub const ALL: &[Setting] = &[
    WORKER_HOST,
    WORKER_PORT,
    MANAGER_HOST,
    MANAGER_PORT,
    ADVERTISE,
    LOCAL_ACCESS,
    WORKERS,
    DATA_DIR,
    SCHEDULER,
    RETENTION,
    LEASE,
    NODE_NAME,
    NODE_LABELS,
    BIND_MOUNTS,
    CAPABILITIES,
    SECRETS_DIR,
    IMAGE_LIMIT,
    REGISTRY,
    LOG,
    DOCKER_HOST,
    DOCKER_CONTEXT,
    DOCKER_TLS_VERIFY,
    DOCKER_API_VERSION,
    DOCKER_CONFIG,
];

const fn with_flag(env: &'static str, flag: &'static str) -> Setting {
    Setting { env, flag: Some(flag) }
}

const fn without_flag(env: &'static str) -> Setting {
    Setting { env, flag: None }
}

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the manager listens, and where workers dial it.
    pub manager: Listen,
    /// Names and addresses under which others reach the manager, the best one first, beside those that the machine has.
    pub advertise: Vec<String>,
    /// What processes of this machine need to be obeyed by the manager.
    pub local_access: LocalAccess,
    /// Where the first worker listens.
    pub worker: Listen,
    /// Workers in this process, 1 to 100.
    pub workers: u16,
    /// Where the databases are; may not exist yet.
    pub data_dir: PathBuf,
    /// How nodes are chosen.
    pub scheduler: SchedulerKind,
    /// How long what is over is kept.
    pub retention: Duration,
    /// How long a node that is not heard of is waited for, 2 seconds to 5 minutes.
    pub lease: Duration,
    /// What this worker's node is to be called; `None` leaves it to orc.
    pub node_name: Option<NodeName>,
    /// What constraints may ask of the nodes of this process's workers.
    pub node_labels: BTreeMap<String, String>,
    /// Absolute directories below which bind mounts are allowed.
    pub bind_mounts: Vec<PathBuf>,
    /// Capabilities that containers may be given beyond the usual nine.
    pub capabilities: Vec<Capability>,
    /// A directory in memory, where secrets and configs of tasks are while they run; `None` leaves it to orc.
    pub secrets_dir: Option<PathBuf>,
    /// How large the archive of an image may be that the manager hands out, bytes.
    pub image_limit: u64,
    /// Where images go that `orc deploy` builds; `None` = to the manager.
    pub registry: Option<RegistryPrefix>,
    /// Directives for the log's filter, as `tracing_subscriber::EnvFilter` reads them.
    pub log: String,
    /// The workers' Docker Engine.
    pub docker: DockerSettings,
    /// Sentences about variables that look like slips of the pen, to be logged as soon as there is a log.
    pub warnings: Vec<String>,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `localhost`, or an address without brackets.
    pub host: String,
    /// 0 = any that is free.
    pub port: u16,
}

impl Listen {
    /// Whether only processes of this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        Self::is_local(&self.host)
    }

    /// Where processes of this machine reach it; a URL.
    pub fn local_url(&self) -> String {
        let host = if self.is_loopback() { self.host.clone() } else { "localhost".to_owned() };
        format!("http://{}", Self { host, port: self.port })
    }

    fn is_local(host: &str) -> bool {
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }
}

/// As in a URL: `localhost:8000`, `[::1]:8000`.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What every Docker client reads from its environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerSettings {
    /// URL of the engine; `None` = that of the context, else the platform's default socket.
    pub host: Option<String>,
    /// Name of a context; `None` = the one in use.
    pub context: Option<String>,
    /// Whether the engine must show a certificate: any value but an empty one says so.
    pub tls_verify: bool,
    /// Version of the API, such as `1.41`; `None` = whatever the engine speaks.
    pub api_version: Option<String>,
    /// Directory of `config.json`; `None` = `~/.docker`.
    pub config_dir: Option<PathBuf>,
}

impl Settings {
    /// Reads all settings. `environment` is [`std::env::vars_os`] in earnest; `dotenv` need not exist.
    pub fn load(
        flags: &ServerFlags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dotenv: &Path,
    ) -> Result<Self, SettingsError> {
        let sources = Sources::read(flags, environment, dotenv)?;
        let workers = sources.get(WORKERS, parse::workers)?.unwrap_or(1);
        Ok(Self {
            manager: Listen {
                host: sources.get(MANAGER_HOST, parse::host)?.unwrap_or("localhost".to_owned()),
                port: sources.get(MANAGER_PORT, parse::port)?.unwrap_or(8000),
            },
            worker: Listen {
                host: sources.get(WORKER_HOST, parse::loopback_host)?.unwrap_or("localhost".to_owned()),
                port: sources.get(WORKER_PORT, |text| first_of_ports(text, workers))?.unwrap_or(8888),
            },
            advertise: sources.get(ADVERTISE, parse::names)?.unwrap_or_default(),
            local_access: sources.get(LOCAL_ACCESS, str::parse)?.unwrap_or_default(),
            workers,
            data_dir: sources.get(DATA_DIR, parse::path)?.unwrap_or("./data".into()),
            scheduler: sources.get(SCHEDULER, parse::scheduler)?.unwrap_or_default(),
            retention: sources.get(RETENTION, parse::retention)?.unwrap_or(Duration::from_hours(30 * 24)),
            lease: sources.get(LEASE, parse::lease)?.unwrap_or(Duration::from_secs(6)),
            node_name: sources.get(NODE_NAME, parse::node_name)?,
            node_labels: sources.get(NODE_LABELS, parse::labels)?.unwrap_or_default(),
            bind_mounts: sources.get(BIND_MOUNTS, parse::directories)?.unwrap_or_default(),
            capabilities: sources.get(CAPABILITIES, parse::capabilities)?.unwrap_or_default(),
            secrets_dir: sources.get(SECRETS_DIR, parse::directory)?,
            image_limit: sources.get(IMAGE_LIMIT, parse::size)?.unwrap_or(4 << 30),
            registry: sources.get(REGISTRY, str::parse)?,
            log: sources.get(LOG, parse::log_filter)?.unwrap_or("info".to_owned()),
            docker: DockerSettings {
                host: sources.get(DOCKER_HOST, parse::docker_host)?,
                tls_verify: sources.find(DOCKER_TLS_VERIFY)?.is_some(),
                context: sources.find(DOCKER_CONTEXT)?.map(|(name, _)| name),
                api_version: sources.get(DOCKER_API_VERSION, parse::api_version)?,
                config_dir: sources.get(DOCKER_CONFIG, parse::path)?,
            },
            warnings: slips(&sources),
        })
    }

    /// Where worker number `index`, from 0, listens.
    pub fn worker_at(&self, index: u16) -> Listen {
        let port = if self.worker.port == 0 { 0 } else { self.worker.port.saturating_add(index) };
        Listen { host: self.worker.host.clone(), port }
    }
}

/// A port that leaves room for those of all workers after it.
fn first_of_ports(text: &str, workers: u16) -> Result<u16, String> {
    let port = parse::port(text)?;
    let highest = u16::MAX - (workers - 1);
    if port > highest {
        return Err(format!(
            "{workers} workers need as many ports in a row; at most {highest} belongs there"
        ));
    }
    Ok(port)
}

/// Names that are no setting but within two slips of one: `ORC_MANGER_PORT`.
fn slips(sources: &Sources<'_>) -> Vec<String> {
    let unknown = sources.variables().filter(|(name, _)| ALL.iter().all(|setting| setting.env != *name));
    let slip = |name: &str| {
        let near = |setting: &&Setting| strsim::damerau_levenshtein(name, setting.env) <= 2;
        ALL.iter().filter(|_| name.starts_with("ORC_")).find(near)
    };
    unknown
        .filter_map(|(name, origin)| {
            slip(name).map(|meant| format!("{name} {origin} is no setting of orc; {} is", meant.env))
        })
        .collect()
}

#[cfg(test)]
mod tests;
