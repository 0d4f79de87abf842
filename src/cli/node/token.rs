//! `orc node token`: prints the line with which a worker on another machine joins.

use std::time::Duration;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::target::{Environment, Target};
use crate::cli::{output, values};
use crate::model::access::Role;
use crate::wire::access::TokenInput;

/// Flags of `orc node token`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TokenArgs {
    /// How long a worker may join with it
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = values::duration)]
    ttl: Duration,

    /// How many workers may join with it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    uses: u32,

    /// Make all earlier ones void at once
    #[arg(long)]
    rotate: bool,

    /// What it is for, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Makes a token to join with.
pub(super) async fn execute(args: TokenArgs, environment: &Environment) -> Result<(), CliError> {
    let wanted = TokenInput {
        role: Role::Join,
        name: args.note,
        ttl: Some(args.ttl.as_secs()),
        uses: Some(args.uses),
        rotate: args.rotate,
    };
    let made = args.target.api(environment)?.make_token(&wanted).await?;
    if args.json {
        return output::json(&made);
    }
    output::line(made.command.as_deref().unwrap_or(&made.secret))
}
