//! `orc run`: hands a task in and waits until it runs.

mod args;
mod container;
mod health;
mod submission;
mod wait;

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

pub(super) use self::args::{RunArgs, SpecArgs};
pub(super) use self::submission::{read_file, task as task_of};
use self::wait::Verdict;
pub(super) use self::wait::is_settled;
use super::api::Api;
use super::error::CliError;
use super::find::state_of;
use super::progress::Progress;
use super::target::Environment;
use super::watch::Watch;
use super::{output, words};
use crate::client::ClientError;
use crate::model::id::NodeName;
use crate::wire::task::{Task, TaskEvent};

/// A submission whose answer was lost is sent again after each of these.
const AGAIN: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

const EXAMPLES: &str = "\
Examples:
  orc run nginx:1.29 --name web -p 8080:80 --health /
  orc run postgres:18 --name db -v data:/var/lib/postgresql -e POSTGRES_PASSWORD --memory 512m
  orc run shop:7 --name shop --ready http://:8080/ready --live tcp://:8080 --health-interval 2s
  orc run busybox --restart no -- sh -c 'date; sleep 5'
  orc run -f task.json --detach

The task's ID is all that goes to stdout; what happens until it runs goes to stderr.";

/// Submits what the flags or the file say, and waits for it unless told not to.
pub(super) async fn execute(args: RunArgs, environment: &Environment) -> Result<(), CliError> {
    let event = match &args.file {
        Some(path) => submission::from_file(path)?,
        None => submission::from_flags(args.spec, environment)?,
    };
    let api = args.target.api(environment)?;
    let mut watch = if args.detach { None } else { Some(Watch::begin(&api).await) };
    let accepted = submit(&api, &event, args.node.as_ref()).await?.task;
    if !args.json {
        output::line(&accepted.id)?;
    }
    let Some(watch) = &mut watch else { return if args.json { output::json(&accepted) } else { Ok(()) } };
    let (task, verdict) = see_it_run(&api, watch, &accepted, args.wait_timeout).await?;
    if args.json {
        output::json(&task)?;
    }
    match verdict {
        Verdict::Failed(reason) => Err(CliError::Failed(reason)),
        Verdict::Runs(words) => {
            output::note(&words);
            Ok(())
        }
        Verdict::Waiting => Ok(()),
    }
}

/// Sends the event until its fate is known: the manager takes an event with the same ID but once.
async fn submit(api: &Api, event: &Value, node: Option<&NodeName>) -> Result<TaskEvent, ClientError> {
    for pause in AGAIN {
        match api.submit(event, node).await {
            Err(ClientError::Unknown { .. } | ClientError::Refused { status: 500.., .. }) => {
                sleep(pause).await;
            }
            known => return known,
        }
    }
    api.submit(event, node).await
}

/// Waits with everything that may end a wait: the verdict, Ctrl-C, the end of patience.
async fn see_it_run(
    api: &Api,
    watch: &mut Watch,
    task: &Task,
    patience: Option<Duration>,
) -> Result<(Task, Verdict), CliError> {
    let name = &task.name;
    let progress = Progress::begin();
    let patience_ends = async {
        match patience {
            Some(patience) => sleep(patience).await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        // Cancel-safe: nothing is lost with a wait but the wait.
        result = wait::wait(api, watch, &progress, &task.id) => result,
        _ = tokio::signal::ctrl_c() => {
            Err(CliError::Interrupted(format!("{name} goes on without being waited for: `orc stop {name}` ends it")))
        }
        () = patience_ends => Err(out_of_patience(api, task, patience.unwrap_or_default()).await),
    };
    progress.end();
    result
}

/// How a task stands that was waited for long enough.
async fn out_of_patience(api: &Api, task: &Task, patience: Duration) -> CliError {
    let task = match api.task(&task.id).await {
        Ok(task) => task,
        Err(error) => return error.into(),
    };
    let reason =
        if task.message.is_empty() { state_of(&task).to_string() } else { words::plain(&task.message) };
    CliError::Failed(format!(
        "{name} does not run after {} and goes on trying ({reason}): `orc stop {name}` ends it",
        humantime::format_duration(patience),
        name = task.name,
    ))
}

#[cfg(test)]
mod tests;
