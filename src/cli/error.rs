//! How a command fails: the sentence that it leaves on stderr, and its exit code.

use std::io;
use std::process::ExitCode;

use super::output;
use crate::client::ClientError;
use crate::settings::{MANAGER_HOST, MANAGER_PORT};

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// What was typed makes no sense; exit code 2. Most of this clap finds by itself.
    #[error("{0}")]
    Usage(String),
    /// It was tried and failed; exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Ctrl-C ended the wait for something that goes on; exit code 130, the shells' own for it.
    #[error("{0}")]
    Interrupted(String),
    /// A plan that would change something; a quiet end, exit code 2.
    #[error("there is something to change")]
    Changes,
    /// Nobody reads the output any more, as after `| head`: a quiet end, exit code 0.
    #[error("nobody reads the output")]
    ReaderGone,
}

impl CliError {
    /// Tells people on stderr and the shell by the exit code.
    pub(super) fn tell(&self) -> ExitCode {
        let code = match self {
            Self::ReaderGone => return ExitCode::SUCCESS,
            Self::Changes => return ExitCode::from(2),
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Interrupted(_) => 130,
        };
        output::note(&format!("error: {self}"));
        ExitCode::from(code)
    }
}

/// What a manager did not do, or whether there is one.
impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        Self::Failed(match error {
            ClientError::NotSent { base, reason } => format!(
                "no manager answers at {base} ({reason}): `orc` starts one here, and --manager URL or {MANAGER_HOST} \
                 and {MANAGER_PORT} say where one is",
                MANAGER_HOST = MANAGER_HOST.env,
                MANAGER_PORT = MANAGER_PORT.env,
            ),
            other => other.to_string(),
        })
    }
}

/// An error of writing the output, or of starting the runtime.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(format!("the output cannot be written: {error}")),
        }
    }
}
