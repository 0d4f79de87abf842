//! What deploying a stack would change, service by service and field by field.

use serde::Serialize;

pub use super::difference::Field;
use super::file::FileStep;
use super::stack::{Declared, Stack};
use super::{PROJECT, SERVICE, difference};
use crate::wire::policy::Policy;
use crate::wire::service::{Service, ServiceInput, ServiceTask, Wanted};
use crate::wire::submission::TaskInput;

/// What deploying would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Plan {
    /// The project.
    pub project: String,
    /// Its services in the order in which they are applied, then those that its files do not have.
    pub services: Vec<Step>,
    /// Its secrets and configs that would be made or changed, before its services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileStep>,
}

/// What would be done with a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Step {
    /// Its name in the cluster.
    pub name: String,
    /// Its name in the project.
    pub service: String,
    /// What would be done.
    pub action: Action,
    /// The version that it has now, on which all this is based; null = there is none.
    pub version: Option<u64>,
    /// What would differ.
    pub fields: Vec<Field>,
    /// What would become of its tasks.
    pub tasks: Tasks,
}

/// What would be done with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// There is none of that name.
    Create,
    /// It is not as the files say.
    Change,
    /// It is.
    Unchanged,
    /// The files do not have it, and it was asked that such be removed.
    Remove,
    /// The files do not have it, and it stays.
    LeftOver,
    /// It waits for a profile that is not active, and stays.
    Inactive,
}

/// What would become of the tasks of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tasks {
    /// Names of those that others follow.
    pub replaced: Vec<String>,
    /// Names of those that stay.
    pub kept: Vec<String>,
    /// Names of those that end, and no other follows.
    pub stopped: Vec<String>,
    /// How many begin beside them; null = as many as nodes fit.
    pub added: Option<u32>,
}

impl Plan {
    /// Whether there is anything to do.
    pub fn changes(&self) -> bool {
        !self.files.is_empty() || self.services.iter().any(|step| step.action.changes())
    }

    /// How many services there are of an action.
    pub fn count(&self, action: Action) -> usize {
        self.services.iter().filter(|step| step.action == action).count()
    }
}

impl Action {
    /// Whether it does anything.
    pub const fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Change | Self::Remove)
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Unchanged => "unchanged",
            Self::Remove => "remove",
            Self::LeftOver => "left over",
            Self::Inactive => "inactive",
        }
    }
}

/// What makes `services`, which are all that there are, be as the stack says. The error has a sentence for each service
/// whose name another project, or nobody's, has.
pub fn plan(stack: &Stack, services: &[Service], prunes: bool) -> Result<Plan, Vec<String>> {
    let is_ours = |service: &&Service| service.wanted.labels.get(PROJECT) == Some(&stack.project);
    let mut steps = Vec::new();
    let mut foreign = Vec::new();
    for declared in &stack.services {
        let present = services.iter().find(|service| service.name == declared.name.as_str());
        match present.filter(|service| service.rollout.state != "removing") {
            Some(service) if !is_ours(&service) => foreign.push(not_ours(declared, service, &stack.project)),
            Some(service) => steps.push(changed(declared, service)),
            None => steps.push(created(declared)),
        }
    }
    if !foreign.is_empty() {
        return Err(foreign);
    }
    let is_declared =
        |service: &Service| stack.services.iter().any(|known| known.name.as_str() == service.name);
    for service in services.iter().filter(is_ours).filter(|service| !is_declared(service)) {
        if service.rollout.state == "removing" {
            continue;
        }
        let action = match stack.inactive.contains(&service.name) {
            true => Action::Inactive,
            false if prunes => Action::Remove,
            false => Action::LeftOver,
        };
        steps.push(undeclared(service, action));
    }
    Ok(Plan { project: stack.project.clone(), services: steps, files: Vec::new() })
}

fn not_ours(declared: &Declared, service: &Service, project: &str) -> String {
    let name = &declared.name;
    let whose = match service.wanted.labels.get(PROJECT) {
        Some(other) => format!("belongs to the project {other}"),
        None => "belongs to no project".to_owned(),
    };
    format!(
        "{name} is there already and {whose}: `{}` of {project} would take it over; call the project or the service \
         otherwise, or remove it with `orc service rm {name}`",
        declared.of
    )
}

fn created(declared: &Declared) -> Step {
    let fields = usual().map_or_else(Vec::new, |usual| difference::all(&declared.wanted, &usual));
    let tasks = Tasks { added: count(&declared.wanted), ..Tasks::default() };
    Step {
        name: declared.name.to_string(),
        service: declared.of.clone(),
        action: Action::Create,
        version: None,
        fields: without_own_labels(fields),
        tasks,
    }
}

/// They say what stands beside them anyhow.
fn without_own_labels(mut fields: Vec<Field>) -> Vec<Field> {
    let own = [PROJECT, SERVICE].map(|label| format!("Labels.{label}"));
    fields.retain(|field| !own.contains(&field.path));
    fields
}

/// A service of which nothing is said.
fn usual() -> Option<Wanted> {
    let task = TaskInput { image: Some("image".to_owned()), ..TaskInput::default() };
    let input = ServiceInput { task, ..ServiceInput::default() };
    let spec = input.spec(&"usual".parse().ok()?, &Policy::default()).ok()?;
    Some(Wanted::from(&spec))
}

fn changed(declared: &Declared, service: &Service) -> Step {
    let fields = difference::fields(&service.wanted, &declared.wanted);
    let action = if fields.is_empty() { Action::Unchanged } else { Action::Change };
    let is_of_tasks = |field: &Field| field.path.starts_with("Task.") || field.path == "Mode";
    let is_new = fields.iter().any(is_of_tasks) || targets(&service.wanted) != targets(&declared.wanted);
    Step {
        name: declared.name.to_string(),
        service: declared.of.clone(),
        action,
        version: Some(service.version),
        tasks: fate(service, &declared.wanted, is_new),
        fields,
    }
}

fn undeclared(service: &Service, action: Action) -> Step {
    let names = live(service).map(|task| task.name.clone()).collect();
    let tasks = match action {
        Action::Remove => Tasks { stopped: names, added: Some(0), ..Tasks::default() },
        _ => Tasks { kept: names, added: Some(0), ..Tasks::default() },
    };
    let of = service.wanted.labels.get(SERVICE).unwrap_or(&service.name);
    Step {
        name: service.name.clone(),
        service: of.clone(),
        action,
        version: Some(service.version),
        fields: Vec::new(),
        tasks,
    }
}

/// Ports of its containers that its own lead to: tasks are made with them.
fn targets(wanted: &Wanted) -> Vec<(u16, Option<&str>)> {
    let mut targets: Vec<_> =
        wanted.ports.iter().map(|port| (port.target, port.protocol.as_deref())).collect();
    targets.sort_unstable();
    targets
}

/// How many tasks a service should have at once; `None` = one on every node that fits.
fn count(wanted: &Wanted) -> Option<u32> {
    let by_clock = is_by_clock(wanted).then_some(0);
    wanted.replicas.or(wanted.completions).or(by_clock)
}

fn is_by_clock(wanted: &Wanted) -> bool {
    wanted.mode == "cron"
}

fn live(service: &Service) -> impl Iterator<Item = &ServiceTask> {
    let is_over = |task: &&ServiceTask| matches!(task.state.as_str(), "stopping" | "completed" | "failed");
    service.tasks.iter().filter(move |task| !is_over(task))
}

fn fate(service: &Service, wanted: &Wanted, is_new: bool) -> Tasks {
    if is_by_clock(&service.wanted) && is_by_clock(wanted) {
        // Runs that go on are let alone, and the next ones are as it says now.
        let kept = live(service).map(|task| task.name.clone()).collect();
        return Tasks { kept, added: Some(0), ..Tasks::default() };
    }
    let most = count(wanted);
    let stays = |task: &&ServiceTask| {
        let slot: Option<u32> = task.slot.parse().ok();
        match (most, slot) {
            (Some(most), Some(slot)) => slot <= most,
            (Some(_), None) => false,
            (None, slot) => slot.is_none(),
        }
    };
    let (staying, leaving): (Vec<_>, Vec<_>) = live(service).partition(stays);
    let names = |tasks: Vec<&ServiceTask>| tasks.into_iter().map(|task| task.name.clone()).collect();
    let before = u32::try_from(staying.len()).unwrap_or(u32::MAX);
    let has_ended = service.rollout.state == "complete" && !is_new;
    let added = most.map(|most| if has_ended { 0 } else { most.saturating_sub(before) });
    let (replaced, kept) = if is_new { (names(staying), Vec::new()) } else { (Vec::new(), names(staying)) };
    Tasks { replaced, kept, stopped: names(leaving), added }
}
