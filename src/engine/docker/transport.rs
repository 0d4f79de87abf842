//! Connections to an engine: one for each request, over a Unix socket or TCP, with a cap on what an answer may
//! weigh.
//!
//! Bollard's own transports fail to be made while the socket is absent, and read answers of any size. A
//! connection per request costs 0.1 ms here and rules out that a request is written to one that has died.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bollard::BollardRequest;
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::address::{Address, InvalidAddress};

/// What the whole answer to one call may weigh: a list of 10,000 containers is 10 MB.
pub(super) const ANSWER_LIMIT: u64 = 16 << 20;

/// A bollard client of the engine at `address`, which reads at most `limit` bytes of each answer. It dials
/// only when it is asked something. Its own deadline is out of the way: every call has one of ours.
pub(super) fn client(
    address: Address,
    prefix: String,
    limit: u64,
) -> Result<bollard::Docker, InvalidAddress> {
    let authority = match &address {
        Address::Unix(_) => "docker".to_owned(),
        Address::Tcp(authority) => authority.clone(),
    };
    let dialler = tower::service_fn(move |_: Uri| Box::pin(dial(address.clone(), limit)));
    let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(dialler);
    let transport = move |mut request: BollardRequest| {
        let request = pin_version(request.uri(), &prefix).map(|uri| {
            *request.uri_mut() = uri;
            http.request(request)
        });
        async move { request?.await.map_err(bollard::errors::Error::from) }
    };
    let base = format!("http://{authority}");
    bollard::Docker::connect_with_custom_transport(
        transport,
        Some(base),
        FOR_EVER,
        bollard::API_DEFAULT_VERSION,
    )
    .map_err(|error| InvalidAddress(format!("the address {authority:?} cannot be used: {error}")))
}

/// A deadline that never passes, in seconds.
const FOR_EVER: u64 = u32::MAX as u64;

/// Puts `prefix` before the path: bollard sends paths without a version, which mean the engine's newest.
fn pin_version(uri: &Uri, prefix: &str) -> Result<Uri, bollard::errors::Error> {
    let mut parts = uri.clone().into_parts();
    if let Some(path) = &parts.path_and_query {
        parts.path_and_query = Some(format!("{prefix}{path}").parse()?);
    }
    Ok(Uri::from_parts(parts)?)
}

/// Connects.
async fn dial(address: Address, limit: u64) -> io::Result<TokioIo<Capped>> {
    let socket: Box<dyn Socket> = match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Address::Tcp(authority) => Box::new(TcpStream::connect(authority).await?),
    };
    Ok(TokioIo::new(Capped { socket, left: limit }))
}

/// Either kind of socket.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// A socket from which only so many bytes are read.
struct Capped {
    socket: Box<dyn Socket>,
    left: u64,
}

impl Connection for Capped {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Capped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Err(io::Error::other("the answer is larger than orc reads"))),
        }
    }
}

impl AsyncWrite for Capped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
