//! `/services`: what should run, how it changes, and how far it is.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::super::message::Refused;
use super::super::{Manager, Trouble};
use super::gate::Principal;
use super::spoken::{Spoken, answer, expected, word};
use crate::model::service::ServiceName;
use crate::plan::cluster::change::{Expected, Refusal, ServiceChange, Steer, Word};
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Json, Query};
use crate::wire::service::{Endpoints, ScaleInput, Service, ServiceInput, SteerInput, Version};

/// Every service, by name.
#[utoipa::path(get, path = "/services", responses((status = 200, body = Vec<Service>)))]
pub async fn list(Extract(manager): Extract<Arc<Manager>>) -> Result<axum::Json<Vec<Service>>, ApiError> {
    Ok(axum::Json(manager.services().await?))
}

/// One service, how far it is, and its tasks. Its version is the `ETag`.
#[utoipa::path(get, path = "/services/{name}", params(("name" = String, Path, description = "Of the service")), responses(
    (status = 200, body = Service),
    (status = 404, body = ErrorBody, description = "There is no such service"),
))]
pub async fn get(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<ServiceName>,
) -> Result<Response, ApiError> {
    answer(&manager, name, StatusCode::OK).await
}

/// Makes a service.
#[utoipa::path(post, path = "/services", request_body = ServiceInput, responses(
    (status = 201, body = Service, description = "Stored durably; the same service sent again changes nothing"),
    (status = 400, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "There is one of that name, and it is another"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody, description = "A field's value is not possible, or no node could ever run it"),
    (status = 507, body = ErrorBody, description = "The disk is full"),
))]
pub async fn create(
    Extract(manager): Extract<Arc<Manager>>,
    Extension(principal): Extension<Principal>,
    Json(input): Json<ServiceInput>,
) -> Result<Response, ApiError> {
    let name = input.checked_name(None).map_err(ApiError::unprocessable)?;
    let word = word(&manager, &principal, name.clone(), Expected::Absent);
    set(&manager, word, &input).await?;
    answer(&manager, name, StatusCode::CREATED).await
}

/// Has a service be so, and makes it where there is none. `If-Match` names the version that is changed, as its `ETag` says;
/// `*` any.
#[utoipa::path(put, path = "/services/{name}", params(
    ("name" = String, Path, description = "Of the service"),
    ("If-Match" = Option<String>, Header, description = "The version that is changed"),
), request_body = ServiceInput, responses(
    (status = 200, body = Service, description = "Stored durably; an unchanged service makes no version"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "If-Match names a version, and there is no such service"),
    (status = 409, body = ErrorBody, description = "It is being removed"),
    (status = 412, body = ErrorBody, description = "Another version was made meanwhile"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody, description = "A field's value is not possible, or no node could ever run it"),
    (status = 428, body = ErrorBody, description = "If-Match is missing"),
    (status = 507, body = ErrorBody, description = "The disk is full"),
))]
pub async fn replace(
    Extract(manager): Extract<Arc<Manager>>,
    Extension(principal): Extension<Principal>,
    Id(name): Id<ServiceName>,
    headers: HeaderMap,
    Json(input): Json<ServiceInput>,
) -> Result<Response, ApiError> {
    let name = input.checked_name(Some(&name)).map_err(ApiError::unprocessable)?;
    let said = expected(&headers)?;
    let word = word(&manager, &principal, name.clone(), said.unwrap_or(Expected::Absent));
    match set(&manager, word, &input).await {
        Err(Trouble::Refused(Refused::Rule(Refusal::ServiceExists(_)))) if said.is_none() => {
            let version = manager.service(name.clone()).await?.version;
            return Err(ApiError::precondition_required(format!(
                "{name} is there already, at version {version}: add the header If-Match: \"{version}\" so that nobody's change \
                 is undone unseen, or If-Match: * to change whatever is there"
            )));
        }
        other => other?,
    }
    answer(&manager, name, StatusCode::OK).await
}

/// Removes a service, and stops all its tasks.
#[utoipa::path(delete, path = "/services/{name}", params(
    ("name" = String, Path, description = "Of the service"),
    ("If-Match" = Option<String>, Header, description = "The version that is meant; any when absent"),
), responses(
    (status = 204, description = "Stored durably; its tasks end soon after, and then it is no more"),
    (status = 404, body = ErrorBody, description = "There is no such service"),
    (status = 412, body = ErrorBody, description = "Another version was made meanwhile"),
))]
pub async fn remove(spoken: Spoken) -> Result<StatusCode, ApiError> {
    spoken.manager.change_service(ServiceChange::Remove { word: spoken.word }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The versions of a service that are kept, oldest first: what each asks for, and who made it when and why.
#[utoipa::path(get, path = "/services/{name}/versions", params(("name" = String, Path, description = "Of the service")),
    responses(
    (status = 200, body = Vec<Version>),
    (status = 404, body = ErrorBody, description = "There is no such service"),
))]
pub async fn versions(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<ServiceName>,
) -> Result<axum::Json<Vec<Version>>, ApiError> {
    Ok(axum::Json(manager.versions(name).await?))
}

/// From when, and how long to wait for that.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Following {
    after: Option<u64>,
    wait: Option<String>,
}

/// The longest that is waited for news.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Who is behind the ports of a service: the tasks that are ready, and where to reach them. With `after`, once that is
/// something else than it was at this revision.
#[utoipa::path(get, path = "/services/{name}/endpoints", params(
    ("name" = String, Path, description = "Of the service"),
    ("after" = Option<u64>, Query, description = "The Revision that is known"),
    ("wait" = Option<String>, Query, description = "How long to wait for another, such as 30s, and a minute at most"),
), responses(
    (status = 200, body = Endpoints),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such service"),
))]
pub async fn endpoints(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<ServiceName>,
    Query(Following { after, wait }): Query<Following>,
) -> Result<axum::Json<Endpoints>, ApiError> {
    let wait = wait.as_deref().unwrap_or("30s");
    let wait = humantime::parse_duration(wait).map_err(|error| {
        let shown: String = wait.chars().take(32).collect();
        ApiError::bad_request(format!(
            "In the query, wait is {shown:?}: a length of time is such as \"30s\" ({error})"
        ))
    })?;
    Ok(axum::Json(manager.endpoints(name, after, wait.min(LONGEST_WAIT)).await?))
}

/// Changes how many tasks a replicated service has.
#[utoipa::path(post, path = "/services/{name}/scale", params(
    ("name" = String, Path, description = "Of the service"),
    ("If-Match" = Option<String>, Header, description = "The version that is changed; any when absent"),
), request_body = ScaleInput, responses(
    (status = 200, body = Service, description = "Stored durably"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such service"),
    (status = 409, body = ErrorBody, description = "It is no replicated service, or is being removed"),
    (status = 412, body = ErrorBody, description = "Another version was made meanwhile"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody),
))]
pub async fn scale(spoken: Spoken, Json(input): Json<ScaleInput>) -> Result<Response, ApiError> {
    let replicas = input.checked().map_err(ApiError::unprocessable)?;
    spoken.change(|word| ServiceChange::Scale { word, replicas }).await
}

/// Which version comes back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    to: Option<u64>,
}

/// Brings an earlier version of a service back: as a new version that asks for the same.
#[utoipa::path(post, path = "/services/{name}/rollback", params(
    ("name" = String, Path, description = "Of the service"),
    ("to" = Option<u64>, Query, description = "The version; absent = the one that was healthy last, or else the one before"),
    ("If-Match" = Option<String>, Header, description = "The version that is left; any when absent"),
), responses(
    (status = 200, body = Service, description = "Stored durably"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such service, or no such version of it any more"),
    (status = 409, body = ErrorBody, description = "It has no version before this one, or is being removed"),
    (status = 412, body = ErrorBody, description = "Another version was made meanwhile"),
))]
pub async fn rollback(spoken: Spoken, Query(Rollback { to }): Query<Rollback>) -> Result<Response, ApiError> {
    spoken.change(|word| ServiceChange::Restore { word, version: to }).await
}

/// Says how a rollout goes on.
#[utoipa::path(post, path = "/services/{name}/rollout", params(
    ("name" = String, Path, description = "Of the service"),
    ("If-Match" = Option<String>, Header, description = "The version that is meant; any when absent"),
), request_body = SteerInput, responses(
    (status = 200, body = Service, description = "Stored durably"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such service"),
    (status = 409, body = ErrorBody, description = "There is nothing to pause, to resume or to promote"),
    (status = 412, body = ErrorBody, description = "Another version was made meanwhile"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody),
))]
pub async fn steer(spoken: Spoken, Json(input): Json<SteerInput>) -> Result<Response, ApiError> {
    let how = match input.action.as_str() {
        "pause" => Steer::Pause,
        "resume" => Steer::Resume,
        "promote" => Steer::Promote,
        other => {
            let shown: String = other.chars().take(32).collect();
            return Err(ApiError::unprocessable(format!(
                "Action is {shown:?}: \"pause\", \"resume\" and \"promote\" are possible"
            )));
        }
    };
    spoken.change(|word| ServiceChange::Steer { word, how }).await
}

async fn set(manager: &Manager, word: Word, input: &ServiceInput) -> Result<(), Trouble> {
    let spec = input.spec(&word.service, &manager.policy);
    let spec = Box::new(spec.map_err(|problem| Trouble::Refused(Refused::Rule(Refusal::BadSpec(problem))))?);
    manager.change_service(ServiceChange::Set { word, spec }).await
}
