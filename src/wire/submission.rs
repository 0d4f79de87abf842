//! What a user sends to `POST /tasks`. How it becomes a specification is in `checks`.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::duration::Duration;
use super::file_ref::FileRefInput;
pub use super::mount::{MountInput, TmpfsOptions};
use super::network::Network;
use super::options::{LogConfig, Ulimit};
use super::placement::Placement;
use super::policy::Policy;
use super::probe::Probe;
pub use super::reserve::Reserve;
pub use super::restarts::Restarts;
use crate::model::fingerprint::fingerprint;
use crate::model::id::{RequestId, TaskId};
use crate::model::spec::{Empty, Failover, HostPort, Port, PublishMode, PullPolicy, RestartPolicy, TaskSpec};

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
    /// Whether a small init is process 1, which passes on signals and takes in orphans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Whether its root file system cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readonly_rootfs: Option<bool>,
    /// Its own name for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Capabilities beside the usual nine: those that the operator allowed with `ORC_CAPABILITIES`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_add: Option<Vec<String>>,
    /// Of the usual nine, those that it gives up; "ALL" = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_drop: Option<Vec<String>>,
    /// Groups of its process beside the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_add: Option<Vec<String>>,
    /// Limits of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ulimits: Option<Vec<Ulimit>>,
    /// Processes and threads at once; 512 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    /// Bytes of /dev/shm; 0 or absent = 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<i64>,
    /// Kernel parameters of its own namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctls: Option<BTreeMap<String, String>>,
    /// Names that it knows without asking: "name:address", or "name:host-gateway" for its node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_hosts: Option<Vec<String>>,
    /// Where its output is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_config: Option<LogConfig>,
    /// The networks that it is in; absent = the engine's own bridge, where none finds another by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
    /// What placement keeps for it on its node, where that is not its limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    /// How its restarts follow each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// Secrets that its containers get as files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<FileRefInput>>,
    /// Configs that its containers get as files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configs: Option<Vec<FileRefInput>>,
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

/// What a `TaskEvent` asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Run this.
    Run(Box<TaskSpec>),
    /// Stop this one.
    Stop(TaskId),
}

impl TaskEventInput {
    /// SHA-256 of what is asked, in hexadecimal: the same for any spelling of the same JSON.
    pub fn digest(&self) -> String {
        fingerprint(self)
    }

    /// What is asked, checked. The error is a sentence.
    pub fn wanted(&self, policy: &Policy) -> Result<Wanted, String> {
        match self.state.unwrap_or(2) {
            0..=2 => self.task.spec(policy).map(|spec| Wanted::Run(Box::new(spec))),
            3 => self.task.id.map(Wanted::Stop).ok_or_else(|| {
                "Task.ID is missing: State 3 stops a task, and says by its ID which one".to_owned()
            }),
            state => Err(format!("State is {state}: 1 or 2 ask for the task to run, 3 asks for it to stop")),
        }
    }
}
