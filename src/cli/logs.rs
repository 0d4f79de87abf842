//! `orc logs`: what a task writes.

use clap::Args;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::api::{LogQuery, Pieces};
use super::error::CliError;
use super::find::find;
use super::lines::LineBuffer;
use super::output;
use super::target::{Environment, Target};
use crate::model::time::Timestamp;

/// Flags of `orc logs`.
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// Which task: its ID, the beginning of it, or its name
    task: String,

    /// Go on with what it will write
    #[arg(short, long)]
    follow: bool,

    /// Only so many of the last lines [default: all]
    #[arg(long, value_name = "N")]
    tail: Option<u64>,

    /// Only what it wrote since then: 10m (ago), or a time such as 2026-11-22T07:30:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<String>,

    /// Begin each line with its time
    #[arg(short, long)]
    timestamps: bool,

    /// Print JSON, an object with Time and Line on each line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Prints what a task writes, as it is.
pub(super) async fn execute(args: LogsArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let task = find(&api, &args.task).await?;
    let query = LogQuery {
        follow: args.follow,
        tail: args.tail,
        since: args.since,
        timestamps: args.timestamps || args.json,
    };
    let pieces = api.logs(&task.id, &query).await?;
    if args.json { print_json(pieces).await } else { print(pieces).await }
}

async fn print(mut pieces: Pieces) -> Result<(), CliError> {
    while let Some(piece) = pieces.next().await {
        output::bytes(&piece?)?;
    }
    Ok(())
}

async fn print_json(mut pieces: Pieces) -> Result<(), CliError> {
    let mut lines = LineBuffer::default();
    while let Some(piece) = pieces.next().await {
        lines.push(&piece?);
        while let Some(line) = lines.next_line() {
            output::json_line(&timed(&line))?;
        }
    }
    lines.rest().map_or(Ok(()), |line| output::json_line(&timed(&line)))
}

/// A line that begins with its time. What is no text in it is replaced.
fn timed(line: &[u8]) -> Value {
    let line = String::from_utf8_lossy(line);
    let (time, line) = line.split_once(' ').unwrap_or((&line, ""));
    json!({ "Time": time, "Line": line })
}

/// A time, or how long ago. The manager reads it again, and by its own clock.
fn since(text: &str) -> Result<String, String> {
    if Timestamp::parse(text).is_some() || humantime::parse_duration(text).is_ok() {
        return Ok(text.to_owned());
    }
    Err("how long ago belongs there, such as 10m, or a time such as 2026-11-22T07:30:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_or_how_long_ago() {
        assert_eq!(since("10m"), Ok("10m".to_owned()));
        assert!(since("2026-11-22T07:30:00+01:00").is_ok());
        assert!(since("yesterday").is_err() && since("10").is_err());
    }

    #[test]
    fn a_line_in_json_has_its_time_beside_it() {
        let line = b"2026-11-22T07:30:00.1Z a \xff b";
        assert_eq!(timed(line), json!({ "Time": "2026-11-22T07:30:00.1Z", "Line": "a \u{fffd} b" }));
        assert_eq!(timed(b"2026-11-22T07:30:00.1Z")["Line"], "");
    }
}
