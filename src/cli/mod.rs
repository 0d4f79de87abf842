//! The command line: what people type, and what is printed for it.
//!
//! One file per command. All but the server roles are clients of the manager's HTTP API, like `curl`.

mod api;
mod args;
mod ca;
mod context;
mod contexts;
mod cron;
mod deploy;
mod docker;
mod error;
mod events;
mod file;
mod find;
mod image;
mod inspect;
mod lines;
mod list;
mod login;
mod logs;
mod node;
mod nodes;
mod output;
mod progress;
mod ps;
mod rebalance;
mod run;
#[cfg(test)]
mod samples;
mod serve;
mod service;
mod sse;
mod state;
mod stop;
mod table;
mod target;
mod token;
mod unseen;
mod values;
mod watch;
mod why;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use self::args::{Cli, Command};
use self::error::CliError;
use self::target::Environment;
use crate::model::managed_file::FileKind;

/// Does what `args` say, the name of the program first, and tells the shell how it went.
pub fn main(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let parsed =
        args::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help is an "error" of clap, too. It has its own exit codes: 0 and 2.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match execute(cli, &Environment::new(environment)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.tell(),
    }
}

fn execute(cli: Cli, environment: &Environment) -> Result<(), CliError> {
    match cli.command {
        None => serve::all_in_one(&cli.flags, environment),
        Some(Command::Manager(args)) => serve::manager(&args, environment),
        Some(Command::Worker(args)) => serve::worker(*args, environment),
        Some(Command::Run(args)) => client(run::execute(*args, environment)),
        Some(Command::Ps(args)) => client(ps::execute(args, environment)),
        Some(Command::Stop(args)) => client(stop::execute(args, environment)),
        Some(Command::Logs(args)) => client(logs::execute(args, environment)),
        Some(Command::Events(args)) => client(events::execute(args, environment)),
        Some(Command::Inspect(args)) => client(inspect::execute(args, environment)),
        Some(Command::Why(args)) => client(why::execute(args, environment)),
        Some(Command::Nodes(args)) => client(nodes::execute(args, environment)),
        Some(Command::Node(command)) => client(node::execute(command, environment)),
        Some(Command::Deploy(args)) => client(deploy::execute(*args, environment)),
        Some(Command::Plan(args)) => client(deploy::foresee(*args, environment)),
        Some(Command::Service(command)) => client(service::execute(command, environment)),
        Some(Command::Cron(command)) => client(cron::execute(command, environment)),
        Some(Command::Secret(command)) => client(file::execute(FileKind::Secret, command, environment)),
        Some(Command::Config(command)) => client(file::config(command, environment)),
        Some(Command::Image(command)) => client(image::execute(command, environment)),
        Some(Command::Rebalance(args)) => client(rebalance::execute(args, environment)),
        Some(Command::Ca(args)) => client(ca::execute(args, environment)),
        Some(Command::State(args)) => client(state::execute(args, environment)),
        Some(Command::Token(command)) => client(token::execute(command, environment)),
        Some(Command::Login(args)) => client(login::execute(*args, environment)),
        Some(Command::Context(command)) => context::execute(command, environment),
    }
}

/// Runs a client command. One thread is enough for it, and nothing is waited for after it.
fn client(command: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(command);
    // A look-up of a host name may still hang in its thread: the answer to it is of no use any more.
    runtime.shutdown_background();
    result
}
