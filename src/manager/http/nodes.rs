//! `/nodes`: the workers, and the conversation with each.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::super::Manager;
use super::tasks;
use crate::model::id::NodeName;
use crate::plan::cluster::change::{Force, NodePatch, ReservedPatch};
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Json, Query};
use crate::wire::node::Node;
use crate::wire::node_patch::{NodePatchInput, ReservedInput};
use crate::wire::submission::TaskEventInput;
use crate::wire::sync::{Known, SyncAnswer, SyncRequest};
use crate::wire::task::TaskEvent;

/// The longest that a worker is kept waiting for news.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// Every node, by name.
#[utoipa::path(get, path = "/nodes", responses((status = 200, body = Vec<Node>)))]
pub async fn list(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Vec<Node>>, ApiError> {
    Ok(axum::Json(manager.nodes().await?))
}

/// One node: what it has, how it is, and what is in the way of its tasks when they should leave it.
#[utoipa::path(get, path = "/nodes/{name}", params(("name" = String, Path, description = "Of the node")), responses(
    (status = 200, body = Node),
    (status = 404, body = ErrorBody, description = "There is no such node"),
))]
pub async fn get(
    Extract(manager): Extract<Arc<Manager>>,
    Id(node): Id<NodeName>,
) -> Result<axum::Json<Node>, ApiError> {
    Ok(axum::Json(manager.node(node).await?))
}

/// Changes what an operator says of a node; what is not named stays.
#[utoipa::path(patch, path = "/nodes/{name}", params(("name" = String, Path, description = "Of the node")),
    request_body = NodePatchInput, responses(
    (status = 200, body = Node, description = "The node as it is then"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such node"),
    (status = 409, body = ErrorBody, description = "It is the last node that takes tasks, and Force is false"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody),
))]
pub async fn change(
    Extract(manager): Extract<Arc<Manager>>,
    Id(node): Id<NodeName>,
    Json(input): Json<NodePatchInput>,
) -> Result<axum::Json<Node>, ApiError> {
    input.check().map_err(ApiError::unprocessable)?;
    manager.set_node(node.clone(), patch(input)).await?;
    Ok(axum::Json(manager.node(node).await?))
}

fn patch(input: NodePatchInput) -> NodePatch {
    let ReservedInput { cpu, memory, disk } = input.reserved.unwrap_or_default();
    NodePatch {
        availability: input.availability,
        labels: input.labels.into_iter().collect(),
        reserved: ReservedPatch { cpu, memory, disk },
        force: if input.force { Force::Yes } else { Force::No },
    }
}

/// What the removal of a node may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// Whether it may be one that is still heard of, or that has tasks.
    #[serde(default)]
    force: bool,
}

/// Takes a node out of the cluster; the certificate of its worker counts no more.
#[utoipa::path(delete, path = "/nodes/{name}", params(
    ("name" = String, Path, description = "Of the node"),
    ("force" = Option<bool>, Query, description = "Remove it though it is heard of, or has tasks, which run elsewhere then"),
), responses(
    (status = 204, description = "It is no part of the cluster any more"),
    (status = 404, body = ErrorBody, description = "There is no such node"),
    (status = 409, body = ErrorBody, description = "It is heard of, or has live tasks, and force is not true"),
))]
pub async fn remove(
    Extract(manager): Extract<Arc<Manager>>,
    Id(node): Id<NodeName>,
    Query(removal): Query<Removal>,
) -> Result<StatusCode, ApiError> {
    let force = if removal.force { Force::Yes } else { Force::No };
    manager.remove_node(node, force).await?;
    Ok(StatusCode::NO_CONTENT)
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
    Extract(manager): Extract<Arc<Manager>>,
    Id(node): Id<NodeName>,
    Json(event): Json<TaskEventInput>,
) -> Result<Response, ApiError> {
    tasks::accept(&manager, event, Some(node)).await
}

/// A worker says what it sees, and hears what is wanted of it: at once, or when there is news.
pub async fn sync(
    Extract(manager): Extract<Arc<Manager>>,
    Id(node): Id<NodeName>,
    Json(request): Json<SyncRequest>,
) -> Result<axum::Json<SyncAnswer>, ApiError> {
    request.check().map_err(ApiError::unprocessable)?;
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
        clock: Some(manager.clock.now().wall),
        base: Some(known.revision),
        whole: false,
        assignments: Vec::new(),
        leave_alone: manager.unreadable.to_vec(),
        lease_ms,
        events_seen: 0,
        streams: Vec::new(),
        routes: None,
    }
}
