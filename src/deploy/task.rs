//! What each container of a service is.

use std::time::Duration;

use super::note::Scope;
use super::{build, container, file, health, mount, network, placement};
use crate::compose::service::PullPolicy;
use crate::compose::service::deploy::Mode;
use crate::compose::service::restart::RestartCondition;
use crate::compose::{Project, Service};
use crate::model::managed_file::FileKind;
use crate::model::service::ServiceName;
use crate::model::spec::{PullPolicy as TaskPullPolicy, RestartPolicy};
use crate::wire::submission::{Duration as Length, Reserve, Restarts, TaskInput};

/// The task of a service of this name.
pub(super) fn task(project: &Project, scope: &mut Scope<'_>, name: &ServiceName, mode: Mode) -> TaskInput {
    let service = scope.service;
    let process = &service.process;
    let some = |list: &Option<Vec<String>>| list.clone().filter(|words| !words.is_empty());
    let env: Vec<String> =
        service.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut task = TaskInput {
        image: build::image(project, scope),
        pull_policy: pull_policy(project, scope),
        restart_policy: restart(scope, mode),
        restarts: pace(service, mode),
        cmd: some(&process.command),
        entrypoint: some(&process.entrypoint),
        env: (!env.is_empty()).then_some(env),
        working_dir: process.working_dir.clone(),
        user: process.user.clone(),
        labels: (!service.labels.is_empty()).then(|| service.labels.clone()),
        stop_signal: process.stop_signal.clone(),
        stop_timeout: process.stop_grace_period.map(whole_seconds),
        mounts: mount::mounts(project, scope),
        secrets: file::named(project, scope, FileKind::Secret),
        configs: file::named(project, scope, FileKind::Config),
        ..TaskInput::default()
    };
    limit(scope, &mut task);
    container::describe(scope, &mut task);
    network::attach(project, scope, &mut task);
    placement::place(scope, name, &mut task);
    health::probe(scope, &mut task);
    task
}

/// What is built carries in its name what it is: who has it need not look for another.
fn pull_policy(project: &Project, scope: &mut Scope<'_>) -> Option<TaskPullPolicy> {
    let policy = scope.service.pull_policy;
    if build::builder(project, scope.service).is_some() {
        if matches!(policy, PullPolicy::Always | PullPolicy::Never) {
            scope.warn(
                "pull_policy",
                "its image is built when it is deployed, and given to nodes that do not have it",
            );
        }
        return None;
    }
    match policy {
        PullPolicy::Missing | PullPolicy::Build => None,
        PullPolicy::Always => Some(TaskPullPolicy::Always),
        PullPolicy::Never => Some(TaskPullPolicy::Never),
    }
}

fn restart(scope: &mut Scope<'_>, mode: Mode) -> Option<RestartPolicy> {
    let said = &scope.service.restart;
    let key = if scope.says("deploy.restart_policy") { "deploy.restart_policy" } else { "restart" };
    match said.condition {
        RestartCondition::Unsaid => None,
        RestartCondition::Never => Some(RestartPolicy::No),
        RestartCondition::OnFailure => Some(RestartPolicy::OnFailure(said.max_attempts)),
        RestartCondition::Always | RestartCondition::UnlessStopped if is_job(scope.service, mode) => {
            scope.warn(key, "a job is over with exit code 0; it is started again when it fails");
            Some(RestartPolicy::OnFailure(said.max_attempts))
        }
        RestartCondition::Always => Some(RestartPolicy::Always),
        RestartCondition::UnlessStopped => Some(RestartPolicy::UnlessStopped),
    }
}

/// Whether its tasks run to their end.
const fn is_job(service: &Service, mode: Mode) -> bool {
    matches!(mode, Mode::ReplicatedJob(_) | Mode::GlobalJob) || service.cron.is_some()
}

/// How restarts follow each other. A number of them after failures alone is said by the policy; 0 is "not said" elsewhere.
fn pace(service: &Service, mode: Mode) -> Option<Restarts> {
    let said = &service.restart;
    let counts_all = said.condition == RestartCondition::Always && !is_job(service, mode);
    let restarts = Restarts {
        delay: said.delay.filter(|delay| !delay.is_zero()).map(Length),
        max_attempts: said.max_attempts.filter(|most| counts_all && *most > 0),
        window: said.window.filter(|window| !window.is_zero()).map(Length),
    };
    (restarts != Restarts::default()).then_some(restarts)
}

/// Limits are what is enforced; reservations what is kept free for the task.
fn limit(scope: &Scope<'_>, task: &mut TaskInput) {
    let (limits, reserved) = (&scope.service.resources.limits, &scope.service.resources.reservations);
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    task.cpu = limits.cpus;
    task.memory = limits.memory.map(signed);
    let reserve = Reserve {
        cpu: reserved.cpus.filter(|cpus| limits.cpus != Some(*cpus)),
        memory: reserved.memory.filter(|bytes| limits.memory != Some(*bytes)).map(signed),
    };
    task.reserve = (reserve != Reserve::default()).then_some(reserve);
}

/// Rounded up: nobody is killed before the time.
fn whole_seconds(patience: Duration) -> u32 {
    let seconds = patience.as_secs() + u64::from(patience.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
