//! What the fake engine tells without end: events and logs.

use std::future;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::sleep_until;

use super::Fake;
use super::calls::no_answer;
use super::container::Line;
use super::faults::{Fault, Verb};
use crate::engine::{EngineEvent, LogChunk, LogOptions};
use crate::model::container::{Failure, Owner};
use crate::model::id::ContainerId;
use crate::model::time::Timestamp;

/// What happens to `owner`'s containers, until the stream breaks.
pub(super) fn events(fake: &Fake, owner: &Owner) -> BoxStream<'static, Result<EngineEvent, Failure>> {
    if let Err(failure) = admit(fake, Verb::Events, "") {
        return stream::once(future::ready(Err(failure))).boxed();
    }
    let world = fake.world();
    let listener = Listener {
        fake: fake.clone(),
        owner: owner.clone(),
        events: world.host.events.subscribe(),
        breaks: world.breaks.subscribe(),
        changes: world.host.changes.subscribe(),
    };
    stream::unfold(Some(listener), Listener::next).boxed()
}

/// What a container wrote and, if wanted, writes until it ends.
pub(super) fn logs(
    fake: &Fake,
    id: &ContainerId,
    options: &LogOptions,
) -> BoxStream<'static, Result<LogChunk, Failure>> {
    if let Err(failure) = admit(fake, Verb::Logs, &id.0) {
        return stream::once(future::ready(Err(failure))).boxed();
    }
    let changes = fake.world().host.changes.subscribe();
    let reader = Reader { fake: fake.clone(), id: id.clone(), options: options.clone(), read: None, changes };
    stream::unfold(Some(reader), Reader::next).flat_map(stream::iter).boxed()
}

/// A stream is opened or is not: of the faults it knows only failing.
fn admit(fake: &Fake, verb: Verb, target: &str) -> Result<(), Failure> {
    match fake.meet(verb, target, None)? {
        None => Ok(()),
        Some(Fault::Fail(failure)) => Err(failure),
        Some(_) => Err(no_answer()),
    }
}

/// Waits until something may have happened on the host.
async fn change(fake: &Fake, changes: &mut watch::Receiver<()>) {
    let due = fake.world().host.agenda.next_due();
    let clock = async {
        match due {
            Some(due) => sleep_until(due).await,
            None => future::pending().await,
        }
    };
    tokio::select! {
        // Both may be dropped at any point: what they wait for is looked at anew each time.
        _ = changes.changed() => {}
        () = clock => {}
    }
}

/// Somebody who listens to events.
struct Listener {
    fake: Fake,
    owner: Owner,
    events: broadcast::Receiver<(Owner, EngineEvent)>,
    breaks: broadcast::Receiver<()>,
    changes: watch::Receiver<()>,
}

impl Listener {
    async fn next(listener: Option<Self>) -> Option<(Result<EngineEvent, Failure>, Option<Self>)> {
        let mut listener = listener?;
        loop {
            // `recv` may be dropped without losing an event, and so may `change`.
            tokio::select! {
                biased;
                event = listener.events.recv() => match event {
                    Ok((owner, event)) if owner == listener.owner => return Some((Ok(event), Some(listener))),
                    // Another's, or more than Docker keeps: such a gap shows nowhere.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                _ = listener.breaks.recv() => return Some((Err(no_answer()), None)),
                () = change(&listener.fake, &mut listener.changes) => {}
            }
        }
    }
}

/// Somebody who reads a container's output.
struct Reader {
    fake: Fake,
    id: ContainerId,
    options: LogOptions,
    /// How many lines it has seen or passed over; `None` before the first.
    read: Option<usize>,
    changes: watch::Receiver<()>,
}

impl Reader {
    async fn next(reader: Option<Self>) -> Option<(Vec<Result<LogChunk, Failure>>, Option<Self>)> {
        let mut reader = reader?;
        loop {
            let found = reader.look();
            match found {
                Err(failure) => return Some((vec![Err(failure)], None)),
                Ok((chunks, Further::Nothing)) => return Some((chunks, None)),
                Ok((chunks, Further::Maybe)) if !chunks.is_empty() => return Some((chunks, Some(reader))),
                Ok(_) => change(&reader.fake, &mut reader.changes).await,
            }
        }
    }

    /// The lines that are new, and whether there may be more.
    fn look(&mut self) -> Result<(Vec<Result<LogChunk, Failure>>, Further), Failure> {
        let world = self.fake.world();
        let container = world.host.find(&self.id.0)?;
        let lines = &container.output;
        let from = self.read.unwrap_or_else(|| first_line(lines, &self.options));
        let chunks = lines[from..].iter().map(|line| Ok(chunk(line, &self.options))).collect();
        self.read = Some(lines.len());
        let further =
            if self.options.follow && container.status.is_live() { Further::Maybe } else { Further::Nothing };
        Ok((chunks, further))
    }
}

/// Whether a container may write more.
enum Further {
    Maybe,
    Nothing,
}

/// The first line that is wanted.
fn first_line(lines: &[Line], options: &LogOptions) -> usize {
    let tail = options.tail.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let since = options.since.map_or(0, |since| {
        let since = Timestamp::from_millis(since.saturating_mul(1000));
        lines.iter().take_while(|line| line.at < since).count()
    });
    since.max(lines.len().saturating_sub(tail))
}

fn chunk(line: &Line, options: &LogOptions) -> LogChunk {
    let time = if options.timestamps { format!("{} ", line.at.to_rfc3339_nanos()) } else { String::new() };
    LogChunk { stderr: line.stderr, bytes: Bytes::from(format!("{time}{}\n", line.text)) }
}
