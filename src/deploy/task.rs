//! What each container of a service is.

use std::time::Duration;

use super::note::Scope;
use super::{container, health, mount, placement};
use crate::compose::service::PullPolicy;
use crate::compose::service::deploy::Mode;
use crate::compose::service::restart::RestartCondition;
use crate::compose::{Project, Service};
use crate::model::service::ServiceName;
use crate::model::spec::{PullPolicy as TaskPullPolicy, RestartPolicy};
use crate::wire::submission::TaskInput;

/// The task of a service of this name.
pub(super) fn task(project: &Project, scope: &mut Scope<'_>, name: &ServiceName, mode: Mode) -> TaskInput {
    let service = scope.service;
    let process = &service.process;
    let some = |list: &Option<Vec<String>>| list.clone().filter(|words| !words.is_empty());
    let env: Vec<String> =
        service.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut task = TaskInput {
        image: image(scope),
        pull_policy: pull_policy(service),
        restart_policy: restart(scope, mode),
        cmd: some(&process.command),
        entrypoint: some(&process.entrypoint),
        env: (!env.is_empty()).then_some(env),
        working_dir: process.working_dir.clone(),
        user: process.user.clone(),
        labels: (!service.labels.is_empty()).then(|| service.labels.clone()),
        stop_signal: process.stop_signal.clone(),
        stop_timeout: process.stop_grace_period.map(whole_seconds),
        mounts: mount::mounts(project, scope),
        ..TaskInput::default()
    };
    limit(scope, &mut task);
    container::describe(scope, &mut task);
    placement::place(scope, name, &mut task);
    health::probe(scope, &mut task);
    task
}

/// What runs. Where only `build` says it, nothing can.
fn image(scope: &mut Scope<'_>) -> Option<String> {
    let service = scope.service;
    let image = service.image.as_ref().map(|image| image.value.clone());
    match (&image, &service.build) {
        (None, Some(_)) => {
            scope.refuse(
                "build",
                "orc builds no images; build it, push it where the nodes can fetch it, and name it under `image`",
            );
            // Said once is enough.
            Some("image".to_owned())
        }
        (Some(image), Some(_)) => {
            let says = format!(
                "orc builds no images: {image} is taken as it is on the node or in its registry; build and push it \
                 before"
            );
            scope.warn("build", says);
            Some(image.clone())
        }
        _ => image,
    }
}

fn pull_policy(service: &Service) -> Option<TaskPullPolicy> {
    match service.pull_policy {
        PullPolicy::Missing | PullPolicy::Build => None,
        PullPolicy::Always => Some(TaskPullPolicy::Always),
        PullPolicy::Never => Some(TaskPullPolicy::Never),
    }
}

fn restart(scope: &mut Scope<'_>, mode: Mode) -> Option<RestartPolicy> {
    let said = &scope.service.restart;
    let is_policy = scope.says("deploy.restart_policy");
    let key = if is_policy { "deploy.restart_policy" } else { "restart" };
    for (inner, is_said) in [("delay", said.delay.is_some()), ("window", said.window.is_some())] {
        if is_said {
            let key = format!("deploy.restart_policy.{inner}");
            scope.warn(
                &key,
                "orc waits longer from one failure to the next, and begins anew once a task has kept running",
            );
        }
    }
    let is_job = matches!(mode, Mode::ReplicatedJob(_) | Mode::GlobalJob) || scope.service.cron.is_some();
    match said.condition {
        RestartCondition::Unsaid => None,
        RestartCondition::Never => Some(RestartPolicy::No),
        RestartCondition::OnFailure => Some(RestartPolicy::OnFailure(said.max_attempts)),
        RestartCondition::Always | RestartCondition::UnlessStopped if is_job => {
            scope.warn(key, "a job is over with exit code 0; it is started again when it fails");
            Some(RestartPolicy::OnFailure(said.max_attempts))
        }
        RestartCondition::Always => {
            if said.max_attempts.is_some() {
                scope.warn(
                    "deploy.restart_policy.max_attempts",
                    "it is started again without end; only with `condition: on-failure` are failures counted",
                );
            }
            Some(RestartPolicy::Always)
        }
        RestartCondition::UnlessStopped => Some(RestartPolicy::UnlessStopped),
    }
}

/// Limits are what is enforced, and what is kept free for the task; there is nothing else to keep.
fn limit(scope: &mut Scope<'_>, task: &mut TaskInput) {
    let (limits, reserved) = (&scope.service.resources.limits, &scope.service.resources.reservations);
    task.cpu = limits.cpus;
    task.memory = limits.memory.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let mut is_apart = reserved.cpus.is_some() && reserved.cpus != limits.cpus;
    is_apart |= reserved.memory.is_some() && reserved.memory != limits.memory;
    if is_apart {
        let short = !scope.says("deploy.resources.reservations");
        let key = if short { "mem_reservation" } else { "deploy.resources.reservations" };
        scope.warn(key, "what a node keeps for a task is its limit, and nothing where there is none");
    }
}

/// Rounded up: nobody is killed before the time.
fn whole_seconds(patience: Duration) -> u32 {
    let seconds = patience.as_secs() + u64::from(patience.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
