//! History: of one task as a list, of all as server-sent events that resume where they were cut.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State as Extract;
use axum::http::HeaderMap;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::super::Manager;
use crate::model::id::TaskId;
use crate::plan::cluster::change::Refusal;
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Query};
use crate::store::manager::StoredEvent;
use crate::wire::event::Event;

/// Events read at a time.
const PAGE: u32 = 500;

/// The history of one task, oldest first.
#[utoipa::path(get, path = "/tasks/{id}/events", params(("id" = String, Path, description = "UUID")), responses(
    (status = 200, body = Vec<Event>),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody),
))]
pub async fn of_task(
    Extract(manager): Extract<Arc<Manager>>,
    Id(id): Id<TaskId>,
) -> Result<axum::Json<Vec<Event>>, ApiError> {
    manager.reader.task(id).await?.ok_or(Refusal::UnknownTask(id))?;
    let mut events = Vec::new();
    let mut after = Some(0);
    while let Some(from) = after {
        let page = manager.reader.events_of(id, from, PAGE).await?;
        events.extend(page.items.iter().map(view));
        after = page.next;
    }
    Ok(axum::Json(events))
}

/// Where to begin, and whether to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// After the event of this number; 0 = from the beginning of history. Absent = from now.
    since: Option<u64>,
    /// Of history, only so many of the newest events.
    tail: Option<u32>,
    /// Whether to go on with what will happen; "false" ends after history.
    follow: Option<bool>,
}

/// Everything that happens, as server-sent events: `id` is its number, `event` its kind, `data` an Event. A
/// client that comes back with `Last-Event-ID` misses nothing; where history is pruned that far, an event of
/// the kind `gap` says so.
#[utoipa::path(get, path = "/events", params(EventQuery), responses(
    (status = 200, content_type = "text/event-stream", body = Event),
    (status = 400, body = ErrorBody),
))]
pub async fn all(
    Extract(manager): Extract<Arc<Manager>>,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // Subscribed before history is read, so that nothing falls between the two.
    let feed = manager.feed();
    let follow = query.follow.unwrap_or(true);
    let known = last_event_id(&headers)?.or(query.since);
    let tail = match query.tail {
        Some(tail) => manager.reader.events_before_newest(tail).await?,
        None if known.is_none() && follow => manager.reader.events_before_newest(0).await?,
        None => 0,
    };
    let after = known.unwrap_or(0).max(tail);
    // What a reader did not ask for is not missing.
    let gap = if known == Some(after) { gap_after(&manager, after).await? } else { None };
    let cursor = Cursor { manager: manager.clone(), feed, after, follow };
    let events = stream::unfold(cursor, Cursor::next).flat_map(stream::iter);
    let events = stream::iter(gap).chain(events.map(|event| sse(&event)));
    let stop = manager.stop.clone();
    let events = events.map(Ok::<_, Infallible>).take_until(async move { stop.cancelled().await });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    text.parse().map(Some).map_err(|_| {
        ApiError::bad_request(format!(
            "The header Last-Event-ID is {text:?}: it is the number of the last event that came"
        ))
    })
}

/// The event that says that some are missing after number `since`.
async fn gap_after(manager: &Manager, since: u64) -> Result<Option<axum::response::sse::Event>, ApiError> {
    if since == 0 {
        return Ok(None);
    }
    let page = manager.reader.events_after(since, 1).await?;
    let first = page.items.first().map(|event| event.seq).filter(|first| *first > since + 1);
    Ok(first.map(|first| {
        let data = format!(
            "{{\"Message\":\"the events {} to {} are pruned or were never written\"}}",
            since + 1,
            first - 1
        );
        axum::response::sse::Event::default().event("gap").data(data)
    }))
}

/// How far a reader is.
struct Cursor {
    manager: Arc<Manager>,
    feed: broadcast::Receiver<Arc<[StoredEvent]>>,
    after: u64,
    follow: bool,
}

impl Cursor {
    /// What comes next: history from the store as long as there is some, then what is called out.
    async fn next(mut self) -> Option<(Vec<StoredEvent>, Self)> {
        loop {
            let page = match self.manager.reader.events_after(self.after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!("a follower of events is cut off: {error}");
                    return None;
                }
            };
            if let Some(last) = page.items.last() {
                self.after = last.seq;
                return Some((page.items, self));
            }
            if !self.follow {
                return None;
            }
            match self.wait().await {
                Waited::Events(events) => return Some((events, self)),
                Waited::Missed => {}
                Waited::Over => return None,
            }
        }
    }

    async fn wait(&mut self) -> Waited {
        loop {
            match self.feed.recv().await {
                Ok(events) => {
                    let new: Vec<_> = events.iter().filter(|event| event.seq > self.after).cloned().collect();
                    if new.first().is_some_and(|first| first.seq > self.after + 1) {
                        return Waited::Missed;
                    }
                    if let Some(last) = new.last() {
                        self.after = last.seq;
                        return Waited::Events(new);
                    }
                }
                Err(RecvError::Lagged(_)) => return Waited::Missed,
                Err(RecvError::Closed) => return Waited::Over,
            }
        }
    }
}

enum Waited {
    Events(Vec<StoredEvent>),
    /// Some were called out too fast: the store has them.
    Missed,
    Over,
}

fn view(stored: &StoredEvent) -> Event {
    Event::new(stored.seq, &stored.source, &stored.task_name, &stored.event).of(stored.service.as_ref())
}

fn sse(stored: &StoredEvent) -> axum::response::sse::Event {
    let data = serde_json::to_string(&view(stored)).unwrap_or_default();
    axum::response::sse::Event::default()
        .id(stored.seq.to_string())
        .event(stored.event.kind.word())
        .data(data)
}
