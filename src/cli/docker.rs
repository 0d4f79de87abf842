//! The `docker` program of whoever deploys: what builds images here, with their own contexts, builders and logins.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// The program.
const DOCKER: &str = "docker";

/// Why `docker` did not do what it was asked: the end of a sentence that begins with what that was.
#[derive(Debug, thiserror::Error)]
pub(super) enum DockerError {
    /// There is no such program.
    #[error("there is no program `docker` in the PATH: install Docker's client, which builds images")]
    NotThere,
    /// It could not be started, or spoken with.
    #[error("`docker` cannot be run: {0}")]
    NotRun(io::Error),
    /// It said no.
    #[error("`docker {verb}` ended with {status}{why}")]
    Failed {
        /// What it was to do.
        verb: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote, or where that is.
        why: String,
    },
}

impl From<io::Error> for DockerError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::NotThere } else { Self::NotRun(error) }
    }
}

/// Runs it with these arguments and this standard input. What it writes goes to standard error as it comes.
pub(super) async fn run(args: &[impl AsRef<OsStr>], input: Option<&str>) -> Result<(), DockerError> {
    let mut command = command(args);
    // Standard output is for results of orc.
    command.stdout(Stdio::from(io::stderr()));
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn()?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // It may have ended without reading: how it ended says why.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let status = child.wait().await?;
    ended(args, status, ", and says above why")
}

/// What it writes to standard output, without space around.
pub(super) async fn ask(args: &[impl AsRef<OsStr>]) -> Result<String, DockerError> {
    let output = command(args).stdin(Stdio::null()).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ended(args, output.status, &format!(": {}", said.trim()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Begins what writes much to standard output. Its errors go to standard error; it ends when it is dropped.
pub(super) fn begin(args: &[impl AsRef<OsStr>]) -> Result<Child, DockerError> {
    Ok(command(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

/// Whether it ended well.
pub(super) fn ended(args: &[impl AsRef<OsStr>], status: ExitStatus, why: &str) -> Result<(), DockerError> {
    if status.success() {
        return Ok(());
    }
    let verb = args.first().map(|verb| verb.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
    Err(DockerError::Failed { verb, status, why: why.to_owned() })
}

fn command(args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(DOCKER);
    command.args(args).kill_on_drop(true);
    command
}
