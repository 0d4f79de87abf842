//! The whole command line as clap sees it, and `orc --help`.

use std::fmt::Write as _;

use clap::{CommandFactory as _, Parser, Subcommand};

use super::ca::CaArgs;
use super::context::ContextCommand;
use super::cron::CronCommand;
use super::deploy::{DeployArgs, PlanArgs};
use super::events::EventsArgs;
use super::file::{ConfigCommand, FileCommand};
use super::image::ImageCommand;
use super::inspect::InspectArgs;
use super::list::ListArgs;
use super::login::LoginArgs;
use super::logs::LogsArgs;
use super::node::NodeCommand;
use super::ps::PsArgs;
use super::rebalance::RebalanceArgs;
use super::run::RunArgs;
use super::serve::{ManagerArgs, WorkerArgs};
use super::service::ServiceCommand;
use super::state::StateArgs;
use super::stop::StopArgs;
use super::token::TokenCommand;
use super::why::WhyArgs;
use crate::settings::flags::ServerFlags;

/// Keeps containers running on one or many Docker hosts
#[derive(Debug, Parser)]
#[command(
    name = "orc",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    override_usage = "orc [SETTINGS]\n       orc COMMAND [OPTIONS] …",
    after_help = AFTER_HELP
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) flags: ServerFlags,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// What orc can do beside being all in one.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Be the manager alone
    Manager(ManagerArgs),
    /// Be a worker alone
    Worker(Box<WorkerArgs>),
    /// Run a task and wait until it runs
    Run(Box<RunArgs>),
    /// List tasks
    Ps(PsArgs),
    /// Stop tasks
    Stop(StopArgs),
    /// Print what a task writes
    Logs(LogsArgs),
    /// Print what happened, to a task or to all
    Events(EventsArgs),
    /// Explain why a task is where and as it is
    Why(WhyArgs),
    /// Print all that is known of a task, as JSON
    Inspect(InspectArgs),
    /// Deploy a Compose project: its services, compared with what runs, and applied
    Deploy(Box<DeployArgs>),
    /// Tell what `orc deploy` would change, field by field
    Plan(Box<PlanArgs>),
    /// Declare services, change them without downtime, and see how far that is
    #[command(subcommand)]
    Service(ServiceCommand),
    /// See and steer what runs by the clock
    #[command(subcommand)]
    Cron(CronCommand),
    /// Keep secrets, which containers get as files and nobody else reads
    #[command(subcommand)]
    Secret(FileCommand),
    /// Keep configs, which containers get as files
    #[command(subcommand)]
    Config(ConfigCommand),
    /// See the images that were built for services
    #[command(subcommand)]
    Image(ImageCommand),
    /// List nodes, as `orc node ls` does
    Nodes(ListArgs),
    /// List, drain, label and remove nodes, and let workers join
    #[command(subcommand)]
    Node(NodeCommand),
    /// Move tasks to nodes on which they stand clearly better
    Rebalance(RebalanceArgs),
    /// Show which history the manager has; accept one that was restored from a backup
    State(StateArgs),
    /// Say who may speak with the manager from elsewhere
    #[command(subcommand)]
    Token(TokenCommand),
    /// Show the authority that signs the cluster's certificates; have another follow it
    Ca(CaArgs),
    /// Log in to a manager on another machine
    Login(Box<LoginArgs>),
    /// Choose among the managers that are logged in to
    #[command(subcommand)]
    Context(ContextCommand),
}

/// The commands by what they are about.
const GROUPS: &[(&str, &[&str])] = &[
    ("Tasks", &["run", "ps", "stop", "logs", "events", "why", "inspect"]),
    ("Services", &["deploy", "plan", "service", "cron", "secret", "config", "image"]),
    ("Cluster", &["nodes", "node", "rebalance", "token", "ca", "state"]),
    ("Managers elsewhere", &["login", "context"]),
    ("Server roles", &["manager", "worker"]),
];

/// The flags that a manager alone has no use for.
const OF_WORKERS: &[&str] =
    &["worker_host", "worker_port", "workers", "docker_host", "name", "label", "secrets_dir"];

/// The flags that a worker alone has no use for.
const OF_MANAGERS: &[&str] = &[
    "manager_host",
    "manager_port",
    "advertise",
    "local_access",
    "workers",
    "scheduler",
    "retention",
    "lease",
    "bind_mounts",
    "capabilities",
    "image_limit",
];

const AFTER_HELP: &str = "\
Examples:
  orc                                          start a manager and a worker here
  orc run nginx:1.29 --name web -p 8080:80     run a task and wait until it runs
  orc ps                                       see what runs
  orc logs -f web                              read what it writes
  orc events web                               see what happened to it, and why
  orc stop web                                 end it

Exit codes: 0 done, 1 failed with a sentence on stderr, 2 the command line makes no sense, 130 interrupted.";

/// The command line. Its help lists the commands in groups, which clap cannot do by itself.
pub(super) fn command() -> clap::Command {
    let command = Cli::command();
    let heading = command.get_styles().get_header();
    let literal = command.get_styles().get_literal();
    let mut template = "{about}\n\n{usage-heading} {usage}\n".to_owned();
    template.push_str("\nWithout a command, orc is a manager and its workers in one process.\n");
    for (group, names) in GROUPS {
        let _ = write!(template, "\n{heading}{group}:{heading:#}\n");
        for name in *names {
            let about = command.find_subcommand(name).and_then(|known| known.get_about());
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(template, "  {literal}{name:<10}{literal:#}{about}");
        }
    }
    let settings = command.get_arguments().find_map(clap::Arg::get_help_heading).unwrap_or_default();
    let _ = write!(template, "\n{heading}{settings}:{heading:#}\n{{options}}{{after-help}}");
    command
        .help_template(template)
        .mut_subcommand("manager", |manager| {
            refuse(manager, OF_WORKERS, "only a process with workers has it")
        })
        .mut_subcommand("worker", |worker| {
            refuse(worker, OF_MANAGERS, "only a process with a manager has it")
        })
}

/// The same setting may be in the environment of both roles; a flag that does nothing would be a lie.
fn refuse(command: clap::Command, flags: &[&str], why: &'static str) -> clap::Command {
    let refused = |flag: clap::Arg| flag.hide(true).value_parser(move |_: &str| Err::<String, _>(why));
    flags.iter().fold(command, |command, flag| command.mut_arg(flag, refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_role_alone_refuses_the_flags_of_the_other() {
        let refused = |words: &[&str]| {
            let error = command().try_get_matches_from(["orc"].iter().chain(words)).err();
            error.is_some_and(|error| error.to_string().contains("only a process with"))
        };
        assert!(
            refused(&["manager", "--docker-host", "tcp://x"]) && refused(&["worker", "--scheduler", "epvm"])
        );
        assert!(
            !refused(&["worker", "--docker-host", "tcp://x"])
                && !refused(&["manager", "--scheduler", "epvm"])
        );
        assert!(!refused(&["--docker-host", "tcp://x", "--scheduler", "epvm"]));
    }

    #[test]
    fn the_help_names_every_command() {
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).collect();
        for known in command().get_subcommands() {
            assert!(grouped.contains(&&known.get_name()), "{} is in no group", known.get_name());
        }
        assert_eq!(grouped.len(), command().get_subcommands().count());
    }
}
