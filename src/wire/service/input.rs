//! A service as a user sends it, and how that becomes a specification: every value is checked once, here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as Length;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cron;
use super::port::PortInput;
use super::template;
use crate::model::cron::{Missed, Overlap};
use crate::model::service::{
    Job, Mode, OnFailure, Order, ServiceName, ServicePort, ServiceSpec, UpdatePolicy,
};
use crate::model::spec::RestartPolicy;
use crate::wire::policy::Policy;
use crate::wire::submission::{Duration, TaskInput};

/// More tasks of one service than any cluster of this size runs: a slip of the finger.
const MOST_TASKS: u32 = 10_000;

/// A service as a user sends it. What only orc knows is ignored, so that what GET gave can be changed and sent to PUT.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct ServiceInput {
    /// Unique in the cluster; the names of its tasks begin with it. In a PUT it stands in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// "replicated" (when absent): so many tasks, "global": one on every node that fits, "job": each runs to its end once,
    /// "cron": one at each time that its schedule says, which runs to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Of a replicated one: how many tasks; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Of a job: how many tasks have to exit with 0; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<u32>,
    /// Of a job: how many run at a time; absent or 0 = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// Of the mode cron: when it runs, as in crontab(5), such as "0 3 * * *" or "@daily".
    #[serde(deserialize_with = "cron::line", skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Of the mode cron: the time zone of that, such as "Europe/Berlin"; "UTC" when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Of the mode cron: what becomes of a run while the one before it goes on: "forbid" (when absent): it is left out,
    /// "allow": both run, "replace": the one before is stopped.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// Of the mode cron: what becomes of runs that were due while there was no manager: "once" (when absent): the last of
    /// them is made up for, "skip": none, "all": each.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// What each of its tasks is. Its name and ID are orc's to give.
    pub task: TaskInput,
    /// Ports that every node accepts connections on, for its tasks that are ready: they stay, whatever its tasks do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortInput>,
    /// How it goes to a new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<PolicyInput>,
    /// How it goes back to an earlier one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<PolicyInput>,
    /// For people and tools; containers do not have them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<u64>)]
    pub version: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub by: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub why: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<u64>)]
    pub stable: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<Object>)]
    pub rollout: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<Object>)]
    pub cron: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<Vec<Object>>)]
    pub tasks: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub created_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub updated_at: Option<IgnoredAny>,
}

/// How tasks of one version make room for those of the next; what is absent is as usual.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct PolicyInput {
    /// Slots that change at a time; 0 = all; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// Between the end of one slot's change and the begin of the next, such as "10s"; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// "start-first" or "stop-first"; absent = the first, unless two of its tasks cannot run beside each other.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// A new task counts once it was ready for so long; "5s" when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor: Option<Duration>,
    /// A new task that is not ready after so long has failed; "10m" when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// The share of the slots whose new tasks may fail, 0 to 1; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failure_ratio: Option<f64>,
    /// "rollback" (when absent), "pause" or "continue".
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// So many slots change first, and the others once somebody promotes the version; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<u32>,
}

/// How many tasks a service should have.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ScaleInput {
    /// How many.
    pub replicas: u32,
}

/// How a rollout should go on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SteerInput {
    /// "pause", "resume" or "promote".
    pub action: String,
}

impl ServiceInput {
    /// Its name, which may stand in the path of the request too.
    pub fn checked_name(&self, path: Option<&ServiceName>) -> Result<ServiceName, String> {
        match (self.name.as_deref(), path) {
            (None | Some(""), None) => {
                Err("Name is missing: it is the service's, such as \"web\"".to_owned())
            }
            (None | Some(""), Some(path)) => Ok(path.clone()),
            (Some(name), Some(path)) if name != path.as_str() => Err(format!(
                "Name is {name:?}, and the path says {path}: a service keeps its name. Leave Name out, or make another service"
            )),
            (Some(name), _) => name.parse().map_err(|error| format!("Name: {error}")),
        }
    }

    /// The specification that it asks for, every value checked; the error is a sentence that names the field.
    pub fn spec(&self, name: &ServiceName, policy: &Policy) -> Result<ServiceSpec, String> {
        let mode = self.checked_mode()?;
        let mut task = self.task.clone();
        if task.id.is_some() {
            return Err("Task.ID is given: orc gives each task of a service its own".to_owned());
        }
        if let Some(own) = task.name.as_deref().filter(|own| !own.is_empty() && *own != name.as_str()) {
            return Err(format!(
                "Task.Name is {own:?}: the tasks of a service are called after it, such as \"{name}.1.v1\"; leave it out"
            ));
        }
        task.name = Some(name.to_string());
        let keeps_running = !matches!(mode, Mode::Job(_) | Mode::Cron(_));
        if keeps_running && task.restart_policy.unwrap_or_default() == RestartPolicy::Unset {
            task.restart_policy = Some(RestartPolicy::Always);
        }
        if !keeps_running && task.restart_policy.is_some_and(RestartPolicy::restarts_after_success) {
            return Err(
                "Task.RestartPolicy starts a task again that has exited with 0, and a job or a run is over then: \"no\", \"on-failure\" \
                 and \"on-failure:5\" are possible"
                    .to_owned(),
            );
        }
        let update = checked_policy("Update", self.update.as_ref())?;
        let rollback = checked_policy("Rollback", self.rollback.as_ref())?;
        let ports = self.checked_ports()?;
        let task = Arc::new(template::spec(&task, name, policy)?);
        Ok(ServiceSpec { mode, task, ports, update, rollback, labels: self.labels.clone() })
    }

    fn checked_ports(&self) -> Result<Vec<ServicePort>, String> {
        let ports = self.ports.iter().enumerate();
        let ports = ports.map(|(index, port)| port.checked(&format!("Ports[{index}]")));
        let ports: Vec<ServicePort> = ports.collect::<Result<_, _>>()?;
        let twice = |(index, port): &(usize, &ServicePort)| {
            ports[..*index].iter().any(|other| other.published == port.published)
        };
        match ports.iter().enumerate().find(twice) {
            Some((index, port)) => Err(format!(
                "Ports[{index}]: {} is published twice, and once is all that can be",
                port.published
            )),
            None => Ok(ports),
        }
    }

    fn checked_mode(&self) -> Result<Mode, String> {
        let mode = self.mode.as_deref().unwrap_or("replicated");
        let of_other = |field: &str, given: Option<u32>| {
            given.map_or(Ok(()), |given| {
                Err(format!("{field} is {given}: a service of the mode {mode} has no such field"))
            })
        };
        if mode != "replicated" {
            of_other("Replicas", self.replicas)?;
        }
        if mode != "job" {
            of_other("Completions", self.completions)?;
            of_other("Parallelism", self.parallelism)?;
        }
        if mode != "cron" {
            self.refuse_cron(mode)?;
        }
        match mode {
            "replicated" => Ok(Mode::Replicated(count("Replicas", self.replicas, 0)?)),
            "global" => Ok(Mode::Global),
            "job" => Ok(Mode::Job(Job {
                completions: count("Completions", self.completions, 1)?,
                parallelism: self.parallelism.unwrap_or_default(),
            })),
            "cron" => self.checked_cron(),
            _ => {
                let shown: String = mode.chars().take(32).collect();
                Err(format!(
                    "Mode is {shown:?}: \"replicated\", \"global\", \"job\" and \"cron\" are possible"
                ))
            }
        }
    }
}

/// A number of tasks; 1 when absent.
pub(super) fn count(field: &str, given: Option<u32>, least: u32) -> Result<u32, String> {
    match given.unwrap_or(1) {
        given if (least..=MOST_TASKS).contains(&given) => Ok(given),
        given => Err(format!("{field} is {given}: from {least} to {MOST_TASKS} is possible")),
    }
}

fn checked_policy(place: &str, input: Option<&PolicyInput>) -> Result<UpdatePolicy, String> {
    const MOST: Length = Length::from_hours(7 * 24);
    let usual = UpdatePolicy::default();
    let Some(input) = input else { return Ok(usual) };
    let millis = |field: &str, given: Option<Duration>, usual: u64| {
        let given = given.map_or(Length::from_millis(usual), |given| given.0);
        if given > MOST {
            let given = humantime::format_duration(given);
            return Err(format!("{place}.{field} is {given}: a week is the most"));
        }
        Ok(u64::try_from(given.as_millis()).unwrap_or(usual))
    };
    let ratio = input.max_failure_ratio.unwrap_or(usual.max_failure_ratio);
    if !(0.0..=1.0).contains(&ratio) {
        return Err(format!("{place}.MaxFailureRatio is {ratio}: a share from 0 to 1 is possible"));
    }
    let policy = UpdatePolicy {
        parallelism: input.parallelism.unwrap_or(usual.parallelism),
        delay_ms: millis("Delay", input.delay, usual.delay_ms)?,
        order: input.order,
        monitor_ms: millis("Monitor", input.monitor, usual.monitor_ms)?,
        deadline_ms: millis("Deadline", input.deadline, usual.deadline_ms)?,
        max_failure_ratio: ratio,
        on_failure: input.on_failure.unwrap_or(usual.on_failure),
        canary: input.canary.unwrap_or(usual.canary),
    };
    if policy.deadline_ms == 0 {
        return Err(format!("{place}.Deadline is 0: no task would be ready in time; \"10m\" is usual"));
    }
    Ok(policy)
}

impl ScaleInput {
    /// The number, checked.
    pub fn checked(&self) -> Result<u32, String> {
        count("Replicas", Some(self.replicas), 0)
    }
}
