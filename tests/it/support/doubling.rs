//! A proxy before a manager that delivers each request twice, the second time a little later, and gives its second answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::http::{Answer, ask};

/// The second delivery is later than the first by up to so many milliseconds, so that requests overtake one another.
const LATER: u64 = 50;

/// The proxy; it ends when this is dropped.
pub(crate) struct Doubling {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    manager: watch::Sender<u16>,
    accepting: JoinHandle<()>,
}

impl Doubling {
    /// Listens; what comes waits until it is known where it leads to.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (manager, known) = watch::channel(0);
        let accepting = TaskTracker::new().spawn(accept(listener, known));
        Self { port, manager, accepting }
    }

    /// Everything goes to the manager at this port.
    pub(crate) fn lead_to(&self, port: u16) {
        self.manager.send_replace(port);
    }
}

impl Drop for Doubling {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, manager: watch::Receiver<u16>) {
    let connections = TaskTracker::new();
    let number = Arc::new(AtomicU64::new(0));
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (manager, number) = (manager.clone(), number.clone());
        let service = service_fn(move |request| {
            twice(request, manager.clone(), number.fetch_add(1, Ordering::Relaxed))
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        // An error here is a caller that left.
        connections.spawn(async { drop(connection.await) });
    }
}

async fn twice(
    request: Request<Incoming>,
    mut manager: watch::Receiver<u16>,
    number: u64,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let port = *manager.wait_for(|port| *port != 0).await.unwrap();
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let (method, path) = (head.method.as_str(), head.uri.path_and_query().unwrap().as_str());
    let send = async || ask(port, method, path, &[("content-type", "application/json")], body.clone()).await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(number * 17 % LATER)).await;
        send().await
    };
    let (first, second) = tokio::join!(send(), later);
    drop(first);
    let Answer { status, headers, body } = second.unwrap();
    let mut answer = Response::builder().status(status);
    answer
        .headers_mut()
        .unwrap()
        .extend(headers.get("content-type").map(|kind| (hyper::header::CONTENT_TYPE, kind.clone())));
    Ok(answer.body(Full::new(body)).unwrap())
}
