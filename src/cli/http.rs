//! HTTP towards one manager: requests with a deadline, answers with a cap.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::time::timeout;

use super::error::CliError;
use super::target::ManagerUrl;

/// A connection is made within this, or the manager is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// An answer is complete within this; of a stream, its head.
const DEADLINE: Duration = Duration::from_secs(30);

/// No page of a list is larger, in bytes.
const LARGEST: usize = 64 << 20;

/// A body that comes bit by bit.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, HttpError>>;

/// A manager's HTTP API.
pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// Nobody listens there: nothing was done.
    #[error(
        "no manager answers at {base} ({reason}): `orc` starts one here, and --manager URL or ORC_MANAGER_HOST and \
         ORC_MANAGER_PORT say where one is"
    )]
    Unreachable { base: String, reason: String },
    /// The connection broke or a deadline passed: it may have been done.
    #[error("the manager at {base} did not answer: {reason}")]
    Lost { base: String, reason: String },
    /// The manager said no, in these words.
    #[error("{message}")]
    Refused { status: StatusCode, message: String },
    /// What answered is no manager of orc.
    #[error("what answers at {base} is no manager of orc: {reason}")]
    Stranger { base: String, reason: String },
}

impl HttpError {
    /// Whether the manager knows nothing of what was asked for.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }

    /// Whether it may have been done, so that only the same request may be sent again.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Lost { .. })
            || matches!(self, Self::Refused { status, .. } if status.is_server_error())
    }
}

impl From<HttpError> for CliError {
    fn from(error: HttpError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a manager says no.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Http {
    pub(super) fn new(url: &ManagerUrl) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), base: url.to_string() }
    }

    /// A request and its whole answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(HeaderMap, Bytes), HttpError> {
        let whole = async {
            let (head, body) = self.open(method, path, body).await?.into_parts();
            Ok((head.headers, self.whole(body).await?))
        };
        timeout(DEADLINE, whole).await.unwrap_or_else(|_| Err(self.late()))
    }

    /// The answer to a GET whose body comes bit by bit.
    pub(super) async fn stream(&self, path: &str) -> Result<Pieces, HttpError> {
        let open = timeout(DEADLINE, self.open(Method::GET, path, Vec::new()));
        let body = open.await.unwrap_or_else(|_| Err(self.late()))?.into_body();
        let base = self.base.clone();
        let lost =
            move |error: hyper::Error| HttpError::Lost { base: base.clone(), reason: error.to_string() };
        Ok(body.into_data_stream().map_err(lost).boxed())
    }

    /// What decodes to something else than a manager's answer.
    pub(super) fn stranger(&self, reason: &dyn fmt::Display) -> HttpError {
        HttpError::Stranger { base: self.base.clone(), reason: reason.to_string() }
    }

    fn lost(&self, reason: &dyn fmt::Display) -> HttpError {
        HttpError::Lost { base: self.base.clone(), reason: reason.to_string() }
    }

    fn late(&self) -> HttpError {
        self.lost(&format_args!("it took longer than {} s", DEADLINE.as_secs()))
    }

    async fn open(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Response<Incoming>, HttpError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| self.stranger(&error))?;
        let answer = self.client.request(request).await.map_err(|error| {
            let reason = root_cause(&error);
            if error.is_connect() {
                return HttpError::Unreachable { base: self.base.clone(), reason };
            }
            self.lost(&reason)
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = self.whole(answer.into_body()).await?;
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => Err(HttpError::Refused { status, message: refusal.message }),
            Err(_) => Err(self.stranger(&format_args!("its answer was {status} without a message"))),
        }
    }

    async fn whole(&self, body: Incoming) -> Result<Bytes, HttpError> {
        let collected = Limited::new(body, LARGEST).collect().await;
        collected.map(http_body_util::Collected::to_bytes).map_err(|error| self.lost(&error))
    }
}

/// The last of the errors that caused each other: the one that says what happened.
fn root_cause(error: &hyper_util::client::legacy::Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(std::error::Error::source) {
        cause = Some(next);
    }
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
