//! The server roles: all in one, the manager alone, workers alone.

use std::io::{self, IsTerminal as _};

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::error::CliError;
use super::target::{Environment, manager_of};
use crate::client::Client;
use crate::roles::{self, Employer, JoinLine, Role};
use crate::settings::Settings;
use crate::settings::flags::ServerFlags;

/// Flags of `orc manager`.
#[derive(Debug, Args)]
pub(super) struct ManagerArgs {
    #[command(flatten)]
    flags: ServerFlags,
}

/// Flags of `orc worker`.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
pub(super) struct WorkerArgs {
    /// URL of the manager to work for, or several where it may be, separated by commas [default: the one that was
    /// joined before, else ORC_MANAGER_HOST and ORC_MANAGER_PORT, here or in .env, else http://localhost:8000]
    #[arg(long, value_name = "URL", value_parser = Client::new)]
    manager: Option<Client>,

    /// Join the cluster of a manager on another machine, unless that was done before: `orc node token` there prints
    /// this line. Where the manager may be at several addresses, HOST:PORT,HOST:PORT names them
    #[arg(long, value_name = "TOKEN@HOST:PORT", conflicts_with = "manager")]
    join: Option<JoinLine>,

    #[command(flatten)]
    flags: ServerFlags,
}

/// `orc`: a manager and its workers.
pub(super) fn all_in_one(flags: &ServerFlags, environment: &Environment) -> Result<(), CliError> {
    serve(environment.settings(flags)?, Role::AllInOne)
}

/// `orc manager`.
pub(super) fn manager(args: &ManagerArgs, environment: &Environment) -> Result<(), CliError> {
    serve(environment.settings(&args.flags)?, Role::Manager)
}

/// `orc worker`.
pub(super) fn worker(args: WorkerArgs, environment: &Environment) -> Result<(), CliError> {
    let settings = environment.settings(&args.flags)?;
    let employer = match (args.join, args.manager) {
        (Some(line), _) => Employer::Join(line),
        (None, Some(manager)) => Employer::Url(manager.places()),
        (None, None) => Employer::JoinedOrUrl(manager_of(&settings)?.places()),
    };
    serve(settings, Role::Worker(employer))
}

fn serve(settings: Settings, role: Role) -> Result<(), CliError> {
    log_to_stderr(&settings.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(roles::run(settings, role));
    // The role has ended what it began; what hangs in a thread of its own holds up no stop.
    runtime.shutdown_background();
    result.map_err(|error| CliError::Failed(error.to_string()))
}

/// Logs for people: a line each on stderr, since stdout holds what scripts read.
fn log_to_stderr(filter: &str) {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_env_filter(EnvFilter::new(filter))
        .init();
}
