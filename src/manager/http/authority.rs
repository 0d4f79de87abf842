//! `/ca`: what signs the cluster's certificates, and having another follow it.

use std::sync::Arc;

use axum::extract::State as Extract;

use super::super::Manager;
use super::join::invitation;
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Json};
use crate::trust::rotation::RotationError;
use crate::wire::authority::{Authority, RotationInput};

/// The cluster's authority, and how a rotation stands.
#[utoipa::path(get, path = "/ca", responses(
    (status = 200, body = Authority),
    (status = 422, body = ErrorBody, description = "This manager can be reached by its own machine alone"),
))]
pub async fn get(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Authority>, ApiError> {
    Ok(axum::Json(manager.authority(invitation(&manager)?)))
}

/// Has another authority follow the present one, whose certificates count until every node has renewed its own and a
/// day is over; or ends that at once.
#[utoipa::path(post, path = "/ca/rotate", request_body = RotationInput, responses(
    (status = 200, body = Authority),
    (status = 409, body = ErrorBody, description = "A rotation is under way already, or there is none to finish"),
    (status = 422, body = ErrorBody, description = "This manager can be reached by its own machine alone"),
))]
pub async fn rotate(
    Extract(manager): Extract<Arc<Manager>>,
    Json(input): Json<RotationInput>,
) -> Result<axum::Json<Authority>, ApiError> {
    let invitation = invitation(&manager)?;
    let now = manager.clock.now().wall;
    let done = if input.finish { invitation.door.finish(now) } else { invitation.door.rotate(now) };
    done?;
    let authority = manager.authority(invitation);
    tracing::info!(authority.digest, "{}", authority.message);
    Ok(axum::Json(authority))
}

impl From<RotationError> for ApiError {
    fn from(error: RotationError) -> Self {
        let message = error.to_string();
        match error {
            RotationError::UnderWay | RotationError::NoneUnderWay => Self::conflict(message),
            RotationError::Trust(_) => Self::internal(message),
        }
    }
}
