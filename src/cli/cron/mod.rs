//! `orc cron`: services that run by the clock, their runs, and a run now.

mod flags;
mod list;
mod run;

use clap::{Args, Subcommand};

pub(super) use self::flags::CronFlags;
use super::error::CliError;
use super::list::ListArgs;
use super::output;
use super::target::{Environment, Target};
use crate::model::service::ServiceName;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum CronCommand {
    /// List services that run by the clock: when each runs next, and how that went last
    Ls(ListArgs),
    /// Begin a run now, whatever the clock says
    Run(run::RunArgs),
    /// List the runs of a service, newest first
    History(list::HistoryArgs),
    /// Leave out what comes due, until `orc cron resume`
    Suspend(PaceArgs),
    /// Let runs begin by the clock again
    Resume(PaceArgs),
}

/// Which services, and where their manager is.
#[derive(Debug, Args)]
pub(super) struct PaceArgs {
    /// Which services: their names, as `orc cron ls` shows them
    #[arg(value_name = "SERVICE", required = true)]
    services: Vec<ServiceName>,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Does it.
pub(super) async fn execute(command: CronCommand, environment: &Environment) -> Result<(), CliError> {
    match command {
        CronCommand::Ls(args) => list::services(args, environment).await,
        CronCommand::Run(args) => run::execute(args, environment).await,
        CronCommand::History(args) => list::history(args, environment).await,
        CronCommand::Suspend(args) => pace(args, "suspend", environment).await,
        CronCommand::Resume(args) => pace(args, "resume", environment).await,
    }
}

async fn pace(args: PaceArgs, action: &str, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    for name in &args.services {
        let service = api.pace(name, action).await?;
        if args.json {
            output::json(&service)?;
        } else {
            output::line(&service.name)?;
        }
    }
    Ok(())
}
