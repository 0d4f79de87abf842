//! What a user sends to `POST /tasks`. How it becomes a specification is in `checks`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::placement::Placement;
use super::probe::Probe;
use crate::model::fingerprint::fingerprint;
use crate::model::id::{RequestId, TaskId};
use crate::model::spec::{
    Empty, Failover, HostPort, Mount, MountKind, Port, PublishMode, PullPolicy, RestartPolicy, TaskSpec,
};

/// A `TaskEvent` as a user sends it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TaskEventInput {
    /// UUID; made by orc when absent. The same event sent twice is one task.
    #[serde(rename = "ID", default)]
    #[schema(value_type = Option<String>)]
    pub id: Option<RequestId>,
    /// What is wanted: 1 or 2 (or nothing) run it, 3 stop it.
    #[serde(default)]
    pub state: Option<i64>,
    /// RFC 3339; now when absent.
    #[serde(default)]
    pub requested_at: Option<String>,
    /// The task.
    #[serde(default)]
    pub task: TaskInput,
}

/// A task as a user sends it. What only orc knows is ignored, so that what GET gave can be sent to POST.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct TaskInput {
    /// UUID; made by orc when absent.
    #[serde(rename = "ID")]
    #[schema(value_type = Option<String>)]
    pub id: Option<TaskId>,
    /// Unique among live tasks; also the container's name.
    pub name: Option<String>,
    /// Ignored: orc finds it out.
    pub state: Option<i64>,
    /// Image reference.
    pub image: Option<String>,
    /// Cores; 0 = unlimited.
    #[serde(rename = "CPU")]
    pub cpu: Option<f64>,
    /// Bytes; 0 = unlimited.
    pub memory: Option<i64>,
    /// Bytes, for placement; 0 = unlimited.
    pub disk: Option<i64>,
    /// `{"7777/tcp": {}}`
    #[schema(value_type = Option<BTreeMap<String, Object>>)]
    pub exposed_ports: Option<BTreeMap<Port, Empty>>,
    /// `{"7777/tcp": "7777"}`
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub port_bindings: Option<BTreeMap<Port, HostPort>>,
    /// "", "no", "on-failure" or "on-failure:5", "always", "unless-stopped"
    #[schema(value_type = Option<String>)]
    pub restart_policy: Option<RestartPolicy>,
    /// Path of an HTTP GET on the first published port: readiness and liveness in one.
    pub health_check: Option<String>,
    /// Between two health checks: nanoseconds, or a text such as "10s".
    pub interval: Option<Duration>,
    /// For the answer of a health check: nanoseconds, or a text such as "5s".
    pub timeout: Option<Duration>,
    /// Failed health checks in a row that make it unhealthy; 0 or absent = 3.
    pub retries: Option<u32>,
    /// Grace after its start: nanoseconds, or a text such as "30s".
    pub start_period: Option<Duration>,
    /// Arguments.
    pub cmd: Option<Vec<String>>,
    /// Program.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value` lines.
    pub env: Option<Vec<String>>,
    /// Directory to start in.
    pub working_dir: Option<String>,
    /// User to run as.
    pub user: Option<String>,
    /// Labels of the container.
    pub labels: Option<BTreeMap<String, String>>,
    /// Signal that asks it to stop.
    pub stop_signal: Option<String>,
    /// Seconds between that signal and SIGKILL.
    pub stop_timeout: Option<u32>,
    /// "random" or "host"
    #[schema(value_type = Option<String>)]
    pub publish_mode: Option<PublishMode>,
    /// "missing", "always" or "never"
    #[schema(value_type = Option<String>)]
    pub pull_policy: Option<PullPolicy>,
    /// File systems to mount.
    pub mounts: Option<Vec<MountInput>>,
    /// Which nodes it may be on. Left out of the digest when absent, so that requests from before there was such a
    /// field are known again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// When its node is not heard of: "available" runs it elsewhere soon, "single" only once its node has stopped it
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<Failover>,
    /// Whether it gets traffic and counts in a rollout; never restarts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
    /// Whether it goes on, or is restarted as its restart policy says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
    /// Ignored.
    #[serde(rename = "ContainerID", skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub container_id: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub starts_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub finished_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub created_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub updated_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<u32>)]
    pub restart_count: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<Object>)]
    pub host_ports: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub service: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub slot: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub node: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<u32>)]
    pub attempt: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<i64>)]
    pub exit_code: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub health: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<bool>)]
    pub ready: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub ready_since: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub not_ready: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub message: Option<IgnoredAny>,
}

/// As a user would send it: what is as usual is not said.
impl From<&TaskSpec> for TaskInput {
    fn from(spec: &TaskSpec) -> Self {
        let check = spec.health_check.as_ref();
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        let millis = |millis: u64| Duration(std::time::Duration::from_millis(millis));
        let bytes = |bytes: u64| (bytes > 0).then(|| i64::try_from(bytes).unwrap_or(i64::MAX));
        let mount = |mount: &Mount| MountInput {
            kind: Some(mount.kind),
            source: mount.source.clone(),
            target: mount.target.clone(),
            read_only: mount.read_only,
        };
        let mounts: Vec<MountInput> = spec.mounts.iter().map(mount).collect();
        Self {
            name: Some(spec.name.clone()),
            image: Some(spec.image.clone()),
            cpu: (spec.cpu > 0.0).then_some(spec.cpu),
            memory: bytes(spec.memory),
            disk: bytes(spec.disk),
            exposed_ports: spec.exposed_ports.clone(),
            port_bindings: spec.port_bindings.clone(),
            restart_policy: Some(spec.restart_policy),
            health_check: check.map(|check| check.path.clone()),
            interval: check.map(|check| millis(check.interval_ms)),
            timeout: check.map(|check| millis(check.timeout_ms)),
            retries: check.map(|check| check.retries),
            start_period: check.map(|check| millis(check.start_period_ms)),
            cmd: spec.cmd.clone(),
            entrypoint: spec.entrypoint.clone(),
            env: (!spec.env.is_empty()).then(|| spec.env.clone()),
            working_dir: said(&spec.working_dir),
            user: said(&spec.user),
            labels: (!spec.labels.is_empty()).then(|| spec.labels.clone()),
            stop_signal: said(&spec.stop_signal),
            stop_timeout: spec.stop_timeout,
            publish_mode: (spec.publish_mode != PublishMode::default()).then_some(spec.publish_mode),
            pull_policy: (spec.pull_policy != PullPolicy::default()).then_some(spec.pull_policy),
            mounts: (!mounts.is_empty()).then_some(mounts),
            placement: Some(&spec.placement).filter(|rules| !rules.is_empty()).map(Placement::from),
            failover: (spec.failover != Failover::default()).then_some(spec.failover),
            ..Self::default()
        }
    }
}

/// A mount as a user sends it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MountInput {
    /// "volume" (when absent), "bind" or "tmpfs".
    #[serde(rename = "Type", default)]
    #[schema(value_type = Option<String>)]
    pub kind: Option<MountKind>,
    /// Volume name or host path.
    #[serde(default)]
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may only read.
    #[serde(default)]
    pub read_only: bool,
}

/// A length of time: nanoseconds as in the Docker Engine API, or a text such as "10s".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "DurationText", into = "u64")]
#[schema(value_type = u64)]
pub struct Duration(pub std::time::Duration);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a length of time: whole nanoseconds, or a text such as \"10s\"")]
enum DurationText {
    Nanos(u64),
    Text(String),
}

impl TryFrom<DurationText> for Duration {
    type Error = String;

    fn try_from(text: DurationText) -> Result<Self, String> {
        match text {
            DurationText::Nanos(nanos) => Ok(Self(std::time::Duration::from_nanos(nanos))),
            DurationText::Text(text) => humantime::parse_duration(&text).map(Self).map_err(|error| {
                format!("{text:?} is no length of time, such as \"10s\" or \"1m 30s\": {error}")
            }),
        }
    }
}

impl From<Duration> for u64 {
    fn from(duration: Duration) -> Self {
        Self::try_from(duration.0.as_nanos()).unwrap_or(Self::MAX)
    }
}

/// What a `TaskEvent` asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Run this.
    Run(Box<TaskSpec>),
    /// Stop this one.
    Stop(TaskId),
}

/// Where bind mounts may come from: the setting `ORC_BIND_MOUNTS`.
#[derive(Debug, Clone, Default)]
pub struct BindRoots(pub Vec<PathBuf>);

impl TaskEventInput {
    /// SHA-256 of what is asked, in hexadecimal: the same for any spelling of the same JSON.
    pub fn digest(&self) -> String {
        fingerprint(self)
    }

    /// What is asked, checked. The error is a sentence.
    pub fn wanted(&self, roots: &BindRoots) -> Result<Wanted, String> {
        match self.state.unwrap_or(2) {
            0..=2 => self.task.spec(roots).map(|spec| Wanted::Run(Box::new(spec))),
            3 => self.task.id.map(Wanted::Stop).ok_or_else(|| {
                "Task.ID is missing: State 3 stops a task, and says by its ID which one".to_owned()
            }),
            state => Err(format!("State is {state}: 1 or 2 ask for the task to run, 3 asks for it to stop")),
        }
    }
}
