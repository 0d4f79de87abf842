//! `orc events`: what happened, and why.

use clap::Args;

use super::api::Api;
use super::error::CliError;
use super::find::find;
use super::sse::{EventStream, Told};
use super::target::{Environment, Target};
use super::{output, words};
use crate::model::time::Timestamp;
use crate::wire::event::Event;

/// Flags of `orc events`.
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    /// Only what is about this task: its ID, the beginning of it, or its name
    task: Option<String>,

    /// Go on with what will happen
    #[arg(short, long)]
    follow: bool,

    /// Only so many of the newest lines of what has happened [default: all]
    #[arg(long, value_name = "N")]
    tail: Option<u32>,

    /// Print JSON, an event on each line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Prints history, and goes on with it if told so.
pub(super) async fn execute(args: EventsArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let printer = Printer { json: args.json };
    match &args.task {
        Some(word) => {
            let id = find(&api, word).await?.id;
            let last = printer.print_history_of(&api, &id, args.tail).await?;
            if !args.follow {
                return Ok(());
            }
            printer.print_stream(api.events_since(last).await?, Some(id)).await?;
        }
        None => printer.print_stream(api.events(args.tail, args.follow).await?, None).await?,
    }
    if !args.follow {
        return Ok(());
    }
    Err(CliError::Failed("the manager has ended the stream of events: is it being stopped?".to_owned()))
}

/// The next event. Of those that are missing stderr tells.
async fn next(stream: &mut EventStream) -> Result<Option<Box<Event>>, CliError> {
    loop {
        match stream.next().await.map_err(|error| CliError::Failed(error.to_string()))? {
            Some(Told::Event(event)) => return Ok(Some(event)),
            Some(Told::Gap(message)) => output::note(&words::plain(&message)),
            None => return Ok(None),
        }
    }
}

/// How events are printed.
struct Printer {
    json: bool,
}

impl Printer {
    /// Prints what comes until the stream ends: all of it, or what is about one task.
    async fn print_stream(&self, mut stream: EventStream, task: Option<String>) -> Result<(), CliError> {
        while let Some(event) = next(&mut stream).await? {
            if task.is_none() || event.task_id == task {
                self.print(&event)?;
            }
        }
        Ok(())
    }

    /// Prints the history of a task. Returns the number of its last event.
    async fn print_history_of(&self, api: &Api, id: &str, tail: Option<u32>) -> Result<u64, CliError> {
        let history = api.events_of(id).await?;
        let newest = tail.and_then(|tail| usize::try_from(tail).ok()).unwrap_or(usize::MAX);
        let older = history.len().saturating_sub(newest);
        history[older..].iter().try_for_each(|event| self.print(event))?;
        Ok(history.last().map_or(0, |event| event.seq))
    }

    fn print(&self, event: &Event) -> Result<(), CliError> {
        if self.json { output::json_line(event) } else { output::line(&line(event)) }
    }
}

/// An event on one line: when, what kind, about what, and the sentence.
fn line(event: &Event) -> String {
    let at = Timestamp::parse(&event.at).map_or_else(|| words::plain(&event.at), |at| at.to_string());
    let node = event.node.as_deref().unwrap_or_default();
    let about = match (&*event.task_name, node) {
        ("", node) => node.to_owned(),
        (task, "") => task.to_owned(),
        (task, node) => format!("{task}@{node}"),
    };
    format!("{at}  {:<14}  {about}  {}", event.kind, words::plain(&event.message))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::samples::event;

    #[test]
    fn an_event_is_one_line_whatever_it_is_about() {
        let lines = [
            json!({}),
            json!({ "Node": null, "Kind": "stop-requested", "Message": "a user wants it stopped" }),
            json!({ "TaskID": null, "TaskName": "", "Kind": "node-lost", "Message": "not heard of\nfor 10 s" }),
            json!({ "At": "some day", "TaskID": null, "TaskName": "", "Node": null }),
        ];
        let lines: Vec<_> = lines.iter().map(|fields: &Value| line(&event(fields))).collect();
        expect![[r"
            2026-11-22T07:26:19.690Z  started         web@worker-1  container c0ffee runs
            2026-11-22T07:26:19.690Z  stop-requested  web  a user wants it stopped
            2026-11-22T07:26:19.690Z  node-lost       worker-1  not heard of for 10 s
            some day  started           container c0ffee runs"]]
        .assert_eq(&lines.join("\n"));
    }
}
