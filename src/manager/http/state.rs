//! `/state`: which history this manager has, and letting an older one go on.

use std::sync::Arc;

use axum::extract::State as Extract;

use super::super::Manager;
use crate::serve::ApiError;
use crate::serve::error::ErrorBody;
use crate::wire::state::History;

/// Which history this manager has, and whether it is the latest that any worker knows.
#[utoipa::path(get, path = "/state", responses((status = 200, body = History)))]
pub async fn get(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<History>, ApiError> {
    Ok(axum::Json(manager.history().await?))
}

/// Lets this history go on although workers know a later one: what it does not know is stopped.
#[utoipa::path(post, path = "/state/accept", responses(
    (status = 200, body = History),
    (status = 409, body = ErrorBody, description = "It is the latest already"),
))]
pub async fn accept(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<History>, ApiError> {
    manager.accept_state().await?;
    Ok(axum::Json(manager.history().await?))
}
