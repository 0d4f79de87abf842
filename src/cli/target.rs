//! Which manager a command speaks with.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};

use clap::Args;

use super::api::Api;
use super::contexts::{self, Context, Contexts, LOCAL};
use super::error::CliError;
use crate::client::Client;
use crate::settings::flags::ServerFlags;
use crate::settings::{Listen, MANAGER_PORT, Settings};

/// The flag that all clients have.
#[derive(Debug, Clone, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
pub(super) struct Target {
    /// URL of the manager [default: that of the context in use, else ORC_MANAGER_HOST and ORC_MANAGER_PORT, here or in
    /// .env, else http://localhost:8000]
    #[arg(long, value_name = "URL", help_heading = "Manager", value_parser = Client::new)]
    manager: Option<Client>,

    /// Speak with the manager of this context [default: the one in use, see `orc context`]
    #[arg(long, value_name = "NAME", help_heading = "Manager", conflicts_with = "manager")]
    context: Option<String>,
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

    /// All of them that are texts.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let text = |(name, value): &(OsString, OsString)| {
            Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
        };
        self.0.iter().filter_map(text).collect()
    }

    /// Where logins are kept; `None` = this user has no place for them.
    pub(super) fn contexts_path(&self) -> Option<PathBuf> {
        contexts::path(self.variable("ORC_CONFIG"), self.variable("XDG_CONFIG_HOME"), self.variable("HOME"))
    }

    /// The logins.
    fn contexts(&self) -> Result<Contexts, CliError> {
        self.contexts_path().map_or_else(|| Ok(Contexts::default()), |path| Contexts::read(&path))
    }
}

impl Target {
    /// The API of the manager that is meant. Nothing is dialled yet.
    pub(super) fn api(self, environment: &Environment) -> Result<Api, CliError> {
        let contexts = environment.contexts()?;
        if let Some(client) = self.manager {
            // Whoever has logged in there need not say it twice.
            let known = contexts.at(client.base()).map(Context::client);
            return known.unwrap_or(Ok(client)).map(Api::new);
        }
        match self.context.or(contexts.current.clone()).filter(|name| name != LOCAL) {
            Some(name) => contexts.named(&name)?.client().map(Api::new),
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
    let listen = &settings.manager;
    let url = if is_here(listen) { listen.local_url() } else { format!("https://{listen}") };
    Client::new(&url).map_err(|error| CliError::Failed(error.to_string()))
}

/// Whether it is this machine that listens there, as far as the address tells.
fn is_here(listen: &Listen) -> bool {
    let can_be_taken = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    listen.is_loopback() || listen.host.parse().is_ok_and(can_be_taken)
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
        let all = base(&[("ORC_MANAGER_HOST", "0.0.0.0"), ("ORC_MANAGER_PORT", "8001")]);
        assert_eq!(all.unwrap(), "http://localhost:8001");
        let elsewhere = base(&[("ORC_MANAGER_HOST", "203.0.113.7")]);
        assert_eq!(elsewhere.unwrap(), "https://203.0.113.7:8000");
        let free = base(&[("ORC_MANAGER_PORT", "0")]).unwrap_err().to_string();
        assert!(free.contains("--manager URL"), "{free}");
    }
}
