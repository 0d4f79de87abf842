//! The JSON client against orc's own server, and against servers that misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use orc::client::{Client, ClientError};
use orc::serve::{self, ApiError, Json, Limits, Options};
use orc::settings::{Listen, MANAGER_PORT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

const SOON: Duration = Duration::from_secs(5);

/// A client of a server of orc with `router`, which goes on until the token is cancelled or dropped.
fn client_of(router: Router, limits: Limits) -> (Client, DropGuard) {
    let bound = serve::bind(&Listen { host: "localhost".to_owned(), port: 0 }, MANAGER_PORT).unwrap();
    let client = Client::new(&bound.to_string()).unwrap();
    let stop = CancellationToken::new();
    serve::start(bound, router, Options { limits, routes: &[] }, &stop, &TaskTracker::new());
    (client, stop.drop_guard())
}

/// A client of a server that accepts one connection after another, reads a request, writes `answer` and closes.
async fn client_of_rude(answer: &'static [u8]) -> (Client, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&listener.local_addr().unwrap().to_string()).unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    TaskTracker::new().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            if stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(answer).await;
            }
        }
    });
    (client, requests)
}

#[tokio::test]
async fn what_is_asked_for_is_answered() {
    let router = Router::new()
        .route("/echo", post(async |Json(numbers): Json<Vec<u32>>| Json(numbers)))
        .route("/name", get(async || Json("orc")).delete(async || StatusCode::NO_CONTENT));
    let (client, _server) = client_of(router, Limits::default());
    assert_eq!(client.get::<String>("/name", SOON).await, Ok("orc".to_owned()));
    assert_eq!(client.post::<Vec<u32>>("/echo", &[1, 2], SOON).await, Ok(vec![1, 2]));
    assert_eq!(client.delete("/name", SOON).await, Ok(()));
}

#[tokio::test]
async fn a_refusal_carries_the_servers_own_sentence() {
    let router = Router::new().route("/", get(async || ApiError::conflict("web is taken").into_result()));
    let (client, _server) = client_of(router, Limits::default());
    let refusal = ClientError::Refused { status: 409, message: "web is taken".to_owned() };
    assert_eq!(client.get::<()>("/", SOON).await, Err(refusal));
}

/// As a handler returns it.
trait IntoResult: Sized {
    fn into_result(self) -> Result<(), Self> {
        Err(self)
    }
}

impl IntoResult for ApiError {}

#[tokio::test]
async fn a_refusal_by_a_stranger_is_quoted() {
    let (client, _) = client_of_rude(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\nsad\n").await;
    let Err(ClientError::Refused { status: 502, message }) = client.get::<()>("/", SOON).await else {
        panic!()
    };
    assert_eq!(message, "The server answered 502 Bad Gateway without a reason of its own: \"sad\"");
}

#[tokio::test]
async fn without_a_connection_nothing_happened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    drop(listener);
    let error = Client::new(&address.to_string()).unwrap().post::<()>("/", &(), SOON).await.unwrap_err();
    assert!(matches!(error, ClientError::NotSent { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with(&format!("http://{address} cannot be reached: Connection refused")),
        "{error}"
    );
}

#[tokio::test]
async fn when_the_answer_is_lost_the_outcome_is_unknown_and_nothing_is_sent_twice() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\n{"] {
        let (client, requests) = client_of_rude(answer).await;
        let error = client.post::<()>("/", &(), SOON).await.unwrap_err();
        assert!(matches!(error, ClientError::Unknown { .. }), "{error:?}");
        assert_eq!(requests.load(Ordering::SeqCst), 1, "{error}");
    }
}

#[tokio::test]
async fn when_the_deadline_passes_the_outcome_is_unknown() {
    let router = Router::new()
        .route("/head", get(std::future::pending::<StatusCode>))
        .route("/body", get(async || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())));
    let (client, _server) = client_of(router, Limits::default());
    for path in ["/head", "/body"] {
        let begin = Instant::now();
        let error = client.get::<()>(path, Duration::from_millis(100)).await.unwrap_err();
        assert!(matches!(error, ClientError::Unknown { .. }), "{error:?}");
        assert!(error.to_string().ends_with("is unknown: no answer within 0.1 s"), "{error}");
        assert!(begin.elapsed() < SOON);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_not_mistaken_for_a_failure() {
    let (client, _) = client_of_rude(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let error = client.get::<String>("/", SOON).await.unwrap_err();
    assert!(matches!(error, ClientError::Garbled { .. }), "{error:?}");
}

#[tokio::test]
async fn a_path_that_is_none_is_never_sent() {
    let (client, requests) = client_of_rude(b"").await;
    let error = client.get::<String>("/a b\r\nhost: evil", SOON).await.unwrap_err();
    assert!(matches!(error, ClientError::NotSent { .. }), "{error:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_in_the_meantime_costs_no_request() {
    let limits = Limits { head_time: Duration::from_millis(50), ..Limits::default() };
    let router = Router::new().route("/", post(async || StatusCode::NO_CONTENT));
    let (client, _server) = client_of(router, limits);
    for _ in 0..3 {
        assert_eq!(client.post("/", &(), SOON).await, Ok(()));
        tokio::time::sleep(2 * limits.head_time).await;
    }
}

#[tokio::test]
async fn a_stream_comes_piece_by_piece_and_says_when_it_broke_off() {
    let (client, _) =
        client_of_rude(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n")
            .await;
    let mut pieces = Box::pin(client.stream("/", SOON).await.unwrap());
    let mut text = String::new();
    while let Some(Ok(piece)) = pieces.next().await {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert_eq!(text, "onetwo");

    let (client, _) =
        client_of_rude(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
    let pieces: Vec<_> = client.stream("/", SOON).await.unwrap().collect().await;
    assert!(matches!(pieces.as_slice(), [Ok(_), Err(ClientError::Unknown { .. })]), "{pieces:?}");
}

#[tokio::test]
async fn a_stream_that_is_refused_says_so() {
    let (client, _server) = client_of(Router::new(), Limits::default());
    let error = client.stream("/logs", SOON).await.map(|_| ()).unwrap_err();
    let message = "There is nothing at /logs".to_owned();
    assert_eq!(error, ClientError::Refused { status: 404, message });
}

#[tokio::test]
async fn an_upload_arrives_in_pieces_and_takes_as_long_as_it_takes() {
    let sum = async |body: Body| {
        let sizes = body.into_data_stream().map(|piece| piece.map_or(0, |piece| piece.len()));
        let total = sizes.fold(0, async |total, size| total + size).await;
        if total == 30 { Ok(()) } else { Err(ApiError::bad_request(format!("{total} bytes"))) }
    };
    let limits = Limits { body_time: Duration::from_millis(50), ..Limits::default() };
    let (client, _server) = client_of(Router::new().route("/", post(sum)), limits);
    let pieces = stream::iter(0..3).then(async |_| {
        tokio::time::sleep(Duration::from_millis(60)).await;
        Bytes::from_static(b"0123456789")
    });
    assert_eq!(client.upload("/", pieces.take(3)).await, Ok(()));
    let error = client.upload("/", stream::iter([Bytes::from_static(b"x")])).await.unwrap_err();
    assert_eq!(error, ClientError::Refused { status: 400, message: "1 bytes".to_owned() });
}

#[tokio::test]
async fn an_upload_that_is_refused_early_ends_early() {
    let router = Router::new().route("/", post(async || ApiError::not_found("no such task").into_result()));
    let (client, _server) = client_of(router, Limits::default());
    let endless = stream::repeat(Bytes::from_static(b"line\n")).then(async |line| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        line
    });
    let error = tokio::time::timeout(SOON, client.upload("/", endless)).await.expect("it ends").unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 404, .. }), "{error:?}");
}
