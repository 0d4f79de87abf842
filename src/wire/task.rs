//! A task in JSON, field by field and in the order that the users of the seed know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::file_ref::FileRefInput;
pub use super::mount::Mount;
use super::options::Options;
use super::placement::Placement;
use super::probe::Probe;
use super::submission::{Reserve, Restarts};
use crate::model::spec::{HealthCheck, RestartPolicy, TaskSpec};
use crate::model::state::{Desired, Health, State};
use crate::model::task::{HostPorts, Task as TaskRow};
use crate::model::time::Timestamp;

/// The header that says where the next page of a list begins.
pub const NEXT_CURSOR: &str = "x-next-cursor";

/// A request of a user about a task, as it is answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TaskEvent {
    /// UUID of the event: the key of idempotency.
    #[serde(rename = "ID")]
    pub id: String,
    /// What is wanted: 1 or 2 run it, 3 stop it.
    pub state: i8,
    /// RFC 3339.
    pub requested_at: String,
    /// The task as stored.
    pub task: Task,
}

/// A task, and all that is known of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    /// UUID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Docker's ID of its container; empty when there is none.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// Also the container's name.
    pub name: String,
    /// 0 pending, 1 scheduled, 2 running, 3 completed, -1 failed.
    pub state: i8,
    /// Image reference.
    pub image: String,
    /// Cores; 0 = unlimited.
    #[serde(rename = "CPU")]
    pub cpu: f64,
    /// Bytes; 0 = unlimited.
    pub memory: u64,
    /// Bytes, for placement; 0 = unlimited.
    pub disk: u64,
    /// Container ports that are published on random host ports.
    #[schema(value_type = Option<BTreeMap<String, Object>>)]
    pub exposed_ports: Option<BTreeMap<String, crate::model::spec::Empty>>,
    /// Wanted host ports; exact only with `PublishMode` "host".
    pub port_bindings: Option<BTreeMap<String, String>>,
    /// "" (on failure, up to 3 times), "no", "on-failure" or "on-failure:5", "always", "unless-stopped".
    pub restart_policy: String,
    /// When its last container started; RFC 3339.
    pub starts_at: Option<String>,
    /// When its last container ended; RFC 3339.
    pub finished_at: Option<String>,
    /// When it was accepted; RFC 3339.
    pub created_at: String,
    /// When anything of it changed last; RFC 3339.
    pub updated_at: String,
    /// Path of an HTTP GET on the first published port, of readiness and liveness in one; empty = no check.
    pub health_check: String,
    /// How many attempts followed another.
    pub restart_count: u32,
    /// Published ports as Docker reports them.
    #[schema(value_type = Option<BTreeMap<String, Vec<HostBinding>>>)]
    pub host_ports: Option<HostPorts>,
    /// Arguments, in place of the image's.
    pub cmd: Option<Vec<String>>,
    /// Program, in place of the image's.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value` lines.
    pub env: Vec<String>,
    /// Directory to start in.
    pub working_dir: String,
    /// User to run as.
    pub user: String,
    /// The user's own labels.
    pub labels: BTreeMap<String, String>,
    /// Signal that asks it to stop.
    pub stop_signal: String,
    /// Seconds between that signal and SIGKILL.
    pub stop_timeout: Option<u32>,
    /// "random" or "host".
    pub publish_mode: String,
    /// "missing", "always" or "never".
    pub pull_policy: String,
    /// File systems to mount.
    pub mounts: Vec<Mount>,
    /// Between two health checks, nanoseconds.
    pub interval: u64,
    /// For the answer of a health check, nanoseconds.
    pub timeout: u64,
    /// Failed health checks in a row that make it unhealthy.
    pub retries: u32,
    /// After its start, failed health checks do not count for so long, nanoseconds.
    pub start_period: u64,
    /// Which nodes it may be on; null when any will do.
    pub placement: Option<Placement>,
    /// What becomes of it when its node is not heard of: "available" runs elsewhere soon, "single" only once its node
    /// has stopped it.
    #[serde(default)]
    pub failover: String,
    /// Whether it gets traffic and counts in a rollout; null where nothing but `HealthCheck` says so.
    #[serde(default)]
    pub readiness: Option<Probe>,
    /// Whether it goes on or is restarted; null likewise.
    #[serde(default)]
    pub liveness: Option<Probe>,
    /// What it asks of its container beside that.
    #[serde(flatten)]
    pub options: Options,
    /// What placement keeps for it on its node; left out where that is its limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    /// How its restarts follow each other; left out where that is as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// Secrets that its containers get as files, each with its version; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<FileRefInput>,
    /// Configs, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<FileRefInput>,
    /// The service that it belongs to; left out of one that was posted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its place there: from 1, or the node's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Where it was placed; empty while it waits for a place.
    pub node: String,
    /// Which try it is at, from 1; 0 = none yet.
    pub attempt: u32,
    /// Of the last attempt that ended.
    pub exit_code: Option<i64>,
    /// "none", "starting", "healthy" or "unhealthy".
    pub health: String,
    /// Whether it gets traffic: it runs, is not being stopped, and nothing says that it is not ready.
    #[serde(default)]
    pub ready: bool,
    /// Since when without a break; RFC 3339.
    #[serde(default)]
    pub ready_since: Option<String>,
    /// Why a running task is not ready, in words; empty when it is.
    #[serde(default)]
    pub not_ready: String,
    /// Why it is as it is, in words.
    pub message: String,
}

/// One address of the host at which a container's port can be reached.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct HostBinding {
    /// `0.0.0.0` or `::` for all of its addresses.
    pub host_ip: String,
    /// The port, as text.
    pub host_port: String,
}

/// A state as the users of the seed know it.
pub const fn state_number(state: State) -> i8 {
    match state {
        State::Pending => 0,
        State::Scheduled => 1,
        State::Running => 2,
        State::Completed => 3,
        State::Failed => -1,
    }
}

/// The state with a number; 4 is the book's number for failed.
pub const fn state_of_number(number: i64) -> Option<State> {
    Some(match number {
        0 => State::Pending,
        1 => State::Scheduled,
        2 => State::Running,
        3 => State::Completed,
        -1 | 4 => State::Failed,
        _ => return None,
    })
}

impl From<&TaskRow> for Task {
    fn from(task: &TaskRow) -> Self {
        let spec: &TaskSpec = &task.spec;
        let seen = &task.observed;
        let check = spec.health_check.as_ref();
        Self {
            id: task.id.to_string(),
            container_id: seen.container.as_ref().map(ToString::to_string).unwrap_or_default(),
            name: spec.name.clone(),
            state: state_number(task.state),
            image: spec.image.clone(),
            cpu: spec.cpu,
            memory: spec.memory,
            disk: spec.disk,
            exposed_ports: spec.exposed_ports.as_ref().map(by_text),
            port_bindings: spec.port_bindings.as_ref().map(|ports| {
                ports.iter().map(|(port, host)| (port.to_string(), host.0.to_string())).collect()
            }),
            restart_policy: RestartPolicy::into(spec.restart_policy),
            starts_at: seen.started_at.map(Timestamp::to_rfc3339_nanos),
            finished_at: seen.finished_at.map(Timestamp::to_rfc3339_nanos),
            created_at: task.created_at.to_rfc3339_nanos(),
            updated_at: task.updated_at.to_rfc3339_nanos(),
            health_check: check.map(|check| check.path.clone()).unwrap_or_default(),
            restart_count: seen.restarts,
            host_ports: seen.host_ports.clone(),
            cmd: spec.cmd.clone(),
            entrypoint: spec.entrypoint.clone(),
            env: spec.env.clone(),
            working_dir: spec.working_dir.clone(),
            user: spec.user.clone(),
            labels: spec.labels.clone(),
            stop_signal: spec.stop_signal.clone(),
            stop_timeout: spec.stop_timeout,
            publish_mode: spec.publish_mode.word().to_owned(),
            pull_policy: spec.pull_policy.word().to_owned(),
            mounts: spec.mounts.iter().map(Mount::from).collect(),
            interval: check.map_or(0, |check| nanos(check.interval_ms)),
            timeout: check.map_or(0, |check| nanos(check.timeout_ms)),
            retries: check.map_or(0, |check: &HealthCheck| check.retries),
            start_period: check.map_or(0, |check| nanos(check.start_period_ms)),
            placement: Some(&spec.placement).filter(|rules| !rules.is_empty()).map(Placement::from),
            failover: spec.failover.word().to_owned(),
            readiness: spec.readiness.as_ref().map(Probe::from),
            liveness: spec.liveness.as_ref().map(Probe::from),
            options: Options::from(spec.options()),
            reserve: spec.reserve.as_ref().map(Reserve::from),
            restarts: Some(Restarts::from(&spec.restarts)).filter(|pace| *pace != Restarts::default()),
            secrets: spec.secrets.iter().map(FileRefInput::from).collect(),
            configs: spec.configs.iter().map(FileRefInput::from).collect(),
            service: task.membership.as_ref().map(|membership| membership.service.to_string()),
            slot: task.membership.as_ref().map(|membership| membership.slot.to_string()),
            node: task.node.as_ref().map(ToString::to_string).unwrap_or_default(),
            attempt: seen.attempt,
            exit_code: seen.exit_code,
            health: Health::word(seen.health).to_owned(),
            ready: task.is_ready(),
            ready_since: task.ready_at.filter(|_| task.is_ready()).map(Timestamp::to_rfc3339_nanos),
            not_ready: why_not_ready(task),
            message: task.message.clone(),
        }
    }
}

fn why_not_ready(task: &TaskRow) -> String {
    match &task.observed.ready {
        _ if task.is_ready() || task.state != State::Running => String::new(),
        _ if task.desired == Desired::Stop => "is being stopped on request".to_owned(),
        Some(ready) => ready.why_not().unwrap_or_default().to_owned(),
        None => "its worker has not said whether it is".to_owned(),
    }
}

fn by_text<V: Copy>(ports: &BTreeMap<crate::model::spec::Port, V>) -> BTreeMap<String, V> {
    ports.iter().map(|(port, value)| (port.to_string(), *value)).collect()
}

const fn nanos(millis: u64) -> u64 {
    millis.saturating_mul(1_000_000)
}
