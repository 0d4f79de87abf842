//! JSON bodies: read whole within a time and a size, and strictly.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{ApiError, Limits};
use crate::wire::strict;

/// A JSON body. As an argument it is read strictly, and refused with 400, 408, 413 or 415.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        require_json(request.headers())?;
        let limits = request.extensions().get::<Limits>().copied().unwrap_or_default();
        require_size(request.headers(), limits)?;
        let bytes = collect(request.into_body(), limits).await?;
        strict::decode(&bytes).map(Self).map_err(|error| ApiError::bad_request(error.to_string()))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Refuses what does not call itself JSON. It matters beyond tidiness: a web page can make a browser post
/// forms and plain text anywhere, but not JSON.
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |value: &axum::http::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect::<String>()
    };
    let content_type = headers.get(CONTENT_TYPE).map(text);
    let essence = content_type.as_deref().map(|value| value.split(';').next().unwrap_or_default().trim());
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => {}
        Some(essence) => {
            return Err(ApiError::unsupported_media_type(format!(
                "The body is of type {essence:?}, where application/json belongs: with curl, add -H 'Content-Type: \
                 application/json'"
            )));
        }
        None => {
            return Err(ApiError::unsupported_media_type(
                "The header Content-Type is missing: with curl, add -H 'Content-Type: application/json'",
            ));
        }
    }
    match headers.get(CONTENT_ENCODING).map(text) {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => {
            Err(ApiError::unsupported_media_type(format!(
                "The body is encoded as {encoding:?}; send it as it is, without Content-Encoding"
            )))
        }
        _ => Ok(()),
    }
}

/// Refuses a body that says itself that it is too large, before any of it is read.
fn require_size(headers: &HeaderMap, limits: Limits) -> Result<(), ApiError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match length {
        Some(length) if length > limits.body_size => Err(too_large(limits)),
        _ => Ok(()),
    }
}

async fn collect(body: Body, limits: Limits) -> Result<Bytes, ApiError> {
    let reading = Limited::new(body, limits.body_size).collect();
    match timeout(limits.body_time, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limits)),
        Ok(Err(error)) => Err(ApiError::bad_request(format!("The body broke off: {error}"))),
        Err(_) => Err(ApiError::too_slow(format!(
            "The body did not arrive within {} s",
            limits.body_time.as_secs_f64()
        ))),
    }
}

fn too_large(limits: Limits) -> ApiError {
    ApiError::too_large(format!("The body is larger than {} bytes, which is the most", limits.body_size))
}
