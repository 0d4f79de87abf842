//! What all commands have in common that list something: their flags, and how they print it.

use clap::Args;
use serde::Serialize;

use super::api::Api;
use super::error::CliError;
use super::target::{Environment, Target};
use super::{output, table};
use crate::clock::Clock;
use crate::model::time::Timestamp;

/// Flags of a command that lists.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

impl ListArgs {
    /// The manager that is asked.
    pub(super) fn api(&self, environment: &Environment) -> Result<Api, CliError> {
        self.target.clone().api(environment)
    }

    /// Prints what there is: as JSON, or as the table that `render` makes of it now, for so wide a terminal.
    pub(super) fn print<T: Serialize>(
        &self,
        items: &[T],
        render: impl FnOnce(&[T], Timestamp, Option<u16>) -> String,
    ) -> Result<(), CliError> {
        if self.json {
            return output::json(&items);
        }
        output::line(&render(items, Clock.now().wall, table::terminal_width()))
    }
}
