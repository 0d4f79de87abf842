//! The manager's HTTP API: every route, and what each kind of trouble is answered with.

pub mod authority;
pub mod configs;
pub mod events;
pub mod files;
pub mod gate;
pub mod images;
pub mod join;
pub mod logs;
pub mod nodes;
pub mod readiness;
pub mod rebalance;
pub mod runs;
pub mod secrets;
pub mod services;
mod spoken;
pub mod state;
pub mod tasks;
pub mod tokens;
pub mod why;

use std::sync::Arc;

use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::files::NotGiven;
use super::message::Refused;
use super::{Manager, Trouble};
use crate::plan::cluster::change::Refusal;
use crate::serve::ApiError;
use crate::store::Error;
use crate::trust;

/// What the 404 of an unknown path offers instead.
pub const ROUTES: &[&str] = &[
    "GET and POST /tasks",
    "GET and DELETE /tasks/{id}",
    "GET /tasks/{id}/events",
    "GET /tasks/{id}/logs",
    "GET /tasks/{id}/why",
    "GET /events",
    "GET /nodes",
    "GET, PATCH and DELETE /nodes/{name}",
    "GET and POST /rebalance",
    "GET and POST /services",
    "GET, PUT and DELETE /services/{name}",
    "GET /services/{name}/versions",
    "GET /services/{name}/endpoints",
    "POST /services/{name}/scale",
    "POST /services/{name}/rollback",
    "POST /services/{name}/rollout",
    "GET and POST /services/{name}/runs",
    "POST /services/{name}/schedule",
    "GET and POST /secrets",
    "GET and DELETE /secrets/{name}",
    "POST /secrets/{name}/versions",
    "POST /secrets/{name}/compare",
    "GET and POST /configs",
    "GET and DELETE /configs/{name}",
    "GET /configs/{name}/data",
    "POST /configs/{name}/versions",
    "POST /configs/{name}/compare",
    "GET /images",
    "GET and PUT /images/{image}",
    "GET and POST /tokens",
    "DELETE /tokens/{id}",
    "POST /nodes/{name}/tasks",
    "GET /ca",
    "POST /ca/rotate",
    "GET /state",
    "POST /state/accept",
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
];

#[derive(OpenApi)]
#[openapi(info(
    title = "orc",
    description = "Keeps containers running on one or many Docker hosts. A 4xx means that nothing changed; after a \
                   5xx the same request may be sent again."
))]
struct Document;

/// Every route of the manager.
pub fn router(manager: Manager) -> Router {
    let manager = Arc::new(manager);
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(tasks::list, tasks::submit))
        .routes(routes!(tasks::get, tasks::stop))
        .routes(routes!(events::of_task))
        .routes(routes!(logs::read))
        .routes(routes!(why::of_task))
        .routes(routes!(events::all))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::get, nodes::change, nodes::remove))
        .routes(routes!(nodes::submit))
        .routes(routes!(rebalance::get, rebalance::begin))
        .routes(routes!(services::list, services::create))
        .routes(routes!(services::get, services::replace, services::remove))
        .routes(routes!(services::versions))
        .routes(routes!(services::endpoints))
        .routes(routes!(services::scale))
        .routes(routes!(services::rollback))
        .routes(routes!(services::steer))
        .routes(routes!(runs::list, runs::begin))
        .routes(routes!(runs::pace))
        .routes(routes!(secrets::list, secrets::create))
        .routes(routes!(secrets::get, secrets::remove))
        .routes(routes!(secrets::update))
        .routes(routes!(secrets::compare))
        .routes(routes!(configs::list, configs::create))
        .routes(routes!(configs::get, configs::remove))
        .routes(routes!(configs::data))
        .routes(routes!(configs::update))
        .routes(routes!(configs::compare))
        .routes(routes!(images::list))
        .routes(routes!(images::get, images::put))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(join::join))
        .routes(routes!(join::renew))
        .routes(routes!(authority::get))
        .routes(routes!(authority::rotate))
        .routes(routes!(state::get))
        .routes(routes!(state::accept))
        .routes(routes!(readiness::alive))
        .routes(routes!(readiness::ready))
        // Between manager and worker: not for people, and so not in the document.
        .route("/nodes/{name}/sync", axum::routing::post(nodes::sync))
        .route("/nodes/{name}/secrets/{secret}/{version}", axum::routing::get(secrets::give))
        .route("/nodes/{name}/configs/{config}/{version}", axum::routing::get(configs::give))
        .route("/nodes/{name}/images/{image}", axum::routing::get(images::give))
        .route("/nodes/{name}/streams/{id}", axum::routing::post(logs::fill))
        .route("/nodes/{name}/tasks/{id}", axum::routing::delete(tasks::stop_on))
        .with_state(manager.clone())
        .split_for_parts();
    let document = axum::Json(document);
    let router =
        router.route("/openapi.json", axum::routing::get(move || std::future::ready(document.clone())));
    router.layer(axum::middleware::from_fn_with_state(manager, gate::check))
}

impl From<Trouble> for ApiError {
    fn from(trouble: Trouble) -> Self {
        let message = trouble.to_string();
        match trouble {
            Trouble::Refused(Refused::Rule(refusal)) => Self::from(refusal),
            Trouble::Refused(Refused::Trust(refusal)) => match refusal {
                trust::registry::Refusal::NotKnown(_) => Self::unauthorized(message),
                trust::registry::Refusal::NameTaken(_) => Self::conflict(message),
                trust::registry::Refusal::NoSuchToken(_) => Self::not_found(message),
            },
            Trouble::Refused(Refused::OutOfSpace(_)) => Self::out_of_space(message),
            Trouble::Refused(Refused::Store(_) | Refused::Sealed(_)) | Trouble::Stopping => {
                Self::unavailable(message)
            }
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = sentence(&refusal.to_string());
        match refusal {
            Refusal::NameTaken { .. }
            | Refusal::TaskExists(_)
            | Refusal::RequestReused(_)
            | Refusal::NodeLives(_)
            | Refusal::NodeHasTasks { .. }
            | Refusal::LastNode { .. }
            | Refusal::NothingToAccept
            | Refusal::NodeTwice(_)
            | Refusal::ServiceExists(_)
            | Refusal::UnreadableService(_)
            | Refusal::PortTaken { .. }
            | Refusal::ServiceLeaves { .. }
            | Refusal::NotReplicated { .. }
            | Refusal::NotByClock { .. }
            | Refusal::RunGoesOn { .. }
            | Refusal::NoVersionBefore(_)
            | Refusal::FileExists(_)
            | Refusal::FileInUse { .. }
            | Refusal::NothingToSteer(_) => Self::conflict(message),
            Refusal::ServiceChanged { .. } => Self::precondition_failed(message),
            Refusal::BadSpec(_) | Refusal::NeverFits(_) => Self::unprocessable(message),
            Refusal::SafeMode(_) => Self::unavailable(message),
            Refusal::UnknownTask(_)
            | Refusal::UnknownNode(_)
            | Refusal::UnknownService(_)
            | Refusal::UnknownFile(_)
            | Refusal::UnknownFileVersion { .. }
            | Refusal::UnknownImage(_)
            | Refusal::ImageNotNamed { .. }
            | Refusal::NotAssigned { .. }
            | Refusal::UnknownVersion { .. } => Self::not_found(message),
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        tracing::warn!("a read failed: {error}");
        Self::unavailable(error.to_string())
    }
}

impl From<trust::SealError> for ApiError {
    fn from(error: trust::SealError) -> Self {
        Self::unavailable(sentence(&error.to_string()))
    }
}

impl From<NotGiven> for ApiError {
    fn from(error: NotGiven) -> Self {
        match error {
            NotGiven::Trouble(trouble) => trouble.into(),
            NotGiven::Store(error) => error.into(),
            NotGiven::Seal(error) => error.into(),
        }
    }
}

/// With a capital letter, as a sentence begins.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
