//! `/secrets`: files for containers that nobody else reads. No route gives people what is in one.

use std::sync::Arc;

use axum::extract::{Extension, Path, State as Extract};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::Manager;
use super::files::{self, Large};
use super::gate::Principal;
use crate::model::managed_file::{FileKey, FileKind, FileName};
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id};
use crate::wire::file::{FileComparison, FileInput, FileVersionInput, ManagedFile};

const KIND: FileKind = FileKind::Secret;

fn key(name: FileName) -> FileKey {
    FileKey { kind: KIND, name }
}

/// Every secret, by name, without what is in it.
#[utoipa::path(get, path = "/secrets", operation_id = "list_secrets", responses((status = 200, body = Vec<ManagedFile>)))]
pub async fn list(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Vec<ManagedFile>>, ApiError> {
    Ok(axum::Json(manager.files(KIND).await?))
}

/// One secret: what tells its versions from each other, and who uses it. What is in it nobody is told.
#[utoipa::path(get, path = "/secrets/{name}", operation_id = "get_secret", params(
    ("name" = String, Path, description = "Of the secret"),
), responses(
    (status = 200, body = ManagedFile),
    (status = 404, body = ErrorBody, description = "There is no such secret"),
))]
pub async fn get(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<FileName>,
) -> Result<axum::Json<ManagedFile>, ApiError> {
    Ok(axum::Json(manager.file(key(name)).await?))
}

/// Makes a secret.
#[utoipa::path(post, path = "/secrets", operation_id = "create_secret", request_body = FileInput, responses(
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

/// Makes a new version of a secret. Whoever uses an earlier one goes on with that until a service or a task is made or
/// changed.
#[utoipa::path(post, path = "/secrets/{name}/versions", operation_id = "update_secret", params(
    ("name" = String, Path, description = "Of the secret"),
), request_body = FileVersionInput, responses(
    (status = 200, body = ManagedFile, description = "The newest version is the same: there is no other"),
    (status = 201, body = ManagedFile, description = "Stored durably"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such secret"),
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

/// Tells whether this is what the newest version of a secret has. Changes nothing.
#[utoipa::path(post, path = "/secrets/{name}/compare", operation_id = "compare_secret", params(
    ("name" = String, Path, description = "Of the secret"),
), request_body = FileVersionInput, responses(
    (status = 200, body = FileComparison),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such secret"),
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

/// Removes a secret with all its versions.
#[utoipa::path(delete, path = "/secrets/{name}", operation_id = "remove_secret", params(
    ("name" = String, Path, description = "Of the secret"),
), responses(
    (status = 204, description = "It is no more"),
    (status = 404, body = ErrorBody, description = "There is no such secret"),
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
