//! `/tasks/{id}/why`: how a task came to be where and as it is.

use std::sync::Arc;

use axum::extract::State as Extract;

use super::super::Manager;
use crate::model::event::EventKind;
use crate::model::id::TaskId;
use crate::plan::cluster::change::Refusal;
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id};
use crate::wire::why::{Restart, Why};

/// So many of the newest restarts are told: enough to see what a task dies of.
const RESTARTS: u32 = 100;

/// Why a task is where and as it is: the last ten decisions about its node, with every node that was weighed, and
/// its last hundred restarts.
#[utoipa::path(get, path = "/tasks/{id}/why", params(("id" = String, Path, description = "UUID")), responses(
    (status = 200, body = Why),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody),
))]
pub async fn of_task(
    Extract(manager): Extract<Arc<Manager>>,
    Id(id): Id<TaskId>,
) -> Result<axum::Json<Why>, ApiError> {
    let task = manager.reader.task(id).await?.ok_or(Refusal::UnknownTask(id))?;
    let decisions = manager.reader.decisions_of(id).await?;
    let restarts = manager.reader.events_of_kind(id, EventKind::Restarting, RESTARTS).await?;
    let restarts = restarts.into_iter().map(|stored| Restart::from(&stored.event)).collect();
    Ok(axum::Json(Why::new(&task, &decisions, restarts)))
}
