//! `/configs`: files for containers that everybody may read.

use std::sync::Arc;

use axum::extract::{Extension, Path, State as Extract};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::Manager;
use super::files::{self, Large};
use super::gate::Principal;
use crate::model::managed_file::{FileKey, FileKind, FileName};
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Query};
use crate::wire::file::{FileComparison, FileInput, FileVersionInput, ManagedFile};

const KIND: FileKind = FileKind::Config;

fn key(name: FileName) -> FileKey {
    FileKey { kind: KIND, name }
}

/// Every config, by name, without what is in it.
#[utoipa::path(get, path = "/configs", operation_id = "list_configs", responses((status = 200, body = Vec<ManagedFile>)))]
pub async fn list(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Vec<ManagedFile>>, ApiError> {
    Ok(axum::Json(manager.files(KIND).await?))
}

/// One config: its versions, and who uses it.
#[utoipa::path(get, path = "/configs/{name}", operation_id = "get_config", params(
    ("name" = String, Path, description = "Of the config"),
), responses(
    (status = 200, body = ManagedFile),
    (status = 404, body = ErrorBody, description = "There is no such config"),
))]
pub async fn get(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<FileName>,
) -> Result<axum::Json<ManagedFile>, ApiError> {
    Ok(axum::Json(manager.file(key(name)).await?))
}

/// Which version is read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Of {
    version: Option<u64>,
}

/// What is in a version of a config.
#[utoipa::path(get, path = "/configs/{name}/data", operation_id = "get_config_data", params(
    ("name" = String, Path, description = "Of the config"),
    ("version" = Option<u64>, Query, description = "Which version; the newest when absent"),
), responses(
    (status = 200, description = "The bytes as they are", content_type = "application/octet-stream", body = Vec<u8>),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such config, or no such version of it"),
))]
pub async fn data(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<FileName>,
    Query(Of { version }): Query<Of>,
) -> Result<Response, ApiError> {
    Ok(files::bytes(&manager.config_data(key(name), version).await?))
}

/// Makes a config.
#[utoipa::path(post, path = "/configs", operation_id = "create_config", request_body = FileInput, responses(
    (status = 201, body = ManagedFile, description = "Stored durably; the same sent again changes nothing"),
    (status = 400, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "There is one of that name, and something else is in it"),
    (status = 413, body = ErrorBody, description = "It is too large"),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody),
    (status = 507, body = ErrorBody, description = "The disk is full"),
))]
pub async fn create(
    Extract(manager): Extract<Arc<Manager>>,
    Extension(principal): Extension<Principal>,
    Large(input): Large<FileInput>,
) -> Result<(StatusCode, axum::Json<ManagedFile>), ApiError> {
    files::create(&manager, &principal, KIND, input).await
}

/// Makes a new version of a config. Whoever uses an earlier one goes on with that until a service or a task is made or
/// changed.
#[utoipa::path(post, path = "/configs/{name}/versions", operation_id = "update_config", params(
    ("name" = String, Path, description = "Of the config"),
), request_body = FileVersionInput, responses(
    (status = 200, body = ManagedFile, description = "The newest version is the same: there is no other"),
    (status = 201, body = ManagedFile, description = "Stored durably"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such config"),
    (status = 413, body = ErrorBody, description = "It is too large"),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody),
    (status = 507, body = ErrorBody, description = "The disk is full"),
))]
pub async fn update(
    Extract(manager): Extract<Arc<Manager>>,
    Extension(principal): Extension<Principal>,
    Id(name): Id<FileName>,
    Large(input): Large<FileVersionInput>,
) -> Result<(StatusCode, axum::Json<ManagedFile>), ApiError> {
    files::update(&manager, &principal, key(name), input).await
}

/// Tells whether this is what the newest version of a config has. Changes nothing.
#[utoipa::path(post, path = "/configs/{name}/compare", operation_id = "compare_config", params(
    ("name" = String, Path, description = "Of the config"),
), request_body = FileVersionInput, responses(
    (status = 200, body = FileComparison),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such config"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
))]
pub async fn compare(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<FileName>,
    Large(input): Large<FileVersionInput>,
) -> Result<axum::Json<FileComparison>, ApiError> {
    files::compare(&manager, key(name), input).await
}

/// Removes a config with all its versions.
#[utoipa::path(delete, path = "/configs/{name}", operation_id = "remove_config", params(
    ("name" = String, Path, description = "Of the config"),
), responses(
    (status = 204, description = "It is no more"),
    (status = 404, body = ErrorBody, description = "There is no such config"),
    (status = 409, body = ErrorBody, description = "A service or a task uses it"),
))]
pub async fn remove(
    Extract(manager): Extract<Arc<Manager>>,
    Extension(principal): Extension<Principal>,
    Id(name): Id<FileName>,
) -> Result<StatusCode, ApiError> {
    manager.remove_file(key(name), principal.in_words()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a worker what is in a version that a task on its node names.
pub async fn give(
    Extract(manager): Extract<Arc<Manager>>,
    path: Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    files::give(&manager, KIND, path).await
}
