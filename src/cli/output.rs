//! What is written where: results to stdout, everything else to stderr.

use std::io::{self, Write as _};

use serde::Serialize;

use super::error::CliError;

/// A line of the result.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    bytes(format!("{text}\n").as_bytes())
}

/// The result as it is, at once.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// The result as JSON that people can read, too.
pub(super) fn json(value: &impl Serialize) -> Result<(), CliError> {
    line(&serde_json::to_string_pretty(value).map_err(io::Error::from)?)
}

/// One of a stream of results: JSON on a line of its own.
pub(super) fn json_line(value: &impl Serialize) -> Result<(), CliError> {
    line(&serde_json::to_string(value).map_err(io::Error::from)?)
}

/// A line for people beside the result. Lost when nobody reads stderr.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
