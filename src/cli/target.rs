//! Which manager a command speaks with.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::Args;
use hyper::Uri;

use super::api::Api;
use super::error::CliError;
use crate::settings::flags::ServerFlags;
use crate::settings::{MANAGER_PORT, Settings};

/// The flag that all clients have.
#[derive(Debug, Clone, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
pub(super) struct Target {
    /// URL of the manager [default: ORC_MANAGER_HOST and ORC_MANAGER_PORT, here or in .env, else
    /// http://localhost:8000]
    #[arg(long, value_name = "URL", help_heading = "Manager")]
    manager: Option<ManagerUrl>,
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
        self.url(environment).map(|url| Api::new(&url))
    }

    fn url(self, environment: &Environment) -> Result<ManagerUrl, CliError> {
        match self.manager {
            Some(url) => Ok(url),
            None => ManagerUrl::of_settings(&environment.settings(&ServerFlags::default())?),
        }
    }
}

/// The address of a manager: `http://localhost:8000`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManagerUrl(String);

impl ManagerUrl {
    /// Where the settings say that the manager listens.
    pub(super) fn of_settings(settings: &Settings) -> Result<Self, CliError> {
        if settings.manager.port == 0 {
            return Err(CliError::Failed(format!(
                "{MANAGER_PORT} is 0, so the manager's port is known only to itself: name it with --manager URL"
            )));
        }
        Ok(Self(format!("http://{}", settings.manager)))
    }
}

impl fmt::Display for ManagerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ManagerUrl {
    type Err = String;

    /// Reads `http://localhost:8000`, and `localhost:8000` as the same. Without a port it is the manager's
    /// usual one.
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = "a URL such as http://localhost:8000 belongs there";
        if text.starts_with("https://") {
            return Err(format!("orc speaks no TLS yet; {wanted}"));
        }
        let uri: Uri =
            text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/').parse().map_err(|_| wanted)?;
        let authority = uri.authority().filter(|_| uri.path_and_query().is_none() && uri.scheme().is_none());
        let authority =
            authority.filter(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
        let authority = authority.ok_or(wanted)?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => 8000,
            _ => authority.port_u16().ok_or(wanted)?,
        };
        Ok(Self(format!("http://{}:{port}", authority.host())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_or_without_its_scheme_and_port() {
        for (text, url) in [
            ("http://localhost:8000", "http://localhost:8000"),
            ("http://localhost:8000/", "http://localhost:8000"),
            ("localhost:9", "http://localhost:9"),
            ("127.0.0.1", "http://127.0.0.1:8000"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(text.parse::<ManagerUrl>().map(|url| url.to_string()), Ok(url.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_manager_is_refused() {
        for text in
            ["", "http://", "https://localhost:8000", "unix:///x", "localhost:8000/tasks", "a@b:1", "a:99999"]
        {
            assert!(text.parse::<ManagerUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_settings_name_the_manager_when_no_flag_does() {
        let url = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            Target { manager: None }.url(&Environment::new(variables)).map(|url| url.to_string())
        };
        let set = url(&[("ORC_MANAGER_HOST", "::1"), ("ORC_MANAGER_PORT", "8001")]);
        assert_eq!(set.unwrap(), "http://[::1]:8001");
        let free = url(&[("ORC_MANAGER_PORT", "0")]).unwrap_err().to_string();
        assert!(free.contains("--manager URL"), "{free}");
    }
}
