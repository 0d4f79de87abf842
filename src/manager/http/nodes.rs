//! `/nodes`: the workers, and the conversation with each.

use axum::extract::State as Extract;
use axum::response::Response;
use tokio::sync::oneshot;

use super::super::Manager;
use super::tasks;
use crate::model::id::NodeName;
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Json};
use crate::wire::node::Node;
use crate::wire::submission::TaskEventInput;
use crate::wire::sync::{Known, SyncAnswer, SyncRequest};
use crate::wire::task::TaskEvent;

/// The longest that a worker is kept waiting for news.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// Every node, by name.
#[utoipa::path(get, path = "/nodes", responses((status = 200, body = Vec<Node>)))]
pub async fn list(Extract(manager): Extract<Manager>) -> Result<axum::Json<Vec<Node>>, ApiError> {
    Ok(axum::Json(manager.nodes().await?))
}

/// Runs a task on this node and no other.
#[utoipa::path(post, path = "/nodes/{name}/tasks", params(("name" = String, Path, description = "Of the node")),
    request_body = TaskEventInput, responses(
    (status = 201, body = TaskEvent, description = "As POST /tasks"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such node"),
    (status = 409, body = ErrorBody),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody),
    (status = 507, body = ErrorBody),
))]
pub async fn submit(
    Extract(manager): Extract<Manager>,
    Id(node): Id<NodeName>,
    Json(event): Json<TaskEventInput>,
) -> Result<Response, ApiError> {
    tasks::accept(&manager, event, Some(node)).await
}

/// A worker says what it sees, and hears what is wanted of it: at once, or when there is news.
pub async fn sync(
    Extract(manager): Extract<Manager>,
    Id(node): Id<NodeName>,
    Json(request): Json<SyncRequest>,
) -> Result<axum::Json<SyncAnswer>, ApiError> {
    let wait = std::time::Duration::from_millis(request.wait_ms).min(LONGEST_WAIT);
    let brought = !request.reports.is_empty() || !request.events.is_empty();
    // Whoever brought something waits for its receipt, whoever knows nothing for all that there is.
    let patient = request.known.filter(|_| !brought);
    let (taken_in, mut was_taken_in) = oneshot::channel();
    let news = manager.sync(node, request, taken_in);
    let Some(known) = patient else { return Ok(axum::Json(news.await?)) };
    tokio::select! {
        biased;
        answer = news => return Ok(axum::Json(answer?)),
        () = tokio::time::sleep(wait) => {}
        () = manager.stop.cancelled() => {}
    }
    // No lease is given for a word that the planner has not heard: it would count the node lost before the lease is over.
    let lease_ms = if was_taken_in.try_recv().is_ok() { manager.lease_ms } else { 0 };
    Ok(axum::Json(nothing_new(&manager, known, lease_ms)))
}

fn nothing_new(manager: &Manager, known: Known, lease_ms: u64) -> SyncAnswer {
    SyncAnswer {
        known,
        base: Some(known.revision),
        whole: false,
        assignments: Vec::new(),
        leave_alone: manager.unreadable.to_vec(),
        lease_ms,
        events_seen: 0,
        streams: Vec::new(),
    }
}
