//! The one shape of every refusal: a status and `{"message": "…"}`, a sentence that says what was wrong, where,
//! and what would be right.
//!
//! A 4xx means that nothing changed; a 5xx that the effect is unknown and the same request may be sent again.

use std::fmt;

use axum::Json;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    status: StatusCode,
    message: String,
}

/// The body of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What was wrong, where, and what would be right.
    pub message: String,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident = $status:ident,)*) => {
        impl ApiError {
            $(
                $(#[$doc])*
                pub fn $name(message: impl Into<String>) -> Self {
                    Self { status: StatusCode::$status, message: message.into() }
                }
            )*
        }
    };
}

constructors! {
    /// 400: the request cannot be understood.
    bad_request = BAD_REQUEST,
    /// 401: nobody knows who sends it.
    unauthorized = UNAUTHORIZED,
    /// 403: the request is understood, and whoever sends it may not.
    forbidden = FORBIDDEN,
    /// 404: there is no such thing.
    not_found = NOT_FOUND,
    /// 408: the client did not send what it began.
    too_slow = REQUEST_TIMEOUT,
    /// 409: it contradicts what there is.
    conflict = CONFLICT,
    /// 412: what is to be changed is not any more what the client takes it to be.
    precondition_failed = PRECONDITION_FAILED,
    /// 413: the body is too large.
    too_large = PAYLOAD_TOO_LARGE,
    /// 415: the body is not JSON.
    unsupported_media_type = UNSUPPORTED_MEDIA_TYPE,
    /// 428: the client has to say what it takes to be there.
    precondition_required = PRECONDITION_REQUIRED,
    /// 422: every field can be read, and what they ask for cannot be done.
    unprocessable = UNPROCESSABLE_ENTITY,
    /// 429: too much at once.
    too_many = TOO_MANY_REQUESTS,
    /// 500: a fault of orc.
    internal = INTERNAL_SERVER_ERROR,
    /// 502: whoever was asked in turn gave no sensible answer.
    bad_gateway = BAD_GATEWAY,
    /// 503: whoever must be asked is away; come again.
    unavailable = SERVICE_UNAVAILABLE,
    /// 504: whoever was asked in turn did not answer in time.
    timed_out = GATEWAY_TIMEOUT,
    /// 507: the disk is full.
    out_of_space = INSUFFICIENT_STORAGE,
}

impl ApiError {
    /// 404: nothing is ever at this path.
    pub fn no_such_path(path: &str, routes: &[&str]) -> Self {
        let path = Shown(path);
        match routes {
            [] => Self::not_found(format!("There is nothing at {path}")),
            _ => Self::not_found(format!("There is nothing at {path}; there are {}", routes.join(", "))),
        }
    }

    /// 405: something is at this path, but not for this method. `allow` is the list of the header `Allow`.
    pub fn method_not_allowed(method: &Method, path: &str, allow: &str) -> Self {
        let verb = if allow.contains(',') { "are" } else { "is" };
        let message = format!("{method} is not for {}; {} {verb}", Shown(path), allow.replace(',', ", "));
        Self { status: StatusCode::METHOD_NOT_ALLOWED, message }
    }

    /// A refusal of whoever was asked in turn, as it is.
    pub fn passed_on(status: u16, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
            message: message.into(),
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorBody { message: self.message })).into_response();
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The beginning of a path that a stranger wrote.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(100) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}
