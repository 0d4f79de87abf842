//! `orc service update`, `scale`, `rollback` and `rm`: changes services.

use clap::Args;
use serde_json::Value;

use super::files::FileArgs;
use super::{ServiceArgs, WaitArgs, settle};
use crate::cli::api::Api;
use crate::cli::cron::CronFlags;
use crate::cli::error::CliError;
use crate::cli::target::{Environment, Target};
use crate::cli::watch::Watch;
use crate::cli::{output, values};
use crate::client::ClientError;
use crate::model::service::{OnFailure, Order, ServiceName};
use crate::wire::service::{PolicyInput, Service, ServiceInput};
use crate::wire::submission::Duration;

/// Flags of `orc service update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orc service update web --image nginx:1.30
  orc service update web -e LOG=debug --env-rm TRACE --update-parallelism 2
  orc service update web --secret-rm db --secret-add db2:db")]
pub(in crate::cli) struct UpdateArgs {
    #[command(flatten)]
    service: ServiceArgs,

    /// Run this image
    #[arg(long)]
    image: Option<String>,

    /// How many tasks a replicated service has
    #[arg(long, value_name = "N")]
    replicas: Option<u32>,

    /// Set an environment variable
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = values::env)]
    env: Vec<String>,

    /// Take an environment variable away
    #[arg(long, value_name = "NAME")]
    env_rm: Vec<String>,

    #[command(flatten)]
    files: FileArgs,

    /// Cores each of its tasks may use, such as 0.5
    #[arg(long, value_name = "CORES", value_parser = values::cores)]
    cpu: Option<f64>,

    /// Memory each of its tasks may use, such as 256m or 1.5g
    #[arg(short, long, value_name = "BYTES", value_parser = values::bytes)]
    memory: Option<i64>,

    /// Arguments for the image's program, behind --
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,

    #[command(flatten)]
    cron: CronFlags,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// How tasks of one version make room for those of the next.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Update")]
pub(in crate::cli) struct PolicyArgs {
    /// Tasks that change at a time; 0 = all [default: 1]
    #[arg(long, value_name = "N")]
    update_parallelism: Option<u32>,

    /// Time between two changes [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    update_delay: Option<std::time::Duration>,

    /// start-first or stop-first [default: start-first, unless two of its tasks cannot run beside each other]
    #[arg(long, value_name = "ORDER", value_parser = values::order)]
    update_order: Option<Order>,

    /// A new task counts once it was ready for so long [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    update_monitor: Option<std::time::Duration>,

    /// A new task that is not ready after so long has failed [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    update_deadline: Option<std::time::Duration>,

    /// The share of new tasks that may fail, 0 to 1 [default: 0]
    #[arg(long, value_name = "SHARE")]
    update_max_failure_ratio: Option<f64>,

    /// What follows when more fail: rollback, pause or continue [default: rollback]
    #[arg(long, value_name = "ACTION", value_parser = values::on_failure)]
    update_failure_action: Option<OnFailure>,

    /// So many tasks change first, and the others after `orc service rollout promote` [default: 0]
    #[arg(long, value_name = "N")]
    canary: Option<u32>,
}

impl PolicyArgs {
    /// What is said, over what there is.
    pub(super) fn over(&self, before: Option<PolicyInput>) -> Option<PolicyInput> {
        let mut policy = before.clone().unwrap_or_default();
        let said = [
            set(&mut policy.parallelism, self.update_parallelism),
            set(&mut policy.delay, self.update_delay.map(Duration)),
            set(&mut policy.order, self.update_order),
            set(&mut policy.monitor, self.update_monitor.map(Duration)),
            set(&mut policy.deadline, self.update_deadline.map(Duration)),
            set(&mut policy.max_failure_ratio, self.update_max_failure_ratio),
            set(&mut policy.on_failure, self.update_failure_action),
            set(&mut policy.canary, self.canary),
        ];
        if said.contains(&true) { Some(policy) } else { before }
    }
}

/// Sets what is said; whether anything is.
fn set<T>(field: &mut Option<T>, said: Option<T>) -> bool {
    let is_said = said.is_some();
    if is_said {
        *field = said;
    }
    is_said
}

/// Flags of `orc service scale`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ScaleArgs {
    /// Which services, and how many tasks: web=5
    #[arg(value_name = "SERVICE=N", required = true, value_parser = values::scale)]
    services: Vec<(ServiceName, u32)>,

    #[command(flatten)]
    wait: WaitArgs,

    /// Print the services as JSON in the end, in place of their names
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Flags of `orc service rollback`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RollbackArgs {
    #[command(flatten)]
    service: ServiceArgs,

    /// Which version comes back [default: the one that was healthy last, or else the one before]
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Flags of `orc service rm`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    /// Which services
    #[arg(value_name = "SERVICE", required = true)]
    services: Vec<ServiceName>,

    /// Return as soon as the manager has noted it, and don't wait until their tasks have stopped
    #[arg(short, long)]
    detach: bool,

    #[command(flatten)]
    target: Target,
}

/// Changes what the flags say, on top of the version that is there now.
pub(super) async fn update(args: UpdateArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.service.api(environment)?;
    let name = &args.service.service;
    let before = args.service.look(&api).await?;
    let input = changed(&before, &args)?;
    let service = api.set_service(name, Some(before.version), &without_nulls(&input)?).await?;
    settle::see(&api, service, args.wait, args.service.json).await
}

fn changed(before: &Service, args: &UpdateArgs) -> Result<ServiceInput, CliError> {
    // What GET gives can be sent to PUT.
    let sent = serde_json::to_value(before).and_then(serde_json::from_value::<ServiceInput>);
    let mut input =
        sent.map_err(|error| CliError::Failed(format!("{} cannot be read: {error}", before.name)))?;
    if args.cron.has_schedule() {
        (input.replicas, input.completions, input.parallelism) = (None, None, None);
    }
    args.cron.clone().over(&mut input);
    let task = &mut input.task;
    set(&mut task.image, args.image.clone());
    set(&mut task.cpu, args.cpu);
    set(&mut task.memory, args.memory);
    set(&mut task.cmd, Some(args.command.clone()).filter(|command| !command.is_empty()));
    set(&mut input.replicas, args.replicas);
    let env = task.env.get_or_insert_default();
    for line in &args.env {
        let name = line.split('=').next().unwrap_or_default();
        env.retain(|known| known.split('=').next() != Some(name));
        env.push(line.clone());
    }
    env.retain(|known| !args.env_rm.iter().any(|name| known.split('=').next() == Some(name)));
    if env.is_empty() {
        task.env = None;
    }
    args.files.over(&mut input.task)?;
    input.update = args.policy.over(input.update.take());
    Ok(input)
}

/// What is not said is not sent.
pub(in crate::cli) fn without_nulls(input: &ServiceInput) -> Result<Value, CliError> {
    let mut value = serde_json::to_value(input).map_err(std::io::Error::from)?;
    if let Some(Value::Object(task)) = value.get_mut("Task") {
        task.retain(|_, value| !value.is_null());
    }
    Ok(value)
}

/// Scales services one after the other.
pub(super) async fn scale(args: ScaleArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let mut begun = Vec::new();
    for (name, replicas) in &args.services {
        begun.push(api.scale(name, *replicas).await?);
    }
    for service in begun {
        settle::see(&api, service, args.wait, args.json).await?;
    }
    Ok(())
}

/// Brings a version back.
pub(super) async fn roll_back(args: RollbackArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.service.api(environment)?;
    let service = api.roll_back(&args.service.service, args.to).await?;
    settle::see(&api, service, args.wait, args.service.json).await
}

/// Removes services, and waits until they are no more unless told not to.
pub(super) async fn remove(args: RemoveArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let mut watch = Watch::begin(&api).await;
    for name in &args.services {
        api.remove_service(name).await?;
    }
    for name in &args.services {
        if !args.detach {
            until_gone(&api, &mut watch, name).await?;
        }
        output::line(name.as_str())?;
    }
    Ok(())
}

async fn until_gone(api: &Api, watch: &mut Watch, name: &ServiceName) -> Result<(), CliError> {
    loop {
        match api.service(name).await {
            Err(ClientError::Refused { status: 404, .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(_) => watch.changed(|_| true).await,
        }
    }
}
