//! What a task wrote: asked for here, sent by the worker that has it, which dials.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::super::Manager;
use super::super::pipes::Piece;
use crate::model::id::TaskId;
use crate::plan::cluster::change::Refusal;
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Query};
use crate::wire::sync::StreamRequest;

/// A worker has so long to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which part of a task's output.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Go on with what it will write.
    follow: Option<bool>,
    /// Only so many last lines; "all" or absent = all.
    tail: Option<String>,
    /// Only what was written since: seconds since 1970, an RFC 3339 time, or how long ago, such as "10m".
    since: Option<String>,
    /// Begin each line with its time.
    timestamps: Option<bool>,
}

/// What a task's last container wrote, standard output and standard error together.
#[utoipa::path(get, path = "/tasks/{id}/logs", params(("id" = String, Path, description = "UUID"), LogQuery), responses(
    (status = 200, content_type = "text/plain", body = String),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such task, or no container of it is left"),
    (status = 503, body = ErrorBody, description = "Its worker is away"),
    (status = 504, body = ErrorBody, description = "Its worker does not begin to send"),
))]
pub async fn read(
    Extract(manager): Extract<Arc<Manager>>,
    Id(id): Id<TaskId>,
    Query(query): Query<LogQuery>,
) -> Result<Response, ApiError> {
    let now = manager.clock.now().wall.millis() / 1000;
    let tail = query.tail.as_deref().map(read_tail).transpose()?.flatten();
    let since = query.since.as_deref().map(|since| read_since(since, now)).transpose()?;
    let task = manager.reader.task(id).await?.ok_or(Refusal::UnknownTask(id))?;
    let node = task.node.clone().ok_or_else(|| {
        ApiError::not_found(format!(
            "The task {id} has written nothing: it has no node yet ({})",
            task.message
        ))
    })?;
    if task.observed.container.is_none() {
        return Err(ApiError::not_found(format!(
            "No container of the task {id} is left, and its output went with it ({})",
            task.message
        )));
    }
    let (number, mut pipe) = manager.pipes.open(node.clone());
    let follow = query.follow.unwrap_or(false);
    let timestamps = query.timestamps.unwrap_or(false);
    let request = StreamRequest { id: number, task: id, follow, tail, since, timestamps };
    manager.ask_for_stream(node.clone(), request).await?;
    match tokio::time::timeout(PATIENCE, pipe.recv()).await {
        Err(_) => Err(ApiError::timed_out(format!(
            "{node} has the output and does not begin to send it; see `orc nodes` for how it is"
        ))),
        Ok(Some(Err(why))) => Err(ApiError::unavailable(why)),
        Ok(first) => {
            let stop = manager.stop.clone();
            let rest = stream::unfold(pipe, receive);
            let pieces = stream::iter(first).chain(rest).map(|piece| piece.map_err(io::Error::other));
            let pieces = pieces.take_until(async move { stop.cancelled().await });
            Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(pieces))
                .into_response())
        }
    }
}

async fn receive(mut pipe: mpsc::Receiver<Piece>) -> Option<(Piece, mpsc::Receiver<Piece>)> {
    pipe.recv().await.map(|piece| (piece, pipe))
}

fn read_tail(text: &str) -> Result<Option<u64>, ApiError> {
    if text == "all" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        ApiError::bad_request(format!(
            "In the query, tail is {text:?}: a number of lines is wanted, or \"all\""
        ))
    })
}

fn read_since(text: &str, now: i64) -> Result<i64, ApiError> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    if let Some(time) = crate::model::time::Timestamp::parse(text) {
        return Ok(time.millis() / 1000);
    }
    match humantime::parse_duration(text) {
        Ok(ago) => Ok(now.saturating_sub(i64::try_from(ago.as_secs()).unwrap_or(i64::MAX))),
        Err(_) => Err(ApiError::bad_request(format!(
            "In the query, since is {text:?}: seconds since 1970, a time such as \"2026-11-22T07:26:19Z\", or how long \
             ago, such as \"10m\""
        ))),
    }
}

/// A worker sends what was asked for.
pub async fn fill(
    Extract(manager): Extract<Arc<Manager>>,
    Path((node, id)): Path<(String, u64)>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let Some(pipe) = manager.pipes.take(&node, id) else {
        return Err(ApiError::not_found(format!("Nobody reads the stream {id} any more")));
    };
    // A reader that hears nothing yet still has to learn that somebody sends.
    _ = pipe.send(Ok(bytes::Bytes::new())).await;
    let mut pieces = body.into_data_stream();
    loop {
        let piece = tokio::select! {
            piece = pieces.next() => piece,
            () = pipe.closed() => break,
        };
        match piece {
            Some(Ok(bytes)) => {
                if pipe.send(Ok(bytes)).await.is_err() {
                    break;
                }
            }
            Some(Err(error)) => {
                _ = pipe.send(Err(format!("the worker's sending broke off: {error}"))).await;
                break;
            }
            None => break,
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
