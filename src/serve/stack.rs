//! What every request goes through before and after its handler.

use std::any::Any;
use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tower::{Layer, Service, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::trace::TraceLayer;

use super::guard::{Guard, check};
use super::{ApiError, Options};

/// The whole of a server but its sockets: `router` behind the guard of `host`, with errors as JSON, panics as
/// 500, trailing slashes optional.
pub fn stack(
    router: Router,
    host: &str,
    options: Options,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    // Outside of the router, which would otherwise match the path before its slash is off, and add `Allow`
    // after its own layers are done.
    let service = NormalizePathLayer::trim_trailing_slash().layer(router);
    let service = from_fn_with_state(options.routes, explain).layer(service);
    let service = CatchPanicLayer::custom(panicked).layer(service);
    let service = from_fn_with_state(Guard::new(host), check).layer(service);
    let service = from_fn(harden).layer(service);
    let service = Extension(options.limits).layer(service);
    let service = TraceLayer::new_for_http().on_failure(()).layer(service);
    service.map_response(|response: Response<_>| response.map(Body::new))
}

/// Puts a sentence where axum has an empty answer: a path that is not there, a method that is not for it.
/// `OPTIONS` is answered for every path.
async fn explain(
    State(routes): State<&'static [&'static str]>,
    method: Method,
    uri: Uri,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    match (response.status(), response.headers().get(ALLOW)) {
        (StatusCode::NOT_FOUND, _) => ApiError::no_such_path(uri.path(), routes).into_response(),
        (StatusCode::METHOD_NOT_ALLOWED, Some(allow)) if method == Method::OPTIONS => {
            (StatusCode::NO_CONTENT, [(ALLOW, allow.clone())]).into_response()
        }
        (StatusCode::METHOD_NOT_ALLOWED, Some(allow)) => {
            let error = ApiError::method_not_allowed(&method, uri.path(), allow.to_str().unwrap_or_default());
            ([(ALLOW, allow.clone())], error).into_response()
        }
        _ => response,
    }
}

/// Keeps answers out of caches, and browsers from seeing anything but JSON in them.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The answer of a handler that panicked. What it said is for the log, not for the client.
#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked: this is a bug in orc");
    ApiError::internal("This is a bug in orc: its log says more. Nothing is known of the request's effect")
        .into_response()
}
