//! Clients of a service's port that ask without a pause to speak of, over new connections and over kept ones.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Requests that a kept connection carries before its client closes it, as proxies and browsers do.
const KEPT: usize = 20;

/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(5);

/// No request takes so long.
const LATE: Duration = Duration::from_secs(10);

/// What clients have seen of a port.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: usize,
    /// Each with where it was asked.
    pub(crate) failures: Vec<String>,
}

/// Clients at work.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    running: Vec<JoinHandle<Seen>>,
}

impl Clients {
    /// At each address two that make a connection for each request, and two that keep theirs.
    pub(crate) fn begin(addresses: &[SocketAddr]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let at = |address: &SocketAddr| [1, 1, KEPT, KEPT].map(|each| client(*address, each, stop.clone()));
        let running = addresses.iter().flat_map(at).map(|client| TaskTracker::new().spawn(client)).collect();
        Self { stop, running }
    }

    /// Ends them; what they have seen.
    pub(crate) async fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for client in self.running {
            let seen = client.await.unwrap();
            all.answers += seen.answers;
            all.failures.extend(seen.failures);
        }
        all
    }
}

async fn client(address: SocketAddr, each: usize, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        match tokio::time::timeout(LATE, connection(address, each)).await {
            Ok(Ok(answers)) => seen.answers += answers,
            Ok(Err(error)) => seen.failures.push(format!("{address}: {error}")),
            Err(_) => seen.failures.push(format!("{address}: no answer within {LATE:?}")),
        }
    }
    seen
}

/// So many requests over one connection.
async fn connection(address: SocketAddr, requests: usize) -> io::Result<usize> {
    let mut stream = BufStream::new(TcpStream::connect(address).await?);
    for _ in 0..requests {
        ask(&mut stream).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(requests)
}

/// What a task says that its environment is.
pub(crate) async fn environment(address: SocketAddr) -> io::Result<String> {
    ask(&mut BufStream::new(TcpStream::connect(address).await?)).await
}

async fn ask(stream: &mut BufStream<TcpStream>) -> io::Result<String> {
    stream.write_all(b"GET /env HTTP/1.1\r\nHost: web\r\n\r\n").await?;
    stream.flush().await?;
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
