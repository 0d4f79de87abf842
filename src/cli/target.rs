//! Which manager a command speaks with.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use super::api::Api;
use super::error::CliError;
use crate::client::Client;
use crate::settings::flags::ServerFlags;
use crate::settings::{MANAGER_PORT, Settings};

/// The flag that all clients have.
#[derive(Debug, Clone, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
pub(super) struct Target {
    /// URL of the manager [default: ORC_MANAGER_HOST and ORC_MANAGER_PORT, here or in .env, else
    /// http://localhost:8000]
    #[arg(long, value_name = "URL", help_heading = "Manager", value_parser = Client::new)]
    manager: Option<Client>,
}

/// The environment variables of the process.
pub(super) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The settings that `flags`, these variables and `.env` make.
    pub(super) fn settings(&self, flags: &ServerFlags) -> Result<Settings, CliError> {
        Settings::load(flags, self.0.iter().cloned(), Path::new(".env"))
            .map_err(|error| CliError::Failed(error.to_string()))
    }

    /// A variable, when it is set and is text.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.to_str())
    }
}

impl Target {
    /// The API of the manager that is meant. Nothing is dialled yet.
    pub(super) fn api(self, environment: &Environment) -> Result<Api, CliError> {
        match self.manager {
            Some(client) => Ok(Api::new(client)),
            None => manager_of(&environment.settings(&ServerFlags::default())?).map(Api::new),
        }
    }
}

/// The manager where the settings say that it listens.
pub(super) fn manager_of(settings: &Settings) -> Result<Client, CliError> {
    if settings.manager.port == 0 {
        return Err(CliError::Failed(format!(
            "{MANAGER_PORT} is 0, so the manager's port is known only to itself: name it with --manager URL"
        )));
    }
    Client::new(&settings.manager.to_string()).map_err(|error| CliError::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_name_the_manager_when_no_flag_does() {
        let base = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let settings = Environment::new(variables).settings(&ServerFlags::default()).unwrap();
            manager_of(&settings).map(|client| client.base().to_owned())
        };
        let set = base(&[("ORC_MANAGER_HOST", "::1"), ("ORC_MANAGER_PORT", "8001")]);
        assert_eq!(set.unwrap(), "http://[::1]:8001");
        let free = base(&[("ORC_MANAGER_PORT", "0")]).unwrap_err().to_string();
        assert!(free.contains("--manager URL"), "{free}");
    }
}
