//! What a user says about one service that is there: what all such requests have in common.

use std::sync::Arc;

use axum::extract::{Extension, FromRequestParts};
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::Manager;
use super::gate::Principal;
use crate::model::service::ServiceName;
use crate::plan::cluster::change::{Expected, ServiceChange, Word};
use crate::serve::{ApiError, Id};

/// A word about the service in the path, by whoever the gate let in, of the version that `If-Match` names.
pub struct Spoken {
    pub(super) manager: Arc<Manager>,
    pub(super) word: Word,
}

impl FromRequestParts<Arc<Manager>> for Spoken {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, manager: &Arc<Manager>) -> Result<Self, Response> {
        let Extension(principal) = Extension::<Principal>::from_request_parts(parts, manager)
            .await
            .map_err(IntoResponse::into_response)?;
        let Id(name) = Id::from_request_parts(parts, manager).await.map_err(IntoResponse::into_response)?;
        let said = expected(&parts.headers).map_err(IntoResponse::into_response)?;
        let word = word(manager, &principal, name, said.unwrap_or(Expected::Anything));
        Ok(Self { manager: manager.clone(), word })
    }
}

impl Spoken {
    /// Has the service changed so, and answers with what it is then.
    pub(super) async fn change(
        self,
        change: impl FnOnce(Word) -> ServiceChange,
    ) -> Result<Response, ApiError> {
        let Self { manager, word } = self;
        let name = word.service.clone();
        manager.change_service(change(word)).await?;
        answer(&manager, name, StatusCode::OK).await
    }
}

pub(super) async fn answer(
    manager: &Manager,
    name: ServiceName,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let service = manager.service(name).await?;
    let etag = HeaderValue::from_str(&format!("\"{}\"", service.version)).ok();
    let headers: HeaderMap = etag.into_iter().map(|etag| (ETAG, etag)).collect();
    Ok((status, headers, axum::Json(service)).into_response())
}

pub(super) fn word(
    manager: &Manager,
    principal: &Principal,
    service: ServiceName,
    expected: Expected,
) -> Word {
    Word { service, expected, by: principal.in_words(), at: manager.clock.now().wall }
}

/// What the headers say that a service is before the change; `None` = nothing (RFC 9110, section 13.1).
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<Expected>, ApiError> {
    if headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*") {
        return Ok(Some(Expected::Absent));
    }
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Some(Expected::Anything));
    }
    let number = text.trim_matches('"').parse().ok();
    number.map(|number| Some(Expected::Version(number))).ok_or_else(|| {
        ApiError::bad_request(format!(
            "The header If-Match is {text:?}: a version belongs there, as the ETag of the service says it, such as \"7\"; * is any"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_the_etag_says_it() {
        let said = |name, value: &'static str| {
            expected(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
                .map_err(|error| error.status())
        };
        assert_eq!(said(IF_MATCH, "\"7\""), Ok(Some(Expected::Version(7))));
        assert_eq!(said(IF_MATCH, "*"), Ok(Some(Expected::Anything)));
        assert_eq!(said(IF_NONE_MATCH, "*"), Ok(Some(Expected::Absent)));
        assert_eq!(said(IF_MATCH, "W/\"7\""), Err(StatusCode::BAD_REQUEST));
        assert_eq!(expected(&HeaderMap::new()).unwrap(), None);
    }
}
