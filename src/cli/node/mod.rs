//! `orc node`: what is done about one node.

mod change;
mod drain;
mod token;

use clap::{Args, Subcommand};

use super::api::Api;
use super::error::CliError;
use super::list::ListArgs;
use super::nodes;
use super::output;
use super::target::{Environment, Target};
use crate::model::id::NodeName;
use crate::model::node::Availability;
use crate::wire::node::Node;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// List nodes: the workers and what they have left
    Ls(ListArgs),
    /// Print all that is known of a node, as JSON
    Inspect(NodeArgs),
    /// Set labels, which constraints ask for: zone=a sets one, zone- takes it away
    Label(change::LabelArgs),
    /// Move its tasks to other nodes, let nothing new in, and wait until it has none
    Drain(drain::DrainArgs),
    /// Let nothing new in; what it has stays
    Pause(NodeArgs),
    /// Let it take tasks again, after a drain or a pause
    Activate(NodeArgs),
    /// Keep cores, memory or disk of it for other things than tasks
    Reserve(change::ReserveArgs),
    /// Take it out of the cluster for good
    Rm(change::RemoveArgs),
    /// Print the line with which a worker on another machine joins
    Token(token::TokenArgs),
}

/// Which node, and where its manager is.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// Which node: its name, as `orc node ls` shows it
    node: NodeName,

    /// Print the node as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

impl NodeArgs {
    fn api(&self, environment: &Environment) -> Result<Api, CliError> {
        self.target.clone().api(environment)
    }

    /// Prints the result: the name, or the whole node.
    fn print(&self, node: &Node) -> Result<(), CliError> {
        if self.json { output::json(node) } else { output::line(&node.name) }
    }
}

/// Does it.
pub(super) async fn execute(command: NodeCommand, environment: &Environment) -> Result<(), CliError> {
    match command {
        NodeCommand::Ls(args) => nodes::execute(args, environment).await,
        NodeCommand::Inspect(args) => output::json(&args.api(environment)?.node(&args.node).await?),
        NodeCommand::Label(args) => change::label(args, environment).await,
        NodeCommand::Drain(args) => drain::execute(args, environment).await,
        NodeCommand::Pause(args) => change::availability(&args, Availability::Pause, environment).await,
        NodeCommand::Activate(args) => change::availability(&args, Availability::Active, environment).await,
        NodeCommand::Reserve(args) => change::reserve(args, environment).await,
        NodeCommand::Rm(args) => change::remove(args, environment).await,
        NodeCommand::Token(args) => token::execute(args, environment).await,
    }
}
