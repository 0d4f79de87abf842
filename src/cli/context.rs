//! `orc context`: which manager is spoken with.

use clap::Subcommand;

use super::contexts::{Contexts, LOCAL, no_place};
use super::error::CliError;
use super::target::{Environment, manager_of};
use super::{output, table};
use crate::settings::flags::ServerFlags;

const HEADINGS: [&str; 3] = ["", "NAME", "MANAGER"];

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum ContextCommand {
    /// List them; a star marks the one in use
    Ls,
    /// Use one from now on; "local" is the manager that the settings name
    Use {
        /// Its name
        name: String,
    },
    /// Forget one, with its token
    Rm {
        /// Its name
        name: String,
    },
}

/// Does it.
pub(super) fn execute(command: ContextCommand, environment: &Environment) -> Result<(), CliError> {
    let path = environment.contexts_path().ok_or_else(no_place)?;
    let mut contexts = Contexts::read(&path)?;
    match command {
        ContextCommand::Ls => {
            let settings = environment.settings(&ServerFlags::default())?;
            let local = manager_of(&settings).map(|client| client.base().to_owned()).unwrap_or_default();
            return output::line(&render(&contexts, local));
        }
        ContextCommand::Use { name } => {
            if name != LOCAL {
                contexts.named(&name)?;
            }
            contexts.current = Some(name).filter(|name| name != LOCAL);
        }
        ContextCommand::Rm { name } => {
            contexts.named(&name)?;
            contexts.contexts.remove(&name);
            contexts.current = contexts.current.filter(|current| *current != name);
        }
    }
    contexts.write(&path)
}

fn render(contexts: &Contexts, local: String) -> String {
    let current = contexts.current.as_deref().unwrap_or(LOCAL);
    let all = std::iter::once((LOCAL, local))
        .chain(contexts.contexts.iter().map(|(name, context)| (name.as_str(), context.manager.clone())));
    let star = |name: &str| if name == current { "*".to_owned() } else { String::new() };
    table::render(HEADINGS, all.map(|(name, manager)| [star(name), name.to_owned(), manager]), None)
}
