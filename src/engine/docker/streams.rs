//! What an engine tells without end: events and logs.

use std::collections::HashMap;

use bollard::container::LogOutput;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptions, EventsOptionsBuilder, LogsOptionsBuilder};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, future};

use super::failure;
use crate::engine::{EngineEvent, LogChunk, LogOptions, labels};
use crate::model::container::{Exit, Failure, Owner};
use crate::model::id::ContainerId;
use crate::model::time::Timestamp;

/// What happens to `owner`'s containers, until the connection ends.
pub(super) fn events(
    client: &bollard::Docker,
    owner: &Owner,
) -> BoxStream<'static, Result<EngineEvent, Failure>> {
    let options = event_options(owner);
    let events = client.events(Some(options)).filter_map(|message| {
        future::ready(match message {
            Ok(message) => event(message).map(Ok),
            Err(error) => Some(Err(failure::from_bollard(&error))),
        })
    });
    events.boxed()
}

fn event_options(owner: &Owner) -> EventsOptions {
    let filters = HashMap::from([("type", vec!["container".to_owned()]), ("label", labels::filters(owner))]);
    let filters: HashMap<String, Vec<String>> =
        filters.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    EventsOptionsBuilder::new().filters(&filters).build()
}

/// An event that can be understood; one that cannot is no loss, for it would be a hint only.
fn event(message: EventMessage) -> Option<EngineEvent> {
    let actor = message.actor?;
    let attributes = actor.attributes?;
    Some(EngineEvent {
        container: ContainerId(actor.id?),
        task: labels::read(&attributes, labels::TASK).ok()?,
        action: message.action?,
        signal: attributes.get("signal").and_then(|signal| signal.parse().ok()),
        exit: attributes.get("exitCode").and_then(|code| code.parse().ok()).map(|code| Exit {
            code,
            oom_killed: false,
            finished_at: message.time_nano.map(|nanos| Timestamp::from_millis(nanos / 1_000_000)),
        }),
    })
}

/// What a container wrote, standard output and standard error told apart.
pub(super) fn logs(
    client: &bollard::Docker,
    id: &ContainerId,
    options: &LogOptions,
) -> BoxStream<'static, Result<LogChunk, Failure>> {
    let tail = options.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let query = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .follow(options.follow)
        .timestamps(options.timestamps)
        .tail(&tail)
        // Docker's own client counts in 32 bits as well; later than 2038 means "nothing yet".
        .since(options.since.map_or(0, |since| i32::try_from(since).unwrap_or(i32::MAX)))
        .build();
    let chunks = client.logs(&id.0, Some(query)).map(|output| match output {
        Ok(output) => Ok(chunk(output)),
        Err(error) => Err(failure::from_bollard(&error)),
    });
    chunks.boxed()
}

fn chunk(output: LogOutput) -> LogChunk {
    let stderr = matches!(output, LogOutput::StdErr { .. });
    LogChunk { stderr, bytes: output.into_bytes() }
}
