//! `orc state`: which history a manager has, and letting an older one go on.

use clap::{Args, Subcommand};

use super::error::CliError;
use super::output;
use super::target::{Environment, Target};
use crate::wire::state::History;

/// Flags of `orc state`.
#[derive(Debug, Args)]
pub(super) struct StateArgs {
    #[command(subcommand)]
    command: Option<StateCommand>,

    /// Print JSON, as the API has it
    #[arg(long, global = true)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// What can be done about it.
#[derive(Debug, Subcommand)]
enum StateCommand {
    /// Let this history go on, although workers know a later one: what it does not know is stopped
    Accept,
}

/// Shows or accepts it.
pub(super) async fn execute(args: StateArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let history = match args.command {
        None => api.history().await?,
        Some(StateCommand::Accept) => api.accept_state().await?,
    };
    if args.json { output::json(&history) } else { output::line(&render(&history)) }
}

fn render(history: &History) -> String {
    let state = history.safe_mode.as_deref().unwrap_or("its history is the latest that any worker knows");
    format!("cluster {}, epoch {}, revision {}\n{state}", history.cluster, history.epoch, history.revision)
}
