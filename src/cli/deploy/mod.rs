//! `orc deploy` and `orc plan`: the services of a Compose project, built, compared with those that there are, and applied.

mod apply;
mod board;
mod contents;
mod files;
mod images;
mod remains;
mod removal;
mod rollout;
mod show;
mod upload;

use std::time::Duration;

use clap::Args;

use self::contents::Contents;
use self::files::FileArgs;
use self::images::{ImageArgs, Images};
use super::api::Api;
use super::error::CliError;
use super::target::{Environment, Target};
use super::{output, values};
use crate::deploy::{Plan, Stack, plan};

/// Flags of `orc deploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orc deploy                        what compose.yaml says, here or in a directory above
  orc deploy --check                what orc does with each of its keys
  orc deploy --plan                 what would change, field by field
  orc deploy -p shop --prune        and remove services of the project that the files do not have
  orc deploy --registry ghcr.io/me  push what `build:` builds to where the nodes can fetch it

Exit codes: 0 everything runs, 1 failed. With --plan: 0 nothing would change, 2 something would. With --check: 0 it can be \
deployed, 1 it cannot.")]
pub(super) struct DeployArgs {
    #[command(flatten)]
    files: FileArgs,

    /// Tell what orc does with each key of the files, and do nothing
    #[arg(long, conflicts_with_all = ["plan", "prune", "detach"])]
    check: bool,

    /// Tell what would change, and do nothing
    #[arg(long, conflicts_with = "detach")]
    plan: bool,

    #[command(flatten)]
    scope: ScopeArgs,

    #[command(flatten)]
    images: ImageArgs,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    target: Target,
}

/// Flags of `orc plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    scope: ScopeArgs,

    #[command(flatten)]
    images: ImageArgs,

    #[command(flatten)]
    target: Target,
}

/// What is looked at, and how it is told.
#[derive(Debug, Clone, Copy, Args)]
struct ScopeArgs {
    /// Remove services of the project that its files do not have
    #[arg(long)]
    prune: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// How long to wait for what was begun.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Waiting")]
struct WaitArgs {
    /// Return as soon as the manager has accepted everything; nothing waits for what it depends on
    #[arg(short, long)]
    detach: bool,

    /// Give up waiting after so long; what was begun goes on [default: never]
    #[arg(long, value_name = "DURATION", conflicts_with = "detach", value_parser = values::duration)]
    wait_timeout: Option<Duration>,
}

/// Deploys, or tells what that would do.
pub(super) async fn execute(args: DeployArgs, environment: &Environment) -> Result<(), CliError> {
    let read = files::read(&args.files, environment)?;
    if args.check {
        return read.tell(args.scope.json);
    }
    let stack = read.stack()?;
    let api = args.target.api(environment)?;
    let (stack, images) = built(&api, stack, args.images, environment).await?;
    let (stack, contents, planned) = planned(&api, stack, args.scope).await?;
    if args.plan {
        return tell(&planned, args.scope);
    }
    images.send(&api, &planned).await?;
    contents.apply(&api).await?;
    apply::apply(&api, &stack, &planned, args.wait, args.scope.json).await
}

/// Tells what deploying would do.
pub(super) async fn foresee(args: PlanArgs, environment: &Environment) -> Result<(), CliError> {
    let stack = files::read(&args.files, environment)?.stack()?;
    let api = args.target.api(environment)?;
    let (stack, _) = built(&api, stack, args.images, environment).await?;
    let (_, _, planned) = planned(&api, stack, args.scope).await?;
    tell(&planned, args.scope)
}

/// The stack with its images, which are on this machine from then on.
async fn built(
    api: &Api,
    stack: Stack,
    args: ImageArgs,
    environment: &Environment,
) -> Result<(Stack, Images), CliError> {
    if !stack.builds.is_empty() {
        // Nobody waits for a build to hear that there is no manager.
        api.services().await?;
    }
    let images = Images::build(&stack, args, environment).await?;
    Ok((stack.with_images(&images.references()), images))
}

/// The stack with versions of its secrets and configs, what is in those, and what would change.
async fn planned(api: &Api, stack: Stack, scope: ScopeArgs) -> Result<(Stack, Contents, Plan), CliError> {
    let services = api.services().await?;
    let contents = Contents::compare(api, &stack).await?;
    let stack = stack.with_versions(&contents.versions());
    let plan = plan(&stack, &services, scope.prune)
        .map_err(|foreign| CliError::Failed(format!("{}; nothing was changed", foreign.join("; "))))?;
    let plan = Plan { files: contents.steps(), ..plan };
    Ok((stack, contents, plan))
}

fn tell(plan: &Plan, scope: ScopeArgs) -> Result<(), CliError> {
    if scope.json {
        output::json(plan)?;
    } else {
        output::line(&show::plan(plan))?;
    }
    if plan.changes() { Err(CliError::Changes) } else { Ok(()) }
}
