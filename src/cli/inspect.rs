//! `orc inspect`: all that is known of a task.

use clap::Args;

use super::error::CliError;
use super::find::find;
use super::output;
use super::target::{Environment, Target};

/// Flags of `orc inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Which task: its ID, the beginning of it, or its name
    task: String,

    /// Print JSON, which this does anyway
    #[arg(long, hide_short_help = true)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Prints a task as the API has it.
pub(super) async fn execute(args: InspectArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    output::json(&find(&api, &args.task).await?)
}
