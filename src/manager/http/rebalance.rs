//! `/rebalance`: what would stand better elsewhere, and having it moved.

use std::sync::Arc;

use axum::extract::State as Extract;

use super::super::Manager;
use crate::serve::ApiError;
use crate::serve::error::ErrorBody;
use crate::wire::rebalance::Rebalance;

/// What a rebalance would move now, or why nothing; and what is under way of one that was asked for.
#[utoipa::path(get, path = "/rebalance", responses((status = 200, body = Rebalance)))]
pub async fn get(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Rebalance>, ApiError> {
    Ok(axum::Json(manager.proposed_rebalance().await?))
}

/// Moves tasks to where they stand clearly better, a few at a time and each new container before its old one goes. What is
/// answered is what it sets out to do; each next move is decided by how things are then.
#[utoipa::path(post, path = "/rebalance", responses(
    (status = 200, body = Rebalance),
    (status = 503, body = ErrorBody, description = "Nothing is decided now, and the sentence says why"),
))]
pub async fn begin(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Rebalance>, ApiError> {
    Ok(axum::Json(manager.rebalance().await?))
}
