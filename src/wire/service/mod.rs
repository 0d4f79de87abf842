//! A service in JSON: what a user wants of it, how far it is, and its versions.

mod cron;
mod endpoints;
mod input;
mod port;
mod template;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

pub use self::cron::{CronState, PaceInput, Run};
pub use self::endpoints::Endpoints;
pub use self::input::{PolicyInput, ScaleInput, ServiceInput, SteerInput};
pub use self::port::PortInput;
use super::submission::TaskInput;
use crate::model::service::{
    Mode, Progress, Service as ServiceRow, ServiceSpec, Stage, UpdatePolicy, Version as VersionRow,
};
use crate::model::state::{Desired, State};
use crate::model::task::Task;

/// A service. What a user wants of it comes first, in the form in which it can be sent back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Service {
    /// Unique in the cluster.
    pub name: String,
    /// What is wanted.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// The number of the version that is wanted: also the `ETag`.
    pub version: u64,
    /// Who made that version, in words.
    pub by: String,
    /// Why, in words.
    pub why: String,
    /// The last version that was healthy in every slot; null = none was.
    pub stable: Option<u64>,
    /// How far it is on the way to the wanted version.
    pub rollout: Rollout,
    /// Of the mode cron: when it runs next, and how that went last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<CronState>,
    /// Its tasks that live, and those that hold their slots although they have ended.
    pub tasks: Vec<ServiceTask>,
    /// When it was made; RFC 3339.
    pub created_at: String,
    /// When anything of it changed last; RFC 3339.
    pub updated_at: String,
}

/// What a version of a service asks for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Wanted {
    /// "replicated", "global", "job" or "cron".
    pub mode: String,
    /// Of a replicated one: how many tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Of a job: how many tasks have to exit with 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<u32>,
    /// Of a job: how many run at a time; 0 = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// Of the mode cron: when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Of the mode cron: the time zone of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Of the mode cron: "forbid", "allow" or "replace".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
    /// Of the mode cron: "once", "skip" or "all".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// What each of its tasks is.
    #[serde(serialize_with = "without_nulls")]
    pub task: TaskInput,
    /// Ports that stay, whatever its tasks do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortInput>,
    /// How it goes to a new version.
    pub update: Policy,
    /// How it goes back to an earlier one.
    pub rollback: Policy,
    /// For people and tools.
    pub labels: BTreeMap<String, String>,
}

/// How tasks of one version make room for those of the next.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// Slots that change at a time; 0 = all.
    pub parallelism: u32,
    /// Between the end of one slot's change and the begin of the next, such as "10s".
    pub delay: String,
    /// "start-first" or "stop-first"; left out where nobody said, and two of its tasks then decide by what they share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// A new task counts once it was ready for so long.
    pub monitor: String,
    /// A new task that is not ready after so long has failed.
    pub deadline: String,
    /// The share of the slots whose new tasks may fail, 0 to 1.
    pub max_failure_ratio: f64,
    /// "rollback", "pause" or "continue".
    pub on_failure: String,
    /// So many slots change first, and the others once somebody promotes the version.
    pub canary: u32,
}

/// How far a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Rollout {
    /// "settled", "rolling", "rolling-back", "canary" (waits to be promoted), "paused" or "removing"; of a job "running",
    /// "complete" or "failed"; of the mode cron "scheduled" or "suspended".
    pub state: String,
    /// Why, in words.
    pub message: String,
    /// Slots that it should have.
    pub slots: usize,
    /// Those that are what they should be; of a job: that have run to their end.
    pub done: usize,
    /// Those with a task that gets traffic, of whichever version.
    pub ready: usize,
    /// Those that change.
    pub under_way: usize,
    /// Tasks of the wanted version that failed and are no more.
    pub failures: u32,
}

/// A task of a service, in short; `GET /tasks/{id}` tells all of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceTask {
    /// UUID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Also the container's name.
    pub name: String,
    /// From 1; of a global service the node's name.
    pub slot: String,
    /// The version by whose template it was made.
    pub version: u64,
    /// "pending", "scheduled", "running", "completed", "failed", or "stopping" once it was asked to.
    pub state: String,
    /// Whether it gets traffic.
    pub ready: bool,
    /// Where it was placed; empty while it waits for a place.
    pub node: String,
    /// Why it is as it is, in words.
    pub message: String,
}

/// One version of a service.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    /// From 1.
    pub version: u64,
    /// What it asks for.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// Who made it, in words.
    pub by: String,
    /// Why, in words.
    pub why: String,
    /// When; RFC 3339.
    pub at: String,
    /// The version that it brings back; null = none.
    pub restores: Option<u64>,
    /// Whether it is the last one that was healthy in every slot.
    pub stable: bool,
}

impl Service {
    /// A service as people see it.
    pub fn new(service: &ServiceRow, progress: &Progress, tasks: &[&Task]) -> Self {
        let mut tasks: Vec<ServiceTask> = tasks.iter().copied().filter_map(ServiceTask::new).collect();
        tasks.sort_by(|a, b| (a.slot.len(), &a.slot, a.version).cmp(&(b.slot.len(), &b.slot, b.version)));
        Self {
            name: service.name.to_string(),
            wanted: Wanted::from(&service.wanted().spec),
            version: service.wanted().number,
            by: service.wanted().by.clone(),
            why: service.wanted().why.clone(),
            stable: service.stable,
            rollout: Rollout::new(service, progress, &tasks),
            cron: CronState::of(service),
            tasks,
            created_at: service.created_at.to_rfc3339_nanos(),
            updated_at: service.updated_at.to_rfc3339_nanos(),
        }
    }
}

impl Rollout {
    fn new(service: &ServiceRow, progress: &Progress, tasks: &[ServiceTask]) -> Self {
        let state = rollout_state(service, progress, tasks);
        let waits =
            tasks.iter().find(|task| !task.ready && task.state != "stopping" && !task.message.is_empty());
        let is_on_its_way = matches!(state, "rolling" | "rolling-back" | "running" | "canary");
        let runs = service.wanted().spec.mode.cron().filter(|_| service.desired == Desired::Run);
        let message = match (runs, waits.filter(|_| is_on_its_way)) {
            (Some(cron), _) => cron::in_words(cron, &service.schedule),
            (None, Some(task)) if service.message.is_empty() => format!("{}: {}", task.name, task.message),
            (None, Some(task)) => format!("{}; {}: {}", service.message, task.name, task.message),
            (None, None) => service.message.clone(),
        };
        Self {
            state: state.to_owned(),
            message,
            slots: progress.slots,
            done: progress.done,
            ready: progress.ready,
            under_way: progress.under_way,
            failures: service.failures,
        }
    }
}

fn rollout_state(service: &ServiceRow, progress: &Progress, tasks: &[ServiceTask]) -> &'static str {
    let wanted = service.wanted();
    let is_job = matches!(wanted.spec.mode, Mode::Job(_));
    let has_failed = tasks.iter().any(|task| task.state == State::Failed.word());
    let canary = usize::try_from(service.policy().canary).unwrap_or(usize::MAX);
    match service.stage {
        _ if service.desired == Desired::Stop => "removing",
        _ if service.is_paused && is_job && has_failed => "failed",
        _ if service.is_paused => "paused",
        _ if service.is_settled() => match wanted.spec.mode {
            Mode::Job(_) => "complete",
            Mode::Cron(_) if service.schedule.is_suspended => "suspended",
            Mode::Cron(_) => "scheduled",
            Mode::Replicated(_) | Mode::Global => "settled",
        },
        _ if is_job => "running",
        Stage::Canary if progress.done >= canary.min(progress.slots) => "canary",
        _ if wanted.restores.is_some() => "rolling-back",
        _ => "rolling",
    }
}

impl ServiceTask {
    fn new(task: &Task) -> Option<Self> {
        let membership = task.membership.as_ref()?;
        let is_stopping = task.desired == Desired::Stop && !task.state.is_final();
        Some(Self {
            id: task.id.to_string(),
            name: task.spec.name.clone(),
            slot: membership.slot.to_string(),
            version: membership.version,
            state: if is_stopping { "stopping" } else { task.state.word() }.to_owned(),
            ready: task.is_ready() && !is_stopping,
            node: task.node.as_ref().map(ToString::to_string).unwrap_or_default(),
            message: task.message.clone(),
        })
    }
}

impl Version {
    /// A version of a service as people see it.
    pub fn new(service: &ServiceRow, version: &VersionRow) -> Self {
        Self {
            version: version.number,
            wanted: Wanted::from(&version.spec),
            by: version.by.clone(),
            why: version.why.clone(),
            at: version.at.to_rfc3339_nanos(),
            restores: version.restores,
            stable: service.stable == Some(version.number),
        }
    }
}

impl From<&ServiceSpec> for Wanted {
    fn from(spec: &ServiceSpec) -> Self {
        let (replicas, job) = match spec.mode {
            Mode::Replicated(replicas) => (Some(replicas), None),
            Mode::Global | Mode::Cron(_) => (None, None),
            Mode::Job(job) => (None, Some(job)),
        };
        let cron = spec.mode.cron();
        Self {
            mode: spec.mode.word().to_owned(),
            replicas,
            completions: job.map(|job| job.completions),
            parallelism: job.map(|job| job.parallelism),
            schedule: cron.map(|cron| cron.line.line().to_owned()),
            time_zone: cron.map(|cron| cron.line.zone().to_owned()),
            overlap: cron.map(|cron| cron.overlap.word().to_owned()),
            missed: cron.map(|cron| cron.missed.word().to_owned()),
            task: TaskInput { name: None, ..TaskInput::from(&*spec.task) },
            ports: spec.ports.iter().map(PortInput::from).collect(),
            update: Policy::new(&spec.update),
            rollback: Policy::new(&spec.rollback),
            labels: spec.labels.clone(),
        }
    }
}

impl Policy {
    fn new(policy: &UpdatePolicy) -> Self {
        let text = |duration: Duration| humantime::format_duration(duration).to_string();
        Self {
            parallelism: policy.parallelism,
            delay: text(policy.delay()),
            order: policy.order.map(|order| order.word().to_owned()),
            monitor: text(policy.monitor()),
            deadline: text(policy.deadline()),
            max_failure_ratio: policy.max_failure_ratio,
            on_failure: policy.on_failure.word().to_owned(),
            canary: policy.canary,
        }
    }
}

/// What is not said is left out.
fn without_nulls<S: Serializer>(task: &TaskInput, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(task).map_err(serde::ser::Error::custom)?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value.serialize(serializer)
}
