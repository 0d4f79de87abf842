//! The flags of `orc run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Command, Id};

use super::container::ContainerArgs;
use super::health::HealthArgs;
use crate::cli::target::Target;
use crate::cli::values::{self, Publish};
use crate::model::id::NodeName;
use crate::model::placement::Constraint;
use crate::model::spec::{Failover, PullPolicy, RestartPolicy};
use crate::wire::file_ref::FileRefInput;
use crate::wire::placement::Preference;
use crate::wire::submission::MountInput;

/// Flags of `orc run`.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
#[command(
    override_usage = "orc run [OPTIONS] IMAGE [-- CMD…]\n       orc run [OPTIONS] --file FILE",
    after_help = super::EXAMPLES
)]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    pub(super) spec: SpecArgs,

    /// Take the task from a file of JSON, a Task or a TaskEvent; - is stdin
    #[arg(short, long, conflicts_with_all = flags_of_spec(), help_heading = None::<&str>)]
    pub(super) file: Option<PathBuf>,

    /// Run it on this node and no other
    #[arg(long, help_heading = "Placement and waiting")]
    pub(super) node: Option<NodeName>,

    /// Return as soon as the manager has accepted it
    #[arg(short, long, help_heading = "Placement and waiting")]
    pub(super) detach: bool,

    /// Wait until it runs, and is healthy if it has a check: the default
    #[arg(long, conflicts_with = "detach", help_heading = "Placement and waiting")]
    pub(super) wait: bool,

    /// Give up waiting after so long; the task goes on [default: never]
    #[arg(
        long, value_name = "DURATION", conflicts_with = "detach", value_parser = values::duration,
        help_heading = "Placement and waiting"
    )]
    pub(super) wait_timeout: Option<Duration>,

    /// Print the task as JSON in the end, in place of its ID
    #[arg(long, help_heading = None::<&str>)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) target: Target,
}

/// All flags that describe a task, which a file does alone.
fn flags_of_spec() -> Vec<Id> {
    let spec = SpecArgs::augment_args(Command::new("spec"));
    spec.get_arguments().map(|flag| flag.get_id().clone()).collect()
}

/// What to run, flag by flag.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
pub(in crate::cli) struct SpecArgs {
    /// What to run, such as nginx:1.29
    #[arg(required_unless_present = "file")]
    pub(super) image: Option<String>,

    /// Arguments for the image's program, behind --
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<String>,

    /// The task's and the container's name [default: made from the image's]
    #[arg(long, value_parser = values::task_name)]
    pub(in crate::cli) name: Option<String>,

    /// Publish a port: 8080:80 (host:container), 53:53/udp, or 80 for any free host port
    #[arg(short, long, value_name = "PORT", value_parser = values::publish)]
    pub(super) publish: Vec<Publish>,

    /// Set an environment variable; NAME alone takes the value that it has here
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = values::env)]
    pub(super) env: Vec<String>,

    /// Mount a volume or a directory of the host: data:/var/lib/data, or /srv/www:/www:ro
    #[arg(short, long, value_name = "VOLUME", value_parser = values::volume)]
    pub(super) volume: Vec<MountInput>,

    /// Give it a secret as a file: NAME, or NAME:TARGET; in /run/secrets unless TARGET is absolute
    #[arg(long, value_name = "NAME[:TARGET]", value_parser = values::file)]
    pub(super) secret: Vec<FileRefInput>,

    /// Give it a config as a file: NAME, or NAME:TARGET; in / unless TARGET is absolute
    #[arg(long, value_name = "NAME[:TARGET]", value_parser = values::file)]
    pub(super) config: Vec<FileRefInput>,

    /// Set a label of the container
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = values::label)]
    pub(super) label: Vec<(String, String)>,

    /// Run this program in place of the image's; each further use adds an argument
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub(super) entrypoint: Vec<String>,

    /// Run as this user, a name or a number, with or without a group: 1000:1000
    #[arg(short, long)]
    pub(super) user: Option<String>,

    /// Start in this directory of the container
    #[arg(short, long, value_name = "DIR")]
    pub(super) workdir: Option<String>,

    /// When to fetch the image: missing, always or never
    #[arg(long, value_name = "WHEN", value_parser = values::pull_policy)]
    pub(super) pull: Option<PullPolicy>,

    #[command(flatten)]
    pub(super) limits: LimitArgs,

    #[command(flatten)]
    pub(super) container: ContainerArgs,

    #[command(flatten)]
    pub(super) placement: PlacementArgs,

    #[command(flatten)]
    pub(super) life: LifeArgs,
}

/// How much it may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Cores it may use, such as 0.5
    #[arg(long, value_name = "CORES", value_parser = values::cores)]
    pub(super) cpu: Option<f64>,

    /// Memory it may use, such as 256m or 1.5g
    #[arg(short, long, value_name = "BYTES", value_parser = values::bytes)]
    pub(super) memory: Option<i64>,

    /// Cores that its node keeps for it [default: as many as it may use]
    #[arg(long, value_name = "CORES", value_parser = values::cores)]
    pub(super) reserve_cpu: Option<f64>,

    /// Memory that its node keeps for it [default: as much as it may use]
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    pub(super) reserve_memory: Option<i64>,

    /// Disk to look for in a node; not enforced
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    pub(super) disk: Option<i64>,
}

/// Which nodes it may be on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Placement and waiting")]
pub(super) struct PlacementArgs {
    /// Only on nodes that match: node.labels.zone==a, 'node.labels.disk in (ssd,nvme)', '!node.labels.gpu',
    /// 'node.memory>=16GiB'
    #[arg(long, value_name = "RULE")]
    pub(super) constraint: Vec<Constraint>,

    /// Rather on nodes that match; a weight from -100 to 100 may stand before it [default: 50]:
    /// 10:node.labels.disk==ssd
    #[arg(long, value_name = "[WEIGHT:]RULE", value_parser = values::prefer, allow_hyphen_values = true)]
    pub(super) prefer: Vec<Preference>,

    /// Evenly over the values of this: node.labels.zone, or node.name; counts all live tasks, or those with its own
    /// value of a label: 'node.labels.zone of app'
    #[arg(long, value_name = "[WEIGHT:]WHAT", value_parser = values::spread)]
    pub(super) spread: Vec<Preference>,

    /// Never on a node with another task that has the same value of this label
    #[arg(long, value_name = "LABEL")]
    pub(super) anti_affinity: Vec<String>,
}

/// How it is kept alive and ended.
#[derive(Debug, Args)]
#[command(next_help_heading = "Health and restarts")]
pub(super) struct LifeArgs {
    /// When to start it again: no, on-failure, on-failure:5, always or unless-stopped [default: on-failure:3]
    #[arg(long, value_name = "POLICY", value_parser = values::restart_policy)]
    pub(super) restart: Option<RestartPolicy>,

    /// The least wait before each restart; those that follow wait longer and longer [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(super) restart_delay: Option<Duration>,

    /// Restarts in a row at most, whatever they follow [default: as --restart says]
    #[arg(long, value_name = "N")]
    pub(super) restart_max_attempts: Option<u32>,

    /// Having run for so long clears the count of restarts [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(super) restart_window: Option<Duration>,

    #[command(flatten)]
    pub(super) health: HealthArgs,

    /// When its node is not heard of: available begins it elsewhere soon, single only once its node has ended it or must
    /// have [default: available]
    #[arg(long, value_name = "available|single", value_parser = values::failover)]
    pub(super) failover: Option<Failover>,

    /// Time between the signal that asks it to stop and the one that kills it [default: the image's, or 10s]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(super) stop_timeout: Option<u32>,

    /// Signal that asks it to stop [default: the image's, or SIGTERM]
    #[arg(long, value_name = "SIGNAL")]
    pub(super) stop_signal: Option<String>,
}
