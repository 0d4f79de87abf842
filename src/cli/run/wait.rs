//! Waiting until a task runs, and telling what happens to it meanwhile.

use crate::cli::api::Api;
use crate::cli::error::CliError;
use crate::cli::find::state_of;
use crate::cli::progress::Progress;
use crate::cli::watch::Watch;
use crate::cli::words;
use crate::model::state::{Health, State};
use crate::wire::task::Task;

/// How a wait stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not there yet.
    Waiting,
    /// There, in these words.
    Runs(String),
    /// It will never be, for this reason.
    Failed(String),
}

/// What the task has come to.
pub(super) fn verdict(task: &Task) -> Verdict {
    let name = &task.name;
    match state_of(task) {
        State::Running if is_well(task) => Verdict::Runs(running(task)),
        State::Pending | State::Scheduled | State::Running => Verdict::Waiting,
        State::Completed if task.attempt == 0 => Verdict::Failed(format!("{name} was stopped before it ran")),
        State::Completed => Verdict::Runs(format!("{name} has run to its end")),
        State::Failed => Verdict::Failed(format!("{name} failed: {}", words::plain(&task.message))),
    }
}

/// Whether a task runs, as healthy as it says it will be, or will never run.
pub(in crate::cli) fn is_settled(task: &Task) -> bool {
    verdict(task) != Verdict::Waiting
}

/// Whether a running task is as ready, or else as healthy, as it can be known to be.
fn is_well(task: &Task) -> bool {
    if task.readiness.is_some() {
        return task.ready;
    }
    let unchecked = task.health_check.is_empty() && task.health == Health::None.word();
    unchecked || task.health == Health::Healthy.word()
}

fn running(task: &Task) -> String {
    let health = match () {
        () if task.readiness.is_some() => " and is ready",
        () if task.health == Health::Healthy.word() => " and is healthy",
        () => "",
    };
    let ports = words::ports(task.host_ports.as_ref());
    let at = if ports.is_empty() { String::new() } else { format!(" at {ports}") };
    format!("{} runs on {}{at}{health}", task.name, task.node)
}

/// Waits until the task runs, and is healthy if it has a check. Returns it as it is then, with the verdict that
/// ended the wait.
pub(super) async fn wait(
    api: &Api,
    watch: &mut Watch,
    progress: &Progress,
    id: &str,
) -> Result<(Task, Verdict), CliError> {
    let mut told = 0;
    loop {
        // The task first: so its history has at least all that led to what is seen.
        let task = api.task(id).await?;
        let history = api.events_of(id).await?;
        for event in &history[history.partition_point(|event| event.seq <= told)..] {
            progress.tell(format!("{}: {}", task.name, words::plain(&event.message)));
            told = event.seq;
        }
        match verdict(&task) {
            Verdict::Waiting => watch.changed(|changed| changed == id).await,
            verdict => return Ok((task, verdict)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::samples;

    fn check(fields: &Value, expected: &Verdict) {
        assert_eq!(verdict(&samples::task(fields)), *expected, "{fields}");
    }

    #[test]
    fn a_task_is_waited_for_until_it_runs_and_is_as_healthy_as_it_says_it_will_be() {
        let runs = |words: &str| Verdict::Runs(words.to_owned());
        for (fields, expected) in [
            (json!({ "State": 0 }), Verdict::Waiting),
            (json!({ "State": 1 }), Verdict::Waiting),
            (json!({}), runs("web runs on worker-1")),
            (json!({ "HealthCheck": "/" }), Verdict::Waiting),
            (json!({ "HealthCheck": "/", "Health": "starting" }), Verdict::Waiting),
            (json!({ "HealthCheck": "/", "Health": "unhealthy" }), Verdict::Waiting),
            (json!({ "HealthCheck": "/", "Health": "healthy" }), runs("web runs on worker-1 and is healthy")),
            (json!({ "Readiness": { "Tcp": { "Port": 80 } }, "Health": "healthy" }), Verdict::Waiting),
            (
                json!({ "Readiness": { "Tcp": { "Port": 80 } }, "Ready": true }),
                runs("web runs on worker-1 and is ready"),
            ),
            // The image has a check of its own.
            (json!({ "Health": "starting" }), Verdict::Waiting),
            (
                json!({ "HostPorts": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }] } }),
                runs("web runs on worker-1 at 0.0.0.0:8080->80/tcp"),
            ),
            (json!({ "State": 3 }), runs("web has run to its end")),
        ] {
            check(&fields, &expected);
        }
    }

    #[test]
    fn a_task_that_will_never_run_is_not_waited_for() {
        let failed = |reason: &str| Verdict::Failed(reason.to_owned());
        check(&json!({ "State": 3, "Attempt": 0 }), &failed("web was stopped before it ran"));
        check(&json!({ "State": -1, "Message": "exit code 1" }), &failed("web failed: exit code 1"));
    }
}
