//! `/tasks`: what people want, and how it is.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::{Accepted, Manager};
use crate::model::id::{NodeName, TaskId};
use crate::model::request::Request;
use crate::model::service::ServiceName;
use crate::model::state::State;
use crate::model::task::Task;
use crate::model::time::Timestamp;
use crate::plan::cluster::change::{Refusal, Submission};
use crate::serve::error::ErrorBody;
use crate::serve::path::parse;
use crate::serve::{ApiError, Id, Json, Query};
use crate::store::manager::TaskFilter;
use crate::wire::submission::{TaskEventInput, Wanted};
use crate::wire::task::{NEXT_CURSOR, Task as TaskView, TaskEvent, state_of_number};

/// Which tasks, and how many.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Only in this state: a number as in `State`, or a word such as "running"; several are separated by commas.
    state: Option<String>,
    /// Only of this name.
    name: Option<String>,
    /// Only on this node.
    #[param(value_type = Option<String>)]
    node: Option<NodeName>,
    /// Only of this service.
    #[param(value_type = Option<String>)]
    service: Option<ServiceName>,
    /// At most so many, 1 to 1000; absent = all.
    #[serde(rename = "limit", alias = "Limit")]
    limit: Option<u32>,
    /// Where to begin: the `X-Next-Cursor` of the page before.
    #[serde(rename = "cursor", alias = "Cursor")]
    cursor: Option<u64>,
}

/// Every task, oldest first.
#[utoipa::path(get, path = "/tasks", params(TaskQuery), responses(
    (status = 200, body = Vec<TaskView>, description = "The tasks; `[]` when there is none"),
    (status = 400, body = ErrorBody),
))]
pub async fn list(
    Extract(manager): Extract<Arc<Manager>>,
    Query(query): Query<TaskQuery>,
) -> Result<Response, ApiError> {
    let filter = TaskFilter {
        states: query.state.as_deref().map(read_states).transpose()?.unwrap_or_default(),
        name: query.name,
        node: query.node,
        service: query.service,
    };
    match query.limit {
        Some(limit @ 1..=1000) => page(&manager, &filter, query.cursor.unwrap_or(0), limit).await,
        Some(limit) => {
            Err(ApiError::bad_request(format!("In the query, limit is {limit}: from 1 to 1000 is possible")))
        }
        None => Ok(all(manager, filter)),
    }
}

fn read_states(text: &str) -> Result<Vec<State>, ApiError> {
    text.split(',').map(read_state).collect()
}

fn read_state(text: &str) -> Result<State, ApiError> {
    let by_number = text.parse().ok().and_then(state_of_number);
    by_number.map_or_else(|| text.parse(), Ok).map_err(|_| {
        ApiError::bad_request(format!(
            "In the query, State is {text:?}: pending (0), scheduled (1), running (2), completed (3) and failed (-1) are"
        ))
    })
}

async fn page(manager: &Manager, filter: &TaskFilter, after: u64, limit: u32) -> Result<Response, ApiError> {
    let page = manager.reader.tasks(filter, after, limit).await?;
    let views: Vec<TaskView> = page.items.iter().map(|task| manager.view(task)).collect();
    let mut headers = HeaderMap::new();
    if let Some(next) = page.next {
        headers.insert(HeaderName::from_static(NEXT_CURSOR), HeaderValue::from(next));
    }
    Ok((headers, axum::Json(views)).into_response())
}

/// All of them, streamed: a million tasks take no more memory here than a few hundred.
fn all(manager: Arc<Manager>, filter: TaskFilter) -> Response {
    let tasks = manager.reader.stream(filter);
    let views = tasks.map(move |task| task.map(|task| manager.view(&task)));
    let chunks = views.ready_chunks(100).scan("", |before, views| {
        let chunk = write_chunk(before, views);
        *before = ",";
        std::future::ready(Some(chunk))
    });
    let bracket = |text: &'static [u8]| stream::once(std::future::ready(Ok(Bytes::from_static(text))));
    let body = Body::from_stream(bracket(b"[").chain(chunks).chain(bracket(b"]")));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Some tasks, with `before` before the first and a comma between them.
fn write_chunk(
    before: &'static str,
    views: Vec<Result<TaskView, crate::store::Error>>,
) -> Result<Bytes, crate::store::Error> {
    let mut chunk = Vec::with_capacity(views.len() * 1024);
    let mut before = before;
    for view in views {
        chunk.extend_from_slice(before.as_bytes());
        serde_json::to_writer(&mut chunk, &view?).unwrap_or_default();
        before = ",";
    }
    Ok(Bytes::from(chunk))
}

/// One task.
#[utoipa::path(get, path = "/tasks/{id}", params(("id" = String, Path, description = "UUID")), responses(
    (status = 200, body = TaskView),
    (status = 400, body = ErrorBody, description = "Not a UUID"),
    (status = 404, body = ErrorBody),
))]
pub async fn get(
    Extract(manager): Extract<Arc<Manager>>,
    Id(id): Id<TaskId>,
) -> Result<axum::Json<TaskView>, ApiError> {
    let task = manager.reader.task(id).await?.ok_or(Refusal::UnknownTask(id))?;
    Ok(axum::Json(manager.view(&task)))
}

/// Runs or stops a task.
#[utoipa::path(post, path = "/tasks", request_body = TaskEventInput, responses(
    (status = 201, body = TaskEvent, description = "Stored durably; the same event sent again gives the same answer"),
    (status = 400, body = ErrorBody, description = "Malformed, or an unknown field"),
    (status = 404, body = ErrorBody, description = "State 3 of a task that does not exist"),
    (status = 409, body = ErrorBody, description = "The name or an ID is in use"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody, description = "A field's value is not possible"),
    (status = 507, body = ErrorBody, description = "The disk is full"),
))]
pub async fn submit(
    Extract(manager): Extract<Arc<Manager>>,
    Json(event): Json<TaskEventInput>,
) -> Result<Response, ApiError> {
    accept(&manager, event, None).await
}

/// Stores what a `TaskEvent` asks for, then answers.
pub(super) async fn accept(
    manager: &Manager,
    event: TaskEventInput,
    pinned: Option<NodeName>,
) -> Result<Response, ApiError> {
    let digest = event.digest() + pinned.as_ref().map_or("", NodeName::as_str);
    let now = manager.clock.now().wall;
    let id = event.id.unwrap_or_else(crate::model::id::RequestId::generate);
    let requested_at = requested_at(&event, now)?;
    let wanted = event.wanted(&manager.policy).map_err(ApiError::unprocessable)?;
    let state = i8::try_from(event.state.unwrap_or(2)).unwrap_or(2);
    let answer = |task: &Task| TaskEvent {
        id: id.to_string(),
        state,
        requested_at: requested_at.to_rfc3339_nanos(),
        task: TaskView::from(task),
    };
    let request = |task: TaskId, answer: &TaskEvent| Request {
        id,
        task,
        digest: digest.clone(),
        answer: serde_json::to_string(answer).unwrap_or_default(),
        at: now,
    };
    let (request, accepted) = match wanted {
        Wanted::Run(spec) => {
            let task = event.task.id.unwrap_or_else(TaskId::generate);
            let spec = Arc::new(*spec);
            let request = request(task, &answer(&Task::accepted(task, spec.clone(), None, now)));
            let submission = Submission { request: id, digest: digest.clone(), task, spec, pinned, at: now };
            let accepted = manager.submit(submission, request.clone()).await?;
            (request, accepted)
        }
        Wanted::Stop(task) => {
            let known = manager.reader.task(task).await?.ok_or(Refusal::UnknownTask(task))?;
            let request = request(task, &answer(&known));
            let accepted = manager.stop_task(task, Some(request.clone())).await?;
            (request, accepted)
        }
    };
    let answer = match accepted {
        Accepted::Now => request.answer,
        Accepted::Before => manager.answered(id).await?.map_or(request.answer, |request| request.answer),
    };
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

fn requested_at(event: &TaskEventInput, now: Timestamp) -> Result<Timestamp, ApiError> {
    match &event.requested_at {
        None => Ok(now),
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            ApiError::unprocessable(format!(
                "RequestedAt is {shown:?}: a time is written as in RFC 3339, such as \"2026-11-22T07:26:19Z\""
            ))
        }),
    }
}

/// Stops a task of this node: what the worker's own API asks for.
pub async fn stop_on(
    Extract(manager): Extract<Arc<Manager>>,
    Path((node, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let id: TaskId = parse(&id)?;
    let task = manager.reader.task(id).await?.ok_or(Refusal::UnknownTask(id))?;
    if task.node.as_ref().is_none_or(|its| its.as_str() != node) {
        return Err(ApiError::not_found(format!("No task of {node} has the ID {id}")));
    }
    manager.stop_task(id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stops a task. It stays listed, with State 3.
#[utoipa::path(delete, path = "/tasks/{id}", params(("id" = String, Path, description = "UUID")), responses(
    (status = 204, description = "Stored durably; its container is stopped and removed soon after"),
    (status = 400, body = ErrorBody, description = "Not a UUID"),
    (status = 404, body = ErrorBody),
))]
pub async fn stop(
    Extract(manager): Extract<Arc<Manager>>,
    Id(id): Id<TaskId>,
) -> Result<StatusCode, ApiError> {
    manager.stop_task(id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
