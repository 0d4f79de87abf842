//! `/services/{name}/runs` and `/schedule`: what ran by the clock, what is to run now, and whether the clock counts.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::Manager;
use super::spoken::Spoken;
use crate::model::id::RequestId;
use crate::model::service::ServiceName;
use crate::plan::cluster::change::{Pace, ServiceChange};
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Json, Query};
use crate::wire::service::{PaceInput, Run, Service};
use crate::wire::task::NEXT_CURSOR;

/// Which runs, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// At most so many, 1 to 1000; absent = all.
    limit: Option<usize>,
    /// Where to begin: the `X-Next-Cursor` of the page before.
    cursor: Option<u32>,
}

/// The runs of a service that are remembered, oldest first: those that are not over, the last hundred that are, and the
/// last hundred that were left out.
#[utoipa::path(get, path = "/services/{name}/runs", params(("name" = String, Path, description = "Of the service"), RunQuery),
    responses(
    (status = 200, body = Vec<Run>, description = "The runs; `[]` when there is none"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such service"),
))]
pub async fn list(
    Extract(manager): Extract<Arc<Manager>>,
    Id(name): Id<ServiceName>,
    Query(RunQuery { limit, cursor }): Query<RunQuery>,
) -> Result<Response, ApiError> {
    if let Some(limit) = limit.filter(|limit| !(1..=1000).contains(limit)) {
        return Err(ApiError::bad_request(format!(
            "In the query, limit is {limit}: from 1 to 1000 is possible"
        )));
    }
    let mut runs = manager.runs(name).await?;
    runs.retain(|run| cursor.is_none_or(|cursor| run.number > cursor));
    let mut headers = HeaderMap::new();
    if let Some(limit) = limit.filter(|limit| runs.len() > *limit) {
        runs.truncate(limit);
        let next = runs.last().map(|run| HeaderValue::from(run.number));
        headers.extend(next.map(|next| (HeaderName::from_static(NEXT_CURSOR), next)));
    }
    Ok((headers, axum::Json(runs)).into_response())
}

/// Which request it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskQuery {
    /// UUID of this request: sent again with the same one, it begins nothing more.
    #[param(value_type = Option<String>)]
    id: Option<RequestId>,
}

/// Begins a run now, whatever the clock says, and though it is suspended.
#[utoipa::path(post, path = "/services/{name}/runs", params(
    ("name" = String, Path, description = "Of the service"),
    AskQuery,
    ("If-Match" = Option<String>, Header, description = "The version that is meant; any when absent"),
), responses(
    (status = 201, body = Run, description = "Stored durably"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such service"),
    (status = 409, body = ErrorBody, description = "It is of another mode, is being removed, or a run goes on and runs may not \
                                                    overlap"),
    (status = 412, body = ErrorBody, description = "Another version was made meanwhile"),
    (status = 507, body = ErrorBody, description = "The disk is full"),
))]
pub async fn begin(
    spoken: Spoken,
    Query(AskQuery { id }): Query<AskQuery>,
) -> Result<(StatusCode, axum::Json<Run>), ApiError> {
    let Spoken { manager, word } = spoken;
    let run = manager.run_service(word, id.unwrap_or_else(RequestId::generate)).await?;
    Ok((StatusCode::CREATED, axum::Json(run)))
}

/// Suspends the runs of a service, or lets them go on by the clock. What comes due meanwhile is left out.
#[utoipa::path(post, path = "/services/{name}/schedule", params(
    ("name" = String, Path, description = "Of the service"),
    ("If-Match" = Option<String>, Header, description = "The version that is meant; any when absent"),
), request_body = PaceInput, responses(
    (status = 200, body = Service, description = "Stored durably"),
    (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "There is no such service"),
    (status = 409, body = ErrorBody, description = "It is of another mode, or is being removed"),
    (status = 412, body = ErrorBody, description = "Another version was made meanwhile"),
    (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody),
))]
pub async fn pace(spoken: Spoken, Json(input): Json<PaceInput>) -> Result<Response, ApiError> {
    let how = match input.action.as_str() {
        "suspend" => Pace::Suspend,
        "resume" => Pace::Resume,
        other => {
            let shown: String = other.chars().take(32).collect();
            return Err(ApiError::unprocessable(format!(
                "Action is {shown:?}: \"suspend\" and \"resume\" are possible"
            )));
        }
    };
    spoken.change(|word| ServiceChange::Pace { word, how }).await
}
