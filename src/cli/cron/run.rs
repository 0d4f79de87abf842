//! `orc cron run`: begins a run now, and waits for its end if that is wanted.

use clap::Args;

use crate::cli::api::Api;
use crate::cli::error::CliError;
use crate::cli::target::{Environment, Target};
use crate::cli::watch::Watch;
use crate::cli::{output, words};
use crate::model::id::RequestId;
use crate::model::service::ServiceName;
use crate::wire::service::Run;

/// Flags of `orc cron run`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// Which service: its name, as `orc cron ls` shows it
    service: ServiceName,

    /// Wait until the run is over, and fail if it does
    #[arg(short, long)]
    wait: bool,

    /// Print the run as JSON, in place of its number
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Begins a run, and prints its number.
pub(super) async fn execute(args: RunArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let (name, mut watch) = (&args.service, Watch::begin(&api).await);
    let begun = api.run_service(name, RequestId::generate()).await?;
    if !args.json {
        output::line(&begun.number.to_string())?;
    }
    let run = if args.wait {
        tokio::select! {
            // Cancel-safe: nothing is lost with a wait but the wait.
            run = until_over(&api, &mut watch, name, begun) => run?,
            _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted(format!(
                "the run goes on without being waited for: `orc cron history {name}` tells how"
            ))),
        }
    } else {
        begun
    };
    if args.json {
        output::json(&run)?;
    }
    let why = words::plain(&run.why);
    let colon = if why.is_empty() { "" } else { ": " };
    let line = format!("run {} of {name} {}{colon}{why}", run.number, verb(&run));
    if args.wait && run.state != "succeeded" {
        return Err(CliError::Failed(line));
    }
    output::note(&line);
    Ok(())
}

fn verb(run: &Run) -> String {
    match run.state.as_str() {
        "running" => "goes on".to_owned(),
        "waiting" => "waits".to_owned(),
        "replaced" | "stopped" => format!("was {}", run.state),
        other => other.to_owned(),
    }
}

async fn until_over(api: &Api, watch: &mut Watch, name: &ServiceName, begun: Run) -> Result<Run, CliError> {
    let mut run = begun;
    while run.ended.is_none() {
        watch.changed(|_| true).await;
        let runs = api.runs(name).await?;
        run = runs.into_iter().find(|known| known.number == run.number).ok_or_else(|| {
            CliError::Failed(format!("run {} of {name} is not remembered any more", run.number))
        })?;
    }
    Ok(run)
}
