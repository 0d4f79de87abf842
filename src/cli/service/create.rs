//! `orc service create` and `apply`: declares services.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::WaitArgs;
use super::settle;
use super::update::{PolicyArgs, without_nulls};
use crate::cli::cron::CronFlags;
use crate::cli::error::CliError;
use crate::cli::run::{SpecArgs, read_file, task_of};
use crate::cli::target::{Environment, Target};
use crate::client::ClientError;
use crate::model::service::ServiceName;
use crate::model::spec::Protocol;
use crate::wire::service::{PortInput, ServiceInput};

/// Flags of `orc service create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orc service create nginx:1.29 --name web --replicas 3 -p 8080:80 --health /
  orc service create backup:2 --name backup --mode job -- /backup --now
  orc service create backup:2 --name nightly --cron \"0 3 * * *\" --time-zone Europe/Berlin

The service's name is all that goes to stdout; what happens until it runs goes to stderr.")]
pub(in crate::cli) struct CreateArgs {
    #[command(flatten)]
    spec: SpecArgs,

    /// Take the service from a file of JSON, such as `orc service inspect` prints; - is stdin
    #[arg(short, long, conflicts_with = "image", help_heading = None::<&str>)]
    file: Option<PathBuf>,

    /// replicated: so many tasks; global: one on every node that fits; job: each runs to its end once; cron, as with --cron
    #[arg(
        long,
        value_name = "MODE",
        default_value = "replicated",
        conflicts_with = "cron",
        help_heading = "Tasks"
    )]
    mode: String,

    /// How many tasks a replicated service has [default: 1]
    #[arg(long, value_name = "N", help_heading = "Tasks")]
    replicas: Option<u32>,

    /// How many tasks of a job have to exit with 0 [default: 1]
    #[arg(long, value_name = "N", help_heading = "Tasks")]
    completions: Option<u32>,

    /// How many tasks of a job run at a time [default: all]
    #[arg(long, value_name = "N", help_heading = "Tasks")]
    parallelism: Option<u32>,

    #[command(flatten)]
    cron: CronFlags,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    wait: WaitArgs,

    /// Print the service as JSON in the end, in place of its name
    #[arg(long, help_heading = None::<&str>)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Flags of `orc service apply`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArgs {
    /// A file of JSON, such as `orc service inspect` prints; - is stdin
    #[arg(short, long)]
    file: PathBuf,

    #[command(flatten)]
    wait: WaitArgs,

    /// Print the service as JSON in the end, in place of its name
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Declares a service by flags.
pub(super) async fn create(args: CreateArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.clone().api(environment)?;
    let (wait, json) = (args.wait, args.json);
    let input = match &args.file {
        Some(file) => Value::Object(from_file(file)?.1),
        None => without_nulls(&from_flags(args, environment)?)?,
    };
    let service = api.make_service(&input).await?;
    settle::see(&api, service, wait, json).await
}

fn from_flags(args: CreateArgs, environment: &Environment) -> Result<ServiceInput, CliError> {
    let name = args.spec.name.clone().ok_or_else(|| {
        CliError::Usage("--name is missing: it is the service's, such as --name web".to_owned())
    })?;
    let mut task = task_of(args.spec, environment)?;
    (task.id, task.name) = (None, None);
    // A port of a service is the service's, on every node: not that of one of its tasks.
    let bindings = task.port_bindings.take().unwrap_or_default();
    let ports = bindings.into_iter().map(|(target, host)| PortInput {
        published: host.0,
        target: target.number,
        protocol: (target.protocol != Protocol::Tcp).then(|| target.protocol.word().to_owned()),
        proxy_protocol: false,
    });
    let ports = ports.collect();
    task.publish_mode = None;
    let mut input = ServiceInput {
        name: Some(name),
        mode: Some(args.mode),
        replicas: args.replicas,
        completions: args.completions,
        parallelism: args.parallelism,
        task,
        ports,
        update: args.policy.over(None),
        ..ServiceInput::default()
    };
    args.cron.over(&mut input);
    Ok(input)
}

/// The service that a file describes, and its name.
fn from_file(path: &Path) -> Result<(ServiceName, Map<String, Value>), CliError> {
    let (file, text) = read_file(path)?;
    let bad = |problem: String| CliError::Failed(format!("{file} {problem}"));
    let fields: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
        bad(format!("is no JSON object of a service ({error}): `orc service inspect NAME` prints one"))
    })?;
    let name = fields.get("Name").and_then(Value::as_str).unwrap_or_default();
    let name = name.parse().map_err(|error| bad(format!("says as Name: {error}")))?;
    Ok((name, fields))
}

/// Has a service be as a file says: on top of the version that is there now.
pub(super) async fn apply(args: ApplyArgs, environment: &Environment) -> Result<(), CliError> {
    let (name, fields) = from_file(&args.file)?;
    let api = args.target.api(environment)?;
    // A version in the file is the one that whoever wrote it has seen; without one, it is what is there now.
    let seen = fields.get("Version").and_then(Value::as_u64);
    let version = match seen {
        Some(version) => Some(version),
        None => match api.service(&name).await {
            Ok(service) => Some(service.version),
            Err(ClientError::Refused { status: 404, .. }) => None,
            Err(error) => return Err(error.into()),
        },
    };
    let service = api.set_service(&name, version, &Value::Object(fields)).await?;
    settle::see(&api, service, args.wait, args.json).await
}
