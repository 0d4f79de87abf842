//! The worker's own HTTP API: its tasks, its machine. What is wanted is decided by its manager, whom it asks.

use std::time::Duration;

use axum::Router;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};

use super::{Worker, machine};
use crate::client::{Client, ClientError};
use crate::model::id::{NodeName, TaskId};
use crate::serve::{ApiError, Id, Json};
use crate::wire::stats::Stats;
use crate::wire::submission::TaskEventInput;
use crate::wire::task::{Task as TaskView, TaskEvent};

/// What the 404 of an unknown path offers instead.
pub const ROUTES: &[&str] = &["GET and POST /tasks", "DELETE /tasks/{id}", "GET /stats", "GET /healthz"];

/// A manager that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(10);

/// What handlers hold.
#[derive(Clone)]
pub struct Api {
    /// The worker.
    pub worker: Worker,
    /// Its name.
    pub node: NodeName,
    /// Its manager.
    pub manager: Client,
}

/// Every route of a worker.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/tasks", get(list).post(submit))
        .route("/tasks/{id}", delete(stop))
        .route("/stats", get(stats))
        .route("/healthz", get(alive))
        .with_state(api)
}

/// Its tasks.
async fn list(Extract(api): Extract<Api>) -> axum::Json<Vec<TaskView>> {
    axum::Json(api.worker.tasks().await.iter().map(TaskView::from).collect())
}

/// Runs a task here and nowhere else.
async fn submit(Extract(api): Extract<Api>, Json(event): Json<TaskEventInput>) -> Result<Response, ApiError> {
    let path = format!("/nodes/{}/tasks", api.node);
    let answer: TaskEvent = api.manager.post(&path, &event, PATIENCE).await.map_err(passed_on)?;
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// Stops one of its tasks.
async fn stop(Extract(api): Extract<Api>, Id(id): Id<TaskId>) -> Result<StatusCode, ApiError> {
    if !api.worker.tasks().await.iter().any(|task| task.id == id) {
        return Err(ApiError::not_found(format!("No task of {} has the ID {id}", api.node)));
    }
    api.manager.delete(&format!("/nodes/{}/tasks/{id}", api.node), PATIENCE).await.map_err(passed_on)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The manager's refusal as it is; a sentence when it is away.
fn passed_on(error: ClientError) -> ApiError {
    match error {
        ClientError::Refused { status, message, .. } => ApiError::passed_on(status, message),
        error => ApiError::unavailable(format!(
            "The manager decides this, and is away: {error}. Send it again once it is back"
        )),
    }
}

/// How loaded its machine is.
async fn stats(Extract(api): Extract<Api>) -> axum::Json<Stats> {
    let live = api.worker.tasks().await.iter().filter(|task| !task.state.is_final()).count();
    axum::Json(machine::stats(live))
}

/// Whether it lives.
async fn alive() -> StatusCode {
    StatusCode::OK
}
