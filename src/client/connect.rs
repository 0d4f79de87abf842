//! How a connection is made: TCP, and TLS over it where the URL says so.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, ClientConfig, pki_types::ServerName};
use tower::Service;

use super::places::Places;
use crate::tcp;
use crate::trust::client::explain;

/// How long a peer may take to accept a connection, and how long one that went silent counts as there.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// Makes connections.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    /// Whom to believe; `None` = TLS cannot be spoken.
    tls: Option<Arc<ClientConfig>>,
    /// Where the server may be. Whoever is at one of them is believed by its certificate, and not by its name (ADR 8).
    places: Places,
    /// Whether what is sent gives way to others on the same cable.
    gives_way: bool,
}

impl Connector {
    pub(super) fn new(tls: Option<Arc<ClientConfig>>, places: Places) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Where there are others to go to, the first is not waited for so long.
        let patience = if places.are_several() { MAX_SILENCE / 5 } else { MAX_SILENCE };
        tcp.set_connect_timeout(Some(patience));
        tcp.set_keepalive(Some(MAX_SILENCE));
        tcp.set_keepalive_interval(Some(MAX_SILENCE / 3));
        tcp.set_keepalive_retries(Some(3));
        tcp.set_tcp_user_timeout(Some(2 * MAX_SILENCE));
        Self { tcp, tls, places, gives_way: false }
    }

    /// One whose connections give way to all others.
    pub(super) fn giving_way(self) -> Self {
        Self { gives_way: true, ..self }
    }
}

/// A connection.
pub(super) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    /// Connects to wherever the server lets it in, whichever of the places is asked for.
    fn call(&mut self, _: Uri) -> Self::Future {
        let mut connector = self.clone();
        Box::pin(async move {
            let mut reasons = Vec::new();
            for (number, place) in connector.places.in_turn() {
                let attempt = connector.places.attempt(number);
                match connector.connect(place.clone()).await {
                    Ok(stream) => {
                        attempt.got_in();
                        return Ok(stream);
                    }
                    Err(reason) if connector.places.are_several() => {
                        reasons.push(format!("{place} {reason}"));
                    }
                    Err(reason) => return Err(reason),
                }
            }
            Err(reasons.join("; ").into())
        })
    }
}

impl Connector {
    async fn connect(&mut self, place: Uri) -> Result<Stream, Failure> {
        let secured = place.scheme_str() == Some("https");
        let host = place.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let connected = self.tcp.call(place).await?;
        if self.gives_way {
            tcp::give_way(connected.inner())?;
        } else {
            tcp::resend_soon(connected.inner())?;
        }
        if !secured {
            return Ok(Stream::Plain(connected));
        }
        let tls = self.tls.clone().ok_or(
            "nothing is known of its certificate: `orc login` makes a manager known to a person, and `orc worker \
             --join` to a worker",
        )?;
        let name = ServerName::try_from(host)?;
        let handshake = TlsConnector::from(tls).connect(name, connected.into_inner());
        let late = |_| format!("TLS was not agreed on within {} s", MAX_SILENCE.as_secs());
        let stream =
            timeout(MAX_SILENCE, handshake).await.map_err(late)?.map_err(|error| in_words(&error))?;
        Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
    }
}

/// Why a handshake failed.
fn in_words(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.map_or_else(|| format!("TLS was broken off: {error}"), explain)
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, parts),
        }
    }
}
