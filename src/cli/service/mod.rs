//! `orc service`: what should run as several tasks, how it changes, and how far it is.

mod create;
mod files;
mod list;
mod settle;
mod update;

use std::time::Duration;

use clap::{Args, Subcommand};

pub(super) use self::settle::{Verdict, line, verdict};
pub(super) use self::update::without_nulls;
use super::api::Api;
use super::error::CliError;
use super::list::ListArgs;
use super::target::{Environment, Target};
use super::{output, values};
use crate::model::service::ServiceName;
use crate::wire::service::Service;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Declare a service and wait until it runs
    Create(Box<create::CreateArgs>),
    /// Change a service, task by task, and wait until that is done
    Update(Box<update::UpdateArgs>),
    /// Have a service be as a file of JSON says, whether it is there already or not
    Apply(create::ApplyArgs),
    /// List services
    Ls(ListArgs),
    /// List the tasks of a service
    Ps(ServiceArgs),
    /// Print all that is known of a service, as JSON
    Inspect(ServiceArgs),
    /// Change how many tasks services have: web=5
    Scale(update::ScaleArgs),
    /// List the versions of a service: who made which, when and why
    Versions(ServiceArgs),
    /// Bring an earlier version of a service back
    Rollback(update::RollbackArgs),
    /// See and steer the way of a service to its newest version
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Remove services, and stop all their tasks
    Rm(update::RemoveArgs),
}

/// What can be done about a rollout.
#[derive(Debug, Subcommand)]
pub(super) enum RolloutCommand {
    /// Tell how far it is, and what it waits for
    Status(ServiceArgs),
    /// Let it go no further for now
    Pause(ServiceArgs),
    /// Let it go on; what has failed is tried again
    Resume(WaitingArgs),
    /// Let a canary go into all slots
    Promote(WaitingArgs),
    /// Go back to the version that was healthy last
    Undo(WaitingArgs),
}

/// Which service, and where its manager is.
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    /// Which service: its name, as `orc service ls` shows it
    service: ServiceName,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Which service, and how long to wait for it.
#[derive(Debug, Args)]
pub(super) struct WaitingArgs {
    #[command(flatten)]
    service: ServiceArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// How long to wait for what was begun.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Waiting")]
pub(super) struct WaitArgs {
    /// Return as soon as the manager has accepted it
    #[arg(short, long)]
    detach: bool,

    /// Give up waiting after so long; the service goes on [default: never]
    #[arg(long, value_name = "DURATION", conflicts_with = "detach", value_parser = values::duration)]
    wait_timeout: Option<Duration>,
}

/// Does it.
pub(super) async fn execute(command: ServiceCommand, environment: &Environment) -> Result<(), CliError> {
    match command {
        ServiceCommand::Create(args) => create::create(*args, environment).await,
        ServiceCommand::Update(args) => update::update(*args, environment).await,
        ServiceCommand::Apply(args) => create::apply(args, environment).await,
        ServiceCommand::Ls(args) => list::services(args, environment).await,
        ServiceCommand::Ps(args) => list::tasks(&args, environment).await,
        ServiceCommand::Inspect(args) => output::json(&args.look(&args.api(environment)?).await?),
        ServiceCommand::Scale(args) => update::scale(args, environment).await,
        ServiceCommand::Versions(args) => list::versions(&args, environment).await,
        ServiceCommand::Rollback(args) => update::roll_back(args, environment).await,
        ServiceCommand::Rollout(RolloutCommand::Status(args)) => list::status(&args, environment).await,
        ServiceCommand::Rollout(RolloutCommand::Pause(args)) => {
            let service = args.api(environment)?.steer(&args.service, "pause").await?;
            args.print(&service)
        }
        ServiceCommand::Rollout(RolloutCommand::Resume(args)) => args.steer("resume", environment).await,
        ServiceCommand::Rollout(RolloutCommand::Promote(args)) => args.steer("promote", environment).await,
        ServiceCommand::Rollout(RolloutCommand::Undo(args)) => args.undo(environment).await,
        ServiceCommand::Rm(args) => update::remove(args, environment).await,
    }
}

impl ServiceArgs {
    fn api(&self, environment: &Environment) -> Result<Api, CliError> {
        self.target.clone().api(environment)
    }

    async fn look(&self, api: &Api) -> Result<Service, CliError> {
        Ok(api.service(&self.service).await?)
    }

    /// Prints the result: the name, or the whole service.
    fn print(&self, service: &Service) -> Result<(), CliError> {
        if self.json { output::json(service) } else { output::line(&service.name) }
    }
}

impl WaitingArgs {
    async fn steer(self, action: &str, environment: &Environment) -> Result<(), CliError> {
        let api = self.service.api(environment)?;
        let service = api.steer(&self.service.service, action).await?;
        self.see(&api, service).await
    }

    async fn undo(self, environment: &Environment) -> Result<(), CliError> {
        let api = self.service.api(environment)?;
        let service = api.roll_back(&self.service.service, None).await?;
        self.see(&api, service).await
    }

    async fn see(self, api: &Api, service: Service) -> Result<(), CliError> {
        settle::see(api, service, self.wait, self.service.json).await
    }
}
