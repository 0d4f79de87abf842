//! A small site to be hostile to, and clients that write their bytes themselves.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use orc::model::id::TaskId;
use orc::serve::{self, Id, Json, Limits, Options, Query};
use orc::settings::{Listen, MANAGER_PORT};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longer than anything here may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a port of its own.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) tracker: TaskTracker,
    /// How many requests have had an effect.
    pub(super) effects: Arc<AtomicUsize>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Thing {
    name: String,
    #[serde(default)]
    memory: u64,
    #[serde(default)]
    port: u16,
    #[serde(default, rename = "CPU")]
    cpu: f64,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    limit: u32,
}

impl Site {
    pub(super) fn start(limits: Limits) -> Self {
        let address = Listen { host: "127.0.0.1".to_owned(), port: 0 };
        let bound = serve::bind(&address, MANAGER_PORT).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], bound.address.port));
        let (stop, tracker, effects) = <(CancellationToken, TaskTracker, Arc<AtomicUsize>)>::default();
        let options = Options { limits, routes: &["POST /things", "GET /things", "DELETE /things/{id}"] };
        serve::start(bound, router(Arc::clone(&effects)), options, &stop, &tracker);
        Self { address, stop, tracker, effects }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Writes `request` on a connection of its own and reads until the server closes it.
    pub(super) async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect().await;
        // A server that refuses early may close before it has read everything; its answer is what counts.
        let _ = stream.write_all(request.as_ref()).await;
        Answer::read(&mut stream).await
    }

    /// `POST /things` with a body, correct in all else.
    pub(super) async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let head = format!(
            "POST /things HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        self.send([head.as_bytes(), body].concat()).await
    }

    pub(super) fn effects(&self) -> usize {
        self.effects.load(Ordering::SeqCst)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What came back until the server closed the connection.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case, with the status line.
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        read.expect("the server closes the connection").expect("the answer is not lost in a reset");
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// The sentence of a refusal.
    pub(super) fn message(&self) -> String {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Refusal {
            message: String,
        }
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        serde_json::from_str::<Refusal>(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {self:?}"))
            .message
    }
}

fn router(effects: Arc<AtomicUsize>) -> Router {
    Router::new()
        .route("/things", post(create).get(list))
        .route("/things/{id}", delete(remove))
        .route("/panic", post(panic))
        .route("/big", get(big))
        .route("/poll", get(std::future::pending::<StatusCode>))
        .route("/feed", get(feed))
        .route("/upload", post(upload))
        .with_state(effects)
}

async fn create(
    State(effects): State<Arc<AtomicUsize>>,
    Json(thing): Json<Thing>,
) -> (StatusCode, Json<Thing>) {
    effects.fetch_add(1, Ordering::SeqCst);
    (StatusCode::CREATED, Json(thing))
}

async fn list(Query(page): Query<Page>) -> String {
    format!("[{}]", page.limit)
}

async fn remove(State(effects): State<Arc<AtomicUsize>>, Id(_): Id<TaskId>) -> StatusCode {
    effects.fetch_add(1, Ordering::SeqCst);
    StatusCode::NO_CONTENT
}

async fn panic() -> StatusCode {
    panic!("the secret reason")
}

/// More than the buffers of any socket.
async fn big() -> Body {
    let chunk = Bytes::from(vec![b'x'; 64 * 1_024]);
    Body::from_stream(stream::repeat(Ok::<_, Infallible>(chunk)).take(2_048))
}

/// One line, and then nothing more for ever.
async fn feed() -> Body {
    let line = stream::once(async { Ok::<_, Infallible>("hello\n") });
    Body::from_stream(line.chain(stream::pending()))
}

/// A long body by design: no limit but the client's patience.
async fn upload(mut body: Body) -> String {
    let mut total = 0;
    while let Some(Ok(frame)) = body.frame().await {
        total += frame.data_ref().map_or(0, Bytes::len);
    }
    total.to_string()
}
