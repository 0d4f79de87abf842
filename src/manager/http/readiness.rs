//! Whether the manager lives, and whether it can do its work.

use std::sync::Arc;

use axum::extract::State as Extract;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Manager;
use crate::serve::ApiError;
use crate::serve::error::ErrorBody;

/// How the manager is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Readiness {
    /// "ok".
    status: &'static str,
    /// Version of orc.
    version: &'static str,
}

const OK: Readiness = Readiness { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Readiness)))]
pub async fn alive() -> axum::Json<Readiness> {
    axum::Json(OK)
}

/// Whether the manager answers and its database can be read.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, body = Readiness),
    (status = 503, body = ErrorBody),
))]
pub async fn ready(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Readiness>, ApiError> {
    manager.nodes().await?;
    manager.reader.count_by_state().await?;
    Ok(axum::Json(OK))
}
