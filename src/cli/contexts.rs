//! Which managers a person has logged in to: a file of their own, with a token for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::CliError;
use crate::client::Client;
use crate::trust::client::{Believed, config};
use crate::trust::{TrustError, files};

/// The manager where the settings say: what is spoken with when no context is in use.
pub(super) const LOCAL: &str = "local";

/// The file, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Contexts {
    /// The one in use; `None` = that of the settings.
    pub(super) current: Option<String>,
    /// All of them, by their names.
    pub(super) contexts: BTreeMap<String, Context>,
}

/// A manager, and how to speak with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Context {
    /// Its URL.
    pub(super) manager: String,
    /// The digest of the authority that is believed there; `None` = plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pin: Option<String>,
    /// The token.
    pub(super) token: String,
}

/// Not its token.
impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("manager", &self.manager)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

impl Contexts {
    /// Reads the file; there are none when it is not there.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let Some(text) = files::read(path).map_err(failed)? else { return Ok(Self::default()) };
        serde_json::from_str(&text).map_err(|error| {
            CliError::Failed(format!(
                "{} cannot be understood ({error}): put it right, or remove it and log in again",
                path.display()
            ))
        })
    }

    /// Writes the file, for this user's eyes only.
    pub(super) fn write(&self, path: &Path) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from)?;
        files::write(path, &format!("{text}\n")).map_err(failed)
    }

    /// The context of this name.
    pub(super) fn named(&self, name: &str) -> Result<&Context, CliError> {
        self.contexts.get(name).ok_or_else(|| {
            let known: Vec<&str> =
                std::iter::once(LOCAL).chain(self.contexts.keys().map(String::as_str)).collect();
            CliError::Failed(format!(
                "there is no context {name:?}, there are {}: `orc login URL --name {name}` makes one",
                known.join(", ")
            ))
        })
    }

    /// The context of the manager at this URL, if somebody has logged in there.
    pub(super) fn at(&self, manager: &str) -> Option<&Context> {
        self.contexts.values().find(|context| context.manager == manager)
    }
}

impl Context {
    /// A client that shows the token, and believes the authority.
    pub(super) fn client(&self) -> Result<Client, CliError> {
        let invalid = |problem: String| {
            CliError::Failed(format!("the context of {} is damaged ({problem}): log in again", self.manager))
        };
        let client = Client::new(&self.manager).map_err(|error| invalid(error.to_string()))?;
        let client = client.bearing(&self.token.parse().map_err(invalid)?);
        match &self.pin {
            None => Ok(client),
            Some(pin) => {
                let tls = config(Believed::Pin(pin.parse().map_err(invalid)?), None).map_err(failed)?;
                Ok(client.believing(tls))
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(error: TrustError) -> CliError {
    CliError::Failed(error.to_string())
}

/// Where the file is: where `named` says, else among the configuration of this user's programs.
pub(super) fn path(named: Option<&str>, xdg: Option<&str>, home: Option<&str>) -> Option<PathBuf> {
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(PathBuf::from);
    let config = said(xdg).or_else(|| said(home).map(|home| home.join(".config")));
    said(named).or_else(|| config.map(|dir| dir.join("orc").join("config.json")))
}

/// Why there is no such file.
pub(super) fn no_place() -> CliError {
    CliError::Failed("this user has no home directory: name a file for logins with ORC_CONFIG".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{ApiToken, Digest};

    fn context() -> Context {
        Context {
            manager: "https://10.0.0.1:8000".to_owned(),
            pin: Some(Digest::of("authority").to_string()),
            token: ApiToken::generate().to_string(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_a_token_is_in_no_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("orc").join("config.json");
        assert_eq!(Contexts::read(&path).unwrap(), Contexts::default());
        let contexts =
            Contexts { current: Some("prod".to_owned()), contexts: [("prod".to_owned(), context())].into() };
        contexts.write(&path).unwrap();
        assert_eq!(Contexts::read(&path).unwrap(), contexts);
        assert!(
            contexts.at("https://10.0.0.1:8000").is_some() && contexts.at("https://10.0.0.2:8000").is_none()
        );
        assert!(!format!("{contexts:?}").contains("ORC-"));
        assert_eq!(contexts.named("prod").unwrap().client().unwrap().base(), "https://10.0.0.1:8000");
        let unknown = contexts.named("test").unwrap_err().to_string();
        assert!(unknown.contains("there are local, prod"), "{unknown}");
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, "{").unwrap();
        assert!(Contexts::read(&path).unwrap_err().to_string().contains("log in again"));
        let damaged = Context { token: "ORC-1".to_owned(), ..context() };
        assert!(damaged.client().unwrap_err().to_string().contains("log in again"));
    }

    #[test]
    fn the_file_is_where_programs_keep_their_configuration() {
        let found = |named, xdg, home| path(named, xdg, home).map(|path| path.display().to_string());
        assert_eq!(found(Some("/x/c"), Some("/xdg"), Some("/home/a")).as_deref(), Some("/x/c"));
        assert_eq!(found(None, Some("/xdg"), Some("/home/a")).as_deref(), Some("/xdg/orc/config.json"));
        assert_eq!(
            found(None, Some(""), Some("/home/a")).as_deref(),
            Some("/home/a/.config/orc/config.json")
        );
        assert_eq!(found(None, None, None), None);
    }
}
