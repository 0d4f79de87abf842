//! `orc stop`: ends tasks for good.

use clap::Args;

use super::api::Api;
use super::error::CliError;
use super::find::{find, state_of};
use super::output;
use super::target::{Environment, Target};
use super::watch::Watch;
use crate::wire::task::Task;

/// Flags of `orc stop`.
#[derive(Debug, Args)]
pub(super) struct StopArgs {
    /// Which tasks: their IDs, the beginnings of those, or names
    #[arg(value_name = "TASK", required = true)]
    tasks: Vec<String>,

    /// Return as soon as the manager has noted it, and don't wait until they have stopped
    #[arg(long)]
    no_wait: bool,

    /// Print the tasks as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Stops tasks, each on its own: one that cannot be found keeps no other from being stopped.
pub(super) async fn execute(args: StopArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let mut watch = Watch::begin(&api).await;
    let (mut asked, mut failed) = (Vec::new(), None);
    for word in &args.tasks {
        match ask(&api, word).await {
            Ok(task) => asked.push((word, task)),
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    output::note(&format!("error: {earlier}"));
                }
            }
        }
    }
    let mut stopped = Vec::new();
    for (word, task) in asked {
        let task = if args.no_wait { task } else { wait(&api, &mut watch, task).await? };
        if !args.json {
            output::line(word)?;
        }
        stopped.push(task);
    }
    if args.json {
        output::json(&stopped)?;
    }
    failed.map_or(Ok(()), Err)
}

async fn ask(api: &Api, word: &str) -> Result<Task, CliError> {
    let task = find(api, word).await?;
    api.stop(&task.id).await?;
    Ok(api.task(&task.id).await?)
}

async fn wait(api: &Api, watch: &mut Watch, mut task: Task) -> Result<Task, CliError> {
    while !state_of(&task).is_final() {
        watch.changed(|changed| changed == task.id).await;
        task = api.task(&task.id).await?;
    }
    Ok(task)
}
