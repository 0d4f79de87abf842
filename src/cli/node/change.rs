//! `orc node label`, `pause`, `activate`, `reserve` and `rm`: what is done once it is written down.

use clap::Args;

use super::NodeArgs;
use crate::cli::error::CliError;
use crate::cli::target::Environment;
use crate::cli::{output, values};
use crate::model::label;
use crate::model::node::Availability;
use crate::plan::cluster::change::Force;
use crate::wire::node_patch::{NodePatchInput, ReservedInput};

/// Flags of `orc node label`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LabelArgs {
    #[command(flatten)]
    node: NodeArgs,

    /// A label to set, zone=a, or to take away, zone-
    #[arg(required = true, value_name = "KEY=VALUE|KEY-", value_parser = edit)]
    labels: Vec<Edit>,
}

/// A label, and its value; without one it goes.
type Edit = (String, Option<String>);

/// Flags of `orc node reserve`.
#[derive(Debug, Args)]
#[group(id = "amounts", required = true, multiple = true, args = ["cpu", "memory", "disk"])]
pub(in crate::cli) struct ReserveArgs {
    #[command(flatten)]
    node: NodeArgs,

    /// Cores that tasks may not have, such as 0.5; 0 gives them back
    #[arg(long, value_name = "CORES", value_parser = values::cores)]
    cpu: Option<f64>,

    /// Memory that tasks may not have, such as 1g
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    memory: Option<i64>,

    /// Disk that tasks may not have, such as 10g
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    disk: Option<i64>,
}

/// Flags of `orc node rm`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    #[command(flatten)]
    node: NodeArgs,

    /// Remove it though it is heard of, or has tasks: they run elsewhere then
    #[arg(long)]
    force: bool,
}

/// Sets labels and takes labels away.
pub(super) async fn label(args: LabelArgs, environment: &Environment) -> Result<(), CliError> {
    let labels = args.labels.into_iter().collect();
    change(&args.node, &NodePatchInput { labels, ..NodePatchInput::default() }, environment).await
}

/// Says what a node may do.
pub(super) async fn availability(
    args: &NodeArgs,
    to: Availability,
    environment: &Environment,
) -> Result<(), CliError> {
    change(args, &NodePatchInput { availability: Some(to), ..NodePatchInput::default() }, environment).await
}

/// Says what tasks may not have.
pub(super) async fn reserve(args: ReserveArgs, environment: &Environment) -> Result<(), CliError> {
    let reserved = ReservedInput {
        cpu: args.cpu,
        memory: args.memory.map(i64::unsigned_abs),
        disk: args.disk.map(i64::unsigned_abs),
    };
    let patch = NodePatchInput { reserved: Some(reserved), ..NodePatchInput::default() };
    change(&args.node, &patch, environment).await
}

/// Takes a node out of the cluster.
pub(super) async fn remove(args: RemoveArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.node.api(environment)?;
    let last = api.node(&args.node.node).await?;
    api.remove_node(&args.node.node, if args.force { Force::Yes } else { Force::No }).await?;
    if last.state != "unreachable" {
        output::note("its worker is still heard of: end it, or it joins again if it may");
    }
    args.node.print(&last)
}

async fn change(args: &NodeArgs, patch: &NodePatchInput, environment: &Environment) -> Result<(), CliError> {
    let node = args.api(environment)?.set_node(&args.node, patch).await?;
    args.print(&node)
}

/// `zone=a`, `zone-`.
fn edit(text: &str) -> Result<Edit, String> {
    let (key, value) = match (text.split_once('='), text.strip_suffix('-')) {
        (Some((key, value)), _) => (key, Some(value)),
        (None, Some(key)) => (key, None),
        (None, None) => return Err("KEY=VALUE belongs there, or KEY- to take a label away".to_owned()),
    };
    label::check_key(key)?;
    value.map_or(Ok(()), |value| label::check_value(key, value))?;
    Ok((key.to_owned(), value.map(ToOwned::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_set_by_an_equals_sign_and_taken_away_by_a_hyphen() {
        let is = |key: &str, value: Option<&str>| Ok((key.to_owned(), value.map(ToOwned::to_owned)));
        assert_eq!(edit("zone=a"), is("zone", Some("a")));
        assert_eq!(edit("zone="), is("zone", Some("")));
        assert_eq!(edit("zone=a-"), is("zone", Some("a-")));
        assert_eq!(edit("zone=a=b"), is("zone", Some("a=b")));
        assert_eq!(edit("zone-"), is("zone", None));
        assert!(edit("zone").unwrap_err().contains("KEY- to take a label away"));
        assert!(edit("a b=c").unwrap_err().contains("is no key of a label"));
        assert!(edit("-").unwrap_err().contains("is no key of a label"));
    }
}
