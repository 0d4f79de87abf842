//! Where the Docker Engine is: what every Docker client reads from its environment, decided here in one place.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The socket of a usual installation.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What a Docker client reads from its environment; an empty text counts as not set.
#[derive(Debug, Clone, Default)]
pub struct DockerEnv {
    /// `DOCKER_HOST`: `unix:///var/run/docker.sock` or `tcp://10.0.0.7:2375`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`, which says where the engine is when `DOCKER_HOST` does not.
    pub context: Option<String>,
    /// `DOCKER_CONFIG`, or `.docker` in the home directory: where contexts and registry logins are kept.
    pub config_dir: Option<PathBuf>,
    /// `DOCKER_TLS_VERIFY`: whether it has any text.
    pub tls_verify: bool,
    /// `DOCKER_API_VERSION`: `1.41`; not set = whatever the engine speaks.
    pub api_version: Option<String>,
}

/// Why the environment names no engine that orc can speak with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(pub(super) String);

/// An engine's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// Host and port, without encryption.
    Tcp(String),
}

impl DockerEnv {
    /// The address of the engine: of `DOCKER_HOST`, else of the context in use, else the usual socket.
    pub(super) fn address(&self) -> Result<Address, InvalidAddress> {
        let host = match set(self.host.as_ref()) {
            Some(host) => Some(host.to_owned()),
            None => self.context_host()?,
        };
        let address = host.as_deref().map_or_else(|| Ok(Address::Unix(DEFAULT_SOCKET.into())), parse)?;
        if matches!(address, Address::Tcp(_)) && self.tls_verify {
            return Err(InvalidAddress(
                "DOCKER_TLS_VERIFY is set, but orc speaks with a Docker Engine over a Unix socket or plain TCP \
                 only: run orc's worker beside the engine, or unset it where the network is trusted"
                    .to_owned(),
            ));
        }
        Ok(address)
    }

    /// Whether the engine is sure to be on this machine: it is spoken to over a Unix socket.
    pub fn is_here(&self) -> bool {
        matches!(self.address(), Ok(Address::Unix(_)))
    }

    /// The prefix of every path that pins the version of the API: `/v1.41`, or nothing.
    pub(super) fn api_prefix(&self) -> Result<String, InvalidAddress> {
        let Some(version) = set(self.api_version.as_ref()) else { return Ok(String::new()) };
        let numbers =
            version.split_once('.').map(|(major, minor)| (major.parse::<u16>(), minor.parse::<u16>()));
        match numbers {
            Some((Ok(major), Ok(minor))) => Ok(format!("/v{major}.{minor}")),
            _ => Err(InvalidAddress(format!(
                "DOCKER_API_VERSION is {version:?}, which is no version such as \"1.41\": correct it, or unset it to \
                 speak the engine's own"
            ))),
        }
    }

    /// The host of the context in use; `None` when that is the default one.
    fn context_host(&self) -> Result<Option<String>, InvalidAddress> {
        let Some(directory) = &self.config_dir else { return Ok(None) };
        let name = match set(self.context.as_ref()) {
            Some(name) => Some(name.to_owned()),
            None => {
                read_json::<ConfigFile>(&directory.join("config.json"))?.and_then(|config| config.current)
            }
        };
        let Some(name) = name.filter(|name| !name.is_empty() && name != "default") else { return Ok(None) };
        let folder = hex(&Sha256::digest(&name));
        let file = directory.join("contexts/meta").join(folder).join("meta.json");
        let context = read_json::<ContextFile>(&file)?.ok_or_else(|| {
            InvalidAddress(format!(
                "the Docker context {name:?} is not in {}: `docker context ls` shows those that are",
                directory.display()
            ))
        })?;
        Ok(Some(context.endpoints.docker.host))
    }
}

/// A setting that is there and not empty.
fn set(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|text| !text.is_empty())
}

/// In hexadecimal, as the Docker client names the folders of contexts.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads what `DOCKER_HOST` may say.
fn parse(host: &str) -> Result<Address, InvalidAddress> {
    match host.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => Ok(Address::Unix(path.into())),
        Some(("tcp" | "http", authority)) if is_authority(authority.trim_end_matches('/')) => {
            Ok(Address::Tcp(authority.trim_end_matches('/').to_owned()))
        }
        _ => Err(InvalidAddress(format!(
            "DOCKER_HOST is {host:?}, which orc cannot speak with: unix:///var/run/docker.sock and \
             tcp://10.0.0.7:2375 are addresses that it can; for ssh:// and https:// run orc's worker beside the engine"
        ))),
    }
}

/// Whether this is a host and a port.
fn is_authority(text: &str) -> bool {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    matches!(port, Some(Ok(1..))) && !text.contains(['/', '@'])
}

/// What orc wants to know of `config.json`.
#[derive(Deserialize)]
struct ConfigFile {
    /// Absent when the default context is in use.
    #[serde(rename = "currentContext")]
    current: Option<String>,
}

/// What orc wants to know of a context's `meta.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextFile {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: String,
}

/// A JSON file of the Docker client; `None` when there is no such file.
fn read_json<T: serde::de::DeserializeOwned>(file: &Path) -> Result<Option<T>, InvalidAddress> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(InvalidAddress(format!("{} cannot be read: {error}", file.display()))),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        InvalidAddress(format!(
            "{} is not what the Docker client writes there: {error}; set DOCKER_HOST to go without it",
            file.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(host: &str) -> DockerEnv {
        DockerEnv { host: Some(host.to_owned()), ..DockerEnv::default() }
    }

    #[test]
    fn without_any_setting_it_is_the_usual_socket() {
        assert_eq!(DockerEnv::default().address(), Ok(Address::Unix(DEFAULT_SOCKET.into())));
        assert_eq!(env("").address(), Ok(Address::Unix(DEFAULT_SOCKET.into())));
    }

    #[test]
    fn sockets_and_plain_tcp_are_understood() {
        assert_eq!(env("unix:///run/other.sock").address(), Ok(Address::Unix("/run/other.sock".into())));
        for host in ["tcp://10.0.0.7:2375", "http://10.0.0.7:2375", "tcp://10.0.0.7:2375/"] {
            assert_eq!(env(host).address(), Ok(Address::Tcp("10.0.0.7:2375".to_owned())), "{host}");
        }
    }

    #[test]
    fn what_cannot_be_spoken_with_is_named_with_the_remedy() {
        for host in
            ["ssh://me@host", "https://host:2376", "tcp://host", "tcp://:2375", "unix://relative", "nonsense"]
        {
            let error = env(host).address().unwrap_err().to_string();
            assert!(error.contains(host) && error.contains("unix:///var/run/docker.sock"), "{error}");
        }
    }

    #[test]
    fn tls_is_refused_and_not_ignored() {
        let env = DockerEnv { tls_verify: true, ..env("tcp://10.0.0.7:2376") };
        assert!(env.address().unwrap_err().to_string().starts_with("DOCKER_TLS_VERIFY is set"));
    }

    #[test]
    fn a_pinned_version_is_a_prefix() {
        let env = |version: &str| DockerEnv { api_version: Some(version.to_owned()), ..DockerEnv::default() };
        assert_eq!(env("1.41").api_prefix(), Ok("/v1.41".to_owned()));
        assert_eq!(env("").api_prefix(), Ok(String::new()));
        assert!(env("../x").api_prefix().is_err());
    }

    #[test]
    fn the_context_in_use_names_the_engine() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        let env = DockerEnv { config_dir: Some(directory.path().into()), ..DockerEnv::default() };
        assert!(env.address().unwrap_err().to_string().contains("\"far\""));

        // `printf far | sha256sum`: so the Docker client names the folder.
        let folder = "contexts/meta/512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868";
        std::fs::create_dir_all(directory.path().join(folder)).unwrap();
        let meta = r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://10.0.0.7:2375"}}}"#;
        std::fs::write(directory.path().join(folder).join("meta.json"), meta).unwrap();
        assert_eq!(env.address(), Ok(Address::Tcp("10.0.0.7:2375".to_owned())));
        let default = DockerEnv { context: Some("default".to_owned()), ..env };
        assert_eq!(default.address(), Ok(Address::Unix(DEFAULT_SOCKET.into())));
    }
}
