//! A thin JSON client: what the CLI and the workers ask a manager with.
//!
//! It decides nothing and repeats nothing. What it does is tell apart, when there is no answer, whether the
//! request cannot have had an effect or may have had one.

mod connect;
mod error;
mod places;
mod transfer;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, IF_MATCH, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use self::connect::Connector;
pub use self::error::{ClientError, InvalidBase};
use self::places::Places;
use crate::clock::Clock;
use crate::model::skew;
use crate::model::time::Timestamp;
use crate::trust::ApiToken;
use crate::wire::task::NEXT_CURSOR;

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1_024 * 1_024;

/// How long an idle connection is kept. A server of orc closes it after 10 s, and a request that crosses that
/// closing has an unknown outcome; so the client lets go first.
const MAX_IDLE: Duration = Duration::from_secs(5);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Connections that are kept for the next request.
type Pool = legacy::Client<Connector, Body>;

/// Asks one server. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    /// Without a slash at its end.
    base: String,
    /// Where the server may be.
    places: Places,
    pools: Arc<Pools>,
    /// What the header `Authorization` says; marked as a secret.
    authorization: Option<HeaderValue>,
    /// What the header `If-Match` says.
    if_match: Option<HeaderValue>,
}

/// The connections of a client and its clones.
#[derive(Debug)]
struct Pools {
    questions: Pool,
    /// For what is long and can wait, and must not keep questions from getting through.
    outputs: Pool,
}

impl Pools {
    fn new(tls: Option<Arc<ClientConfig>>, places: &Places) -> Arc<Self> {
        // hyper's only repetition stays on: it is of requests of which not a byte has left, when a kept connection turns
        // out to be closed.
        let mut pool = legacy::Client::builder(TokioExecutor::new());
        pool.pool_idle_timeout(MAX_IDLE).pool_timer(TokioTimer::new());
        let connector = Connector::new(tls, places.clone());
        let outputs = pool.build(connector.clone().giving_way());
        Arc::new(Self { questions: pool.build(connector), outputs })
    }
}

impl Client {
    /// A client for the server at `base`: `http://localhost:8000`, or without the scheme. Several URLs, separated by commas,
    /// are the places where one server may be: connections are made to the first that lets one. One for an `https` URL
    /// reaches nobody until it is told whom to believe, by [`Self::believing`].
    pub fn new(base: &str) -> Result<Self, InvalidBase> {
        let places = Places::parse(base)?;
        let base = places.first().to_owned();
        let pools = Pools::new(None, &places);
        Ok(Self { base, places, pools, authorization: None, if_match: None })
    }

    /// One that speaks TLS like this. It has connections of its own.
    #[must_use = "this is another one"]
    pub fn believing(self, tls: Arc<ClientConfig>) -> Self {
        Self { pools: Pools::new(Some(tls), &self.places), ..self }
    }

    /// One that shows this token.
    #[must_use = "this is another one"]
    pub fn bearing(self, token: &ApiToken) -> Self {
        // What a token prints is a header: letters, digits and hyphens.
        let header = HeaderValue::from_str(&format!("Bearer {token}")).ok();
        let secret = |mut header: HeaderValue| {
            header.set_sensitive(true);
            header
        };
        Self { authorization: header.map(secret), ..self }
    }

    /// One whose requests count only while what they change is of this version.
    #[must_use = "this is another one"]
    pub fn matching(&self, version: u64) -> Self {
        Self { if_match: HeaderValue::from_str(&format!("\"{version}\"")).ok(), ..self.clone() }
    }

    /// The URL of the server; of several, the first.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// All URLs at which it may be, separated by commas: what [`Self::new`] reads.
    pub fn places(&self) -> String {
        self.places.text()
    }

    /// `GET`, answered whole within `deadline`. `path` begins with a slash and may have a query.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, deadline: Duration) -> Result<T, ClientError> {
        self.call(Method::GET, path, Bytes::new(), deadline).await
    }

    /// `GET` of one page of a list, answered whole within `deadline`; with the cursor of the page after it, if
    /// there is one.
    pub async fn get_page<T: DeserializeOwned>(
        &self,
        path: &str,
        deadline: Duration,
    ) -> Result<(T, Option<String>), ClientError> {
        let (headers, body) = self.answer(Method::GET, path, Bytes::new(), deadline).await?;
        let next = headers.get(NEXT_CURSOR).and_then(|next| next.to_str().ok()).map(ToOwned::to_owned);
        Ok((self.decode(&body)?, next))
    }

    /// `POST` with a JSON body, answered whole within `deadline`; an empty answer decodes as null.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        deadline: Duration,
    ) -> Result<T, ClientError> {
        self.send(Method::POST, path, body, deadline).await
    }

    /// `DELETE`, answered within `deadline`.
    pub async fn delete(&self, path: &str, deadline: Duration) -> Result<(), ClientError> {
        self.call(Method::DELETE, path, Bytes::new(), deadline).await
    }

    /// Any method with a JSON body, answered whole within `deadline`; an empty answer decodes as null.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        deadline: Duration,
    ) -> Result<T, ClientError> {
        let json = serde_json::to_vec(body).map_err(|error| self.not_sent(&error))?;
        self.call(method, path, json.into(), deadline).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<T, ClientError> {
        let (_, body) = self.answer(method, path, body, deadline).await?;
        self.decode(&body)
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<(HeaderMap, Bytes), ClientError> {
        let mut request = self.request(method, path, Full::new(body.clone()).boxed_unsync())?;
        if !body.is_empty() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let asking = async {
            let mut response = self.admit(self.ask(&self.pools.questions, request).await?).await?;
            let headers = std::mem::take(response.headers_mut());
            Ok((headers, self.collect(response).await?))
        };
        self.within(deadline, asking).await
    }

    fn decode<T: DeserializeOwned>(&self, body: &Bytes) -> Result<T, ClientError> {
        let json = if body.is_empty() { b"null" } else { body.as_ref() };
        serde_json::from_slice(json)
            .map_err(|error| ClientError::Garbled { base: self.base.clone(), reason: error.to_string() })
    }

    fn request(&self, method: Method, path: &str, body: Body) -> Result<Request<Body>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("orc/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(version) = &self.if_match {
            request = request.header(IF_MATCH, version);
        }
        request.body(body).map_err(|error| self.not_sent(&error))
    }

    async fn ask(&self, pool: &Pool, request: Request<Body>) -> Result<Response<Incoming>, ClientError> {
        pool.request(request)
            .await
            .map_err(|error| if error.is_connect() { self.not_sent(&error) } else { self.broke_off(&error) })
    }

    /// Lets a success pass; any other answer is read to its end and becomes an error.
    async fn admit(&self, response: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let apart = clocks_apart(response.headers());
        let body = self.collect(response).await?;
        Err(ClientError::refused(status, &body, apart))
    }

    async fn collect(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        body.map(Collected::to_bytes).map_err(|error| self.broke_off(error.as_ref()))
    }

    async fn within<T>(
        &self,
        deadline: Duration,
        asking: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let late = |_| ClientError::Unknown {
            base: self.base.clone(),
            reason: format!("no answer within {} s", deadline.as_secs_f64()),
        };
        timeout(deadline, asking).await.map_err(late)?
    }

    fn not_sent(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        ClientError::NotSent { base: self.base.clone(), reason: error::root(error) }
    }

    fn broke_off(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        ClientError::Unknown { base: self.base.clone(), reason: error::root(error) }
    }
}

/// How far the server's clock is from this machine's, when that is too far for certificates and tokens.
fn clocks_apart(headers: &HeaderMap) -> Option<String> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let theirs = DateTime::parse_from_rfc2822(date).ok()?.timestamp_millis();
    let apart = skew::apart(Timestamp::from_millis(theirs), Clock.now().wall)?;
    Some(format!("the clock of the server is {apart} the clock of this machine"))
}

/// A text as one segment of a path: what is special there is escaped.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_http_url_with_or_without_its_scheme() {
        for (given, base) in [
            ("localhost:8000", "http://localhost:8000"),
            ("http://localhost:8000/", "http://localhost:8000"),
            ("http://[::1]:8000/orc", "http://[::1]:8000/orc"),
            ("https://10.0.0.1:8000", "https://10.0.0.1:8000"),
        ] {
            assert_eq!(Client::new(given).unwrap().base(), base);
        }
        for given in ["", "ftp://localhost", "http://", "unix:///run/orc.sock", "http://a b", "http://a?b"] {
            assert!(Client::new(given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn clocks_that_differ_are_told_apart_from_those_that_agree() {
        let apart = |seconds: i64| {
            let now = Clock.now().wall.millis() / 1_000 + seconds;
            let date =
                DateTime::from_timestamp(now, 0).unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            clocks_apart(&HeaderMap::from_iter([(DATE, date.parse().unwrap())]))
        };
        assert_eq!(apart(-60), None);
        let year = 365 * 24 * 3_600;
        assert!(apart(-year).unwrap().contains("11months 30days behind"), "{:?}", apart(-year));
        assert!(apart(year).unwrap().contains("ahead of"));
    }

    #[test]
    fn a_segment_cannot_become_two() {
        assert_eq!(segment("web-1_a.b~c"), "web-1_a.b~c");
        assert_eq!(segment("../é?a=1#\0"), "..%2F%C3%A9%3Fa%3D1%23%00");
    }
}
