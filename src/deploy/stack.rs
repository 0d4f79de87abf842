//! A project as services of orc: names, labels, modes, and who waits for whom.

use std::collections::BTreeSet;

use super::note::{Fate, Note, Scope};
use super::{
    DeclaredBuild, DeclaredFile, PROJECT, SERVICE, build, cron, file, missing, order, policy, port, task,
};
use crate::compose::service::dependency::Condition;
use crate::compose::service::deploy::Mode;
use crate::compose::{Finding, Project, Service};
use crate::model::service::ServiceName;
use crate::wire::policy::Policy;
use crate::wire::service::{ServiceInput, Wanted};

/// What a project is in orc's words.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The project's name.
    pub project: String,
    /// Those that it has, each behind all that it needs.
    pub services: Vec<Declared>,
    /// Images that are built for them.
    pub builds: Vec<DeclaredBuild>,
    /// Secrets and configs that its services name.
    pub files: Vec<DeclaredFile>,
    /// Services that wait for a profile: neither deployed nor removed.
    pub inactive: BTreeSet<String>,
}

/// A service of a project.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its name in the cluster.
    pub name: ServiceName,
    /// Its name in the project.
    pub of: String,
    /// What the manager is sent.
    pub input: ServiceInput,
    /// The same as the manager will show it, with everything that nobody said.
    pub wanted: Wanted,
    /// What must be before it begins.
    pub needs: Vec<Need>,
}

/// What must be before a service begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Of this service.
    pub service: ServiceName,
    /// What.
    pub condition: Condition,
    /// Whether a failure of it keeps the other from beginning.
    pub required: bool,
}

/// What came of a project.
#[derive(Debug)]
pub struct Translation {
    /// The services; `None` when something is refused.
    pub stack: Option<Stack>,
    /// What orc does not do, by place.
    pub notes: Vec<Note>,
}

/// The services that a project is. `findings` are those of the same reading, and say where things are written.
pub fn translate(project: &Project, findings: &[Finding]) -> Translation {
    let mut notes = Vec::new();
    missing::of_project(project, &mut notes);
    port::collide(project, &mut notes);
    let files = file::declared(project, &mut notes);
    let mut services = Vec::new();
    for name in order::by_need(project) {
        let Some(service) = project.services.get(name) else { continue };
        let mut scope = Scope { service, findings, notes: &mut notes };
        services.extend(declare(project, &mut scope));
    }
    notes.sort();
    notes.dedup();
    let builds = build::declared(project);
    let is_whole = notes.iter().all(|note| note.fate == Fate::Warned);
    let inactive = project.inactive.keys().map(|name| name_of(&project.name, name)).collect();
    let stack = is_whole.then(|| Stack { project: project.name.clone(), services, builds, files, inactive });
    Translation { stack, notes }
}

/// What a service of a project is called in the cluster.
fn name_of(project: &str, service: &str) -> String {
    format!("{project}-{service}")
}

fn declare(project: &Project, scope: &mut Scope<'_>) -> Option<Declared> {
    let service = scope.service;
    missing::of_service(scope);
    build::check(scope);
    let name: ServiceName = match name_of(&project.name, &service.name).parse() {
        Ok(name) => name,
        Err(error) => {
            let says = format!("its name in the cluster begins with the project's: {error}");
            scope.refuse("", says);
            return None;
        }
    };
    let mode = mode(project, scope);
    let mut labels = service.deploy.labels.clone();
    if labels.keys().any(|key| key.starts_with("orc.")) {
        scope.refuse("deploy.labels", "names that begin with `orc.` are orc's own; choose others");
    }
    labels.insert(PROJECT.to_owned(), project.name.clone());
    labels.insert(SERVICE.to_owned(), service.name.clone());
    let mut input = ServiceInput {
        task: task::task(project, scope, &name, mode),
        update: policy::update(service),
        rollback: policy::rollback(service),
        labels,
        ..ServiceInput::default()
    };
    set_mode(&mut input, mode);
    cron::schedule(scope, &mut input);
    port::publish(scope, &mut input);
    // What its operator allows only the manager knows; all else it checks as is done here.
    match input.spec(&name, &Policy::widest()) {
        Ok(spec) => {
            let needs = needs(project, service);
            Some(Declared { wanted: Wanted::from(&spec), name, of: service.name.clone(), input, needs })
        }
        Err(says) => {
            scope.refuse(key_of(&says), says);
            None
        }
    }
}

/// The fields that sentences of the API begin with, and the keys that say them.
const FIELDS: &[(&str, &str)] = &[
    ("Task.Image", "image"),
    ("Task.Env", "environment"),
    ("Task.Labels", "labels"),
    ("Task.CPU", "cpus"),
    ("Task.Memory", "mem_limit"),
    ("Task.Cmd", "command"),
    ("Task.Entrypoint", "entrypoint"),
    ("Task.WorkingDir", "working_dir"),
    ("Task.User", "user"),
    ("Task.StopSignal", "stop_signal"),
    ("Task.StopTimeout", "stop_grace_period"),
    ("Task.Mounts", "volumes"),
    ("Task.Secrets", "secrets"),
    ("Task.Configs", "configs"),
    ("Task.Readiness", "healthcheck"),
    ("Task.Liveness", "healthcheck"),
    ("Task.Placement", "deploy.placement"),
    ("Task.Reserve", "deploy.resources.reservations"),
    ("Task.Restarts", "deploy.restart_policy"),
    ("Task.Networks", "networks"),
    ("Task.Hostname", "hostname"),
    ("Task.CapAdd", "cap_add"),
    ("Task.CapDrop", "cap_drop"),
    ("Task.GroupAdd", "group_add"),
    ("Task.Ulimits", "ulimits"),
    ("Task.PidsLimit", "pids_limit"),
    ("Task.ShmSize", "shm_size"),
    ("Task.Sysctls", "sysctls"),
    ("Task.ExtraHosts", "extra_hosts"),
    ("Task.LogConfig", "logging"),
    ("Ports", "ports"),
    ("Update", "deploy.update_config"),
    ("Rollback", "deploy.rollback_config"),
    ("Replicas", "deploy.replicas"),
    ("Completions", "deploy.replicas"),
    ("Schedule", "x-orc.cron.schedule"),
    ("TimeZone", "x-orc.cron.time_zone"),
];

/// The key of the service that a sentence of the API is about; the service as a whole where none is.
fn key_of(says: &str) -> &'static str {
    FIELDS.iter().find(|(field, _)| says.starts_with(field)).map_or("", |(_, key)| key)
}

/// How many tasks; a service whose end others wait for is a job, whatever its file calls it.
fn mode(project: &Project, scope: &mut Scope<'_>) -> Mode {
    let service = scope.service;
    let waits = |other: &&Service| {
        other
            .depends_on
            .get(&service.name)
            .is_some_and(|need| need.condition == Condition::CompletedSuccessfully)
    };
    match service.deploy.mode {
        mode if service.cron.is_some() => {
            if let Some(other) = project.services.values().find(waits) {
                let says = format!(
                    "`{}` waits for its end, and what runs by the clock never comes to one; let it wait for \
                     `service_started`",
                    other.name
                );
                scope.refuse("x-orc.cron", says);
            }
            mode
        }
        Mode::GlobalJob => {
            scope.refuse(
                "deploy.mode",
                "a job runs so many times, not once on every node; `replicated-job` with `replicas` is possible, and \
                 `global` for what goes on running",
            );
            Mode::GlobalJob
        }
        Mode::Replicated(replicas @ 1..) => match project.services.values().find(waits) {
            Some(other) => {
                let says = format!(
                    "`{}` waits for its end, so it is deployed as a job: it runs to exit code 0 once, and again when \
                     it is changed; `deploy: {{mode: replicated-job}}` says the same",
                    other.name
                );
                let at = service.at.clone();
                scope.tell("deploy.mode", &at, Fate::Warned, says);
                Mode::ReplicatedJob(replicas)
            }
            None => Mode::Replicated(replicas),
        },
        mode => mode,
    }
}

fn set_mode(input: &mut ServiceInput, mode: Mode) {
    let word = match mode {
        Mode::Replicated(replicas) => {
            input.replicas = Some(replicas);
            "replicated"
        }
        Mode::Global => "global",
        Mode::ReplicatedJob(completions) => {
            input.completions = Some(completions);
            "job"
        }
        Mode::GlobalJob => "job",
    };
    input.mode = Some(word.to_owned());
}

/// What it depends on and is deployed. What is not there, and need not be, is passed over.
fn needs(project: &Project, service: &Service) -> Vec<Need> {
    let active = service.depends_on.iter().filter(|(name, _)| project.services.contains_key(*name));
    let need = |(name, dependency): (&String, &crate::compose::service::dependency::Dependency)| {
        let service = name_of(&project.name, name).parse().ok()?;
        Some(Need { service, condition: dependency.condition, required: dependency.required })
    };
    active.filter_map(need).collect()
}
