//! A proxy before a real engine that delays, loses and spoils requests and answers, as a test says.
//!
//! It forwards on tasks of its own: as with a real engine, what a caller has given up may still be done.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use orc::engine::Deadlines;
use orc::engine::docker::{Docker, DockerEnv};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::TaskTracker;

/// What happens to a request.
#[derive(Debug, Clone)]
pub(crate) enum Spoil {
    /// The engine gets it only after this time, whether or not the caller still waits.
    DelayRequest(Duration),
    /// The caller gets the answer only after this time.
    DelayReply(Duration),
    /// The engine never gets it; the connection closes.
    DropRequest,
    /// The engine does it; the connection closes without an answer.
    DropReply,
    /// The engine never gets it; the connection stays.
    Hang,
    /// The engine gets it twice; the caller gets the second answer.
    Duplicate,
    /// The connection breaks after so many bytes of the answer's body.
    Truncate(usize),
    /// The engine never gets it; this is the answer.
    Answer(u16, String),
    /// The engine does it; the answer's body is this.
    ReplaceBody(String),
}

/// A rule: the `nth` request of this method whose path ends so, counted from 1 since the rule was made.
#[derive(Debug)]
struct Rule {
    method: Method,
    path_end: &'static str,
    nth: usize,
    met: usize,
    spoil: Spoil,
}

/// The proxy; it ends when this is dropped.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    directory: TempDir,
    accepting: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: PathBuf,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<BTreeMap<String, usize>>,
    /// What is being forwarded.
    forwarding: TaskTracker,
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Why the proxy closes a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("a test wants this connection to close")]
struct Closed;

impl Proxy {
    /// A proxy before the engine at `unix://…`.
    pub(crate) fn before(host: &str) -> Self {
        let upstream = host.strip_prefix("unix://").expect("the tests reach the engine over a Unix socket");
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("docker.sock")).unwrap();
        let shared = Arc::new(Shared {
            upstream: Path::new(upstream).to_owned(),
            rules: Mutex::default(),
            seen: Mutex::default(),
            forwarding: TaskTracker::new(),
        });
        let accepting = shared.forwarding.spawn(accept(listener, shared.clone()));
        Self { shared, directory, accepting }
    }

    /// orc's engine behind this proxy.
    pub(crate) fn engine(&self, deadlines: Deadlines) -> Docker {
        let host = format!("unix://{}/docker.sock", self.directory.path().display());
        Docker::connect(&DockerEnv { host: Some(host), ..DockerEnv::default() }, deadlines).unwrap()
    }

    /// Spoils the next request of this method whose path ends so.
    pub(crate) fn spoil(&self, method: Method, path_end: &'static str, spoil: Spoil) {
        self.spoil_nth(1, method, path_end, spoil);
    }

    /// Spoils the `nth` from now.
    pub(crate) fn spoil_nth(&self, nth: usize, method: Method, path_end: &'static str, spoil: Spoil) {
        self.shared.rules.lock().unwrap().push(Rule { method, path_end, nth, met: 0, spoil });
    }

    /// How many requests of this method have come whose path ends so.
    pub(crate) fn seen(&self, method: &Method, path_end: &str) -> usize {
        let seen = self.shared.seen.lock().unwrap();
        let met =
            seen.iter().filter(|(line, _)| line.starts_with(method.as_str()) && line.ends_with(path_end));
        met.map(|(_, count)| count).sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let for_requests = shared.clone();
        let service = service_fn(move |request| handle(request, for_requests.clone()));
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        // An error here is a caller that left, or a connection that a rule closed.
        shared.forwarding.spawn(async { drop(connection.await) });
    }
}

async fn handle(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let line = format!("{} {}", head.method, head.uri.path());
    *shared.seen.lock().unwrap().entry(line).or_default() += 1;
    let spoil = shared.take_spoil(&head.method, head.uri.path());
    let request = Request::from_parts(head, Full::new(body));
    match spoil {
        None => shared.forward(request).await,
        Some(Spoil::DelayRequest(time)) => shared.forward_after(time, request).await,
        Some(Spoil::DelayReply(time)) => {
            let answer = shared.forward(request).await;
            tokio::time::sleep(time).await;
            answer
        }
        Some(Spoil::DropRequest) => Err(Closed),
        Some(Spoil::DropReply) => {
            shared.forward(request).await?.collect().await.map_err(|_| Closed)?;
            Err(Closed)
        }
        Some(Spoil::Hang) => future::pending().await,
        Some(Spoil::Duplicate) => {
            shared.forward(request.clone()).await?.collect().await.map_err(|_| Closed)?;
            shared.forward(request).await
        }
        Some(Spoil::Truncate(length)) => shared.forward(request).await.map(|answer| truncate(answer, length)),
        Some(Spoil::Answer(status, text)) => Ok(json(status, text)),
        Some(Spoil::ReplaceBody(text)) => Ok(json(shared.forward(request).await?.status().as_u16(), text)),
    }
}

impl Shared {
    /// The rule that this request meets, if any.
    fn take_spoil(&self, method: &Method, path: &str) -> Option<Spoil> {
        let mut rules = self.rules.lock().unwrap();
        let mut found = None;
        rules.retain_mut(|rule| {
            rule.met += usize::from(rule.method == *method && path.ends_with(rule.path_end));
            let is_due = rule.met == rule.nth;
            if is_due {
                found.get_or_insert_with(|| rule.spoil.clone());
            }
            !is_due
        });
        found
    }

    async fn forward(self: &Arc<Self>, request: Request<Full<Bytes>>) -> Result<Response<Body>, Closed> {
        self.forward_after(Duration::ZERO, request).await
    }

    /// Asks the engine on a task of its own, which goes on when the caller leaves.
    async fn forward_after(
        self: &Arc<Self>,
        time: Duration,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, Closed> {
        let shared = self.clone();
        let asking = self.forwarding.spawn(async move {
            tokio::time::sleep(time).await;
            shared.ask_engine(request).await
        });
        asking.await.map_err(|_| Closed)?
    }

    async fn ask_engine(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Closed> {
        let socket = UnixStream::connect(&self.upstream).await.map_err(|_| Closed)?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
        let (mut sender, connection) = handshake.map_err(|_| Closed)?;
        self.forwarding.spawn(async { drop(connection.await) });
        let answer = sender.send_request(request).await.map_err(|_| Closed)?;
        Ok(answer.map(|body| body.map_err(std::io::Error::other).boxed_unsync()))
    }
}

/// Lets the answer break off after so many bytes.
fn truncate(answer: Response<Body>, length: usize) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(hyper::header::CONTENT_LENGTH);
    let pieces = body.into_data_stream().scan(length, |left, data| {
        let piece = match data {
            _ if *left == 0 => Err(std::io::Error::other(Closed)),
            Ok(mut data) => {
                data.truncate(*left);
                *left -= data.len();
                Ok(Frame::data(data))
            }
            Err(error) => Err(error),
        };
        future::ready(Some(piece))
    });
    let broken = stream::once(future::ready(Err(std::io::Error::other(Closed))));
    Response::from_parts(head, StreamBody::new(pieces.chain(broken)).boxed_unsync())
}

fn json(status: u16, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.boxed_unsync())
        .unwrap()
}
