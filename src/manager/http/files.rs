//! What secrets and configs have in common: how they come in, and how workers are given them.

use std::sync::Arc;

use axum::extract::{FromRequest, Path, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::super::Manager;
use super::gate::Principal;
use super::sentence;
use crate::model::id::NodeName;
use crate::model::label::{check_key, check_value};
use crate::model::managed_file::{Contents, FileKey, FileKind, FileName};
use crate::plan::cluster::change::{Means, Put};
use crate::serve::path::parse;
use crate::serve::{ApiError, Json, Limits};
use crate::wire::file::{FileComparison, FileInput, FileVersionInput, ManagedFile, check_size};

/// The largest body with a file in it: base64 takes four bytes for three, and what is too large gets a sentence of its own.
const BODY: usize = 2 * 1_024 * 1_024;

/// A JSON body with a file in it, which may be larger than others.
pub struct Large<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Large<T> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, ApiError> {
        let limits = request.extensions().get::<Limits>().copied().unwrap_or_default();
        request.extensions_mut().insert(Limits { body_size: BODY, ..limits });
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

pub(super) async fn create(
    manager: &Arc<Manager>,
    principal: &Principal,
    kind: FileKind,
    input: FileInput,
) -> Result<(StatusCode, axum::Json<ManagedFile>), ApiError> {
    let key = FileKey { kind, name: input.name };
    let version = FileVersionInput { data: input.data, labels: input.labels };
    put(manager, principal, key.clone(), Means::First, version).await?;
    Ok((StatusCode::CREATED, axum::Json(manager.file(key).await?)))
}

pub(super) async fn update(
    manager: &Arc<Manager>,
    principal: &Principal,
    key: FileKey,
    input: FileVersionInput,
) -> Result<(StatusCode, axum::Json<ManagedFile>), ApiError> {
    let is_new = put(manager, principal, key.clone(), Means::Next, input).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(manager.file(key).await?)))
}

/// Whether that made a version.
async fn put(
    manager: &Arc<Manager>,
    principal: &Principal,
    key: FileKey,
    means: Means,
    input: FileVersionInput,
) -> Result<bool, ApiError> {
    let contents = input.data.0;
    check_size(&key, contents.size()).map_err(|problem| ApiError::too_large(sentence(&problem)))?;
    for (name, value) in input.labels.iter().flatten() {
        check_key(name)
            .and_then(|()| check_value(name, value))
            .map_err(|problem| ApiError::unprocessable(format!("Labels: {problem}")))?;
    }
    let put = Put {
        means,
        size: contents.size(),
        digest: manager.digest(key.kind, &contents)?,
        key,
        labels: input.labels,
        by: principal.in_words(),
        at: manager.clock.now().wall,
    };
    Ok(manager.put_file(put, contents).await?)
}

pub(super) async fn compare(
    manager: &Arc<Manager>,
    key: FileKey,
    input: FileVersionInput,
) -> Result<axum::Json<FileComparison>, ApiError> {
    let digest = manager.digest(key.kind, &input.data.0)?;
    let file = manager.file(key).await?;
    let newest = file.versions.last();
    let same = newest.is_some_and(|newest| newest.digest == digest);
    Ok(axum::Json(FileComparison { version: file.version, same }))
}

/// What is in a version, for the worker of a node.
pub(super) async fn give(
    manager: &Arc<Manager>,
    kind: FileKind,
    Path((node, name, version)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let (node, name): (NodeName, FileName) = (parse(&node)?, parse(&name)?);
    let version = parse(&version)?;
    let contents = manager.contents_for(node, FileKey { kind, name }, version).await?;
    Ok(bytes(&contents))
}

/// What is in a file as it is, and for nobody to keep.
pub(super) fn bytes(contents: &Contents) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, contents.expose().to_vec()).into_response()
}
