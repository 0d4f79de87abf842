//! `/images`: what `orc deploy` has built, for workers to fetch.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, State as Extract};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use tokio_util::io::ReaderStream;

use super::super::Manager;
use super::super::archives::NotKept;
use super::super::images::NotTaken;
use super::gate::Principal;
use super::sentence;
use crate::model::id::NodeName;
use crate::model::image::ImageName;
use crate::serve::error::ErrorBody;
use crate::serve::path::parse;
use crate::serve::{ApiError, Id};
use crate::wire::built_image::{BuiltImage, DIGEST};

/// An archive is read and sent in pieces of so many bytes.
const PIECE: usize = 256 << 10;

/// Every image, by name.
#[utoipa::path(get, path = "/images", operation_id = "list_images", responses((status = 200, body = Vec<BuiltImage>)))]
pub async fn list(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Vec<BuiltImage>>, ApiError> {
    Ok(axum::Json(manager.images().await?.iter().map(BuiltImage::from).collect()))
}

/// One image.
#[utoipa::path(get, path = "/images/{image}", operation_id = "get_image", params(
    ("image" = String, Path, description = "Its name, such as shop-web:1a2b3c4d5e6f"),
), responses(
    (status = 200, body = BuiltImage),
    (status = 404, body = ErrorBody, description = "There is no such image, or its archive is gone"),
))]
pub async fn get(
    Extract(manager): Extract<Arc<Manager>>,
    Id(image): Id<ImageName>,
) -> Result<axum::Json<BuiltImage>, ApiError> {
    Ok(axum::Json(BuiltImage::from(&manager.image(&image).await?)))
}

/// Takes an image, as `docker save orc.local/NAME:TAG` writes it; one of that name is replaced.
#[utoipa::path(put, path = "/images/{image}", operation_id = "put_image", params(
    ("image" = String, Path, description = "Its name, such as shop-web:1a2b3c4d5e6f"),
), request_body(content = Vec<u8>, content_type = "application/x-tar"), responses(
    (status = 201, body = BuiltImage, description = "Stored durably"),
    (status = 400, body = ErrorBody, description = "It broke off: nothing is kept"),
    (status = 408, body = ErrorBody, description = "Nothing came for minutes"),
    (status = 413, body = ErrorBody, description = "It is too large"),
    (status = 422, body = ErrorBody, description = "It is no archive of that image alone"),
    (status = 507, body = ErrorBody, description = "The disk is full"),
))]
pub async fn put(
    Extract(manager): Extract<Arc<Manager>>,
    Extension(principal): Extension<Principal>,
    Id(image): Id<ImageName>,
    body: Body,
) -> Result<(StatusCode, axum::Json<BuiltImage>), ApiError> {
    let taken = manager.put_image(image, principal.in_words(), body.into_data_stream()).await?;
    Ok((StatusCode::CREATED, axum::Json(BuiltImage::from(&taken))))
}

/// Gives a worker the archive of an image that a task on its node names.
pub async fn give(
    Extract(manager): Extract<Arc<Manager>>,
    Path((node, image)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (node, image): (NodeName, ImageName) = (parse(&node)?, parse(&image)?);
    let archive = manager.archive_for(node, image).await?;
    let headers = [
        (CONTENT_TYPE.as_str(), "application/x-tar".to_owned()),
        (CONTENT_LENGTH.as_str(), archive.image.size.to_string()),
        (DIGEST, archive.image.digest),
    ];
    Ok((headers, Body::from_stream(ReaderStream::with_capacity(archive.file, PIECE))).into_response())
}

impl From<NotTaken> for ApiError {
    fn from(error: NotTaken) -> Self {
        let message = sentence(&error.to_string());
        match error {
            NotTaken::Trouble(trouble) => trouble.into(),
            NotTaken::NotKept(NotKept::BrokeOff { .. }) => Self::bad_request(message),
            NotTaken::NotKept(NotKept::Slow) => Self::too_slow(message),
            NotTaken::NotKept(NotKept::TooLarge(_)) => Self::too_large(message),
            NotTaken::NotKept(NotKept::NotThis(_)) => Self::unprocessable(message),
            NotTaken::NotKept(NotKept::Full(_)) => Self::out_of_space(message),
            NotTaken::NotKept(NotKept::Unwritable { .. }) => Self::unavailable(message),
        }
    }
}
