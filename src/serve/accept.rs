//! The accept loop: a bounded number of connections, each with a deadline for whatever its client does.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use super::linger::Lingering;
use super::room::{Place, Room};
use super::{Bound, Limits, Options, Peer, stack};
use crate::clock::Clock;
use crate::tcp;
use crate::trust::server::{Door, Visitor};

/// The first pause after a failure to accept, when file descriptors or memory have run out, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Serves `router` on what is bound until `stop`, with all tasks on `tracker`.
///
/// On `stop` nothing new is accepted, idle connections are closed at once, and requests under way have
/// [`Limits::drain`] to end. Long polls and streams better watch the same token and end by themselves.
pub fn start(
    bound: Bound,
    router: Router,
    options: Options,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) {
    let service = stack(router, &bound.address.host, options);
    let room = Room::new(options.limits);
    for listener in bound.listeners {
        let server = Server {
            service: service.clone(),
            limits: options.limits,
            door: bound.door.clone(),
            room: room.clone(),
            stop: stop.clone(),
            tracker: tracker.clone(),
        };
        tracker.spawn(server.accept(listener));
    }
}

/// What one accept loop needs.
struct Server<S> {
    service: S,
    limits: Limits,
    /// Who comes by TLS comes through here; `None` = nobody does.
    door: Option<Door>,
    room: Room,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl<S> Server<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    /// Accepts until the stop.
    async fn accept(self, listener: TcpListener) {
        let mut pause = PAUSES.0;
        // Both waits lose nothing when the stop cuts them short: no place is taken and no connection accepted.
        while let Some(Some(place)) = self.stop.run_until_cancelled(self.room.enter()).await {
            let Some(accepted) = self.stop.run_until_cancelled(listener.accept()).await else { break };
            match accepted {
                Ok((stream, _)) => {
                    pause = PAUSES.0;
                    let connection = Connection {
                        service: self.service.clone(),
                        limits: self.room.limits(self.limits),
                        stop: self.stop.clone(),
                    };
                    self.tracker.spawn(connection.serve(stream, self.door.clone(), place));
                }
                Err(error) if is_about_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, pause = ?pause, "no connection can be accepted; trying again soon");
                    self.stop.run_until_cancelled(sleep(pause)).await;
                    pause = PAUSES.1.min(pause * 2);
                }
            }
        }
    }
}

/// Whether a failure to accept is about the connection that was to be accepted, and the next one may well be
/// better. Anything else, such as EMFILE, would come again at once and make the loop spin.
fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// What one connection needs.
struct Connection<S> {
    service: S,
    limits: Limits,
    stop: CancellationToken,
}

/// A socket with a time limit for a client that takes nothing.
type Timed = Pin<Box<TimeoutStream<Lingering>>>;

/// The first byte of a TLS handshake; no request in plain HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

impl<S> Connection<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    /// Serves it to its end, and keeps its place until then.
    async fn serve(self, stream: TcpStream, door: Option<Door>, place: Place) {
        if let Err(error) = prepare(&stream, self.limits) {
            tracing::debug!(%error, "a connection ended before it was served");
            return;
        }
        let plain = Peer::plain(&stream);
        let (limits, stop) = (self.limits, self.stop.clone());
        let Some(door) = door else { return self.speak(timed(stream, limits, stop), plain, place).await };
        let opening = timeout(limits.head_time, open(stream, door, limits, stop.clone()));
        match stop.run_until_cancelled(opening).await {
            Some(Ok(Ok(Opened::Plain(stream)))) => self.speak(stream, plain, place).await,
            Some(Ok(Ok(Opened::Tls(stream, peer)))) => self.speak(stream, peer, place).await,
            Some(Ok(Err(error))) => tracing::debug!(%error, "a connection ended before its first request"),
            Some(Err(_)) => tracing::debug!("a client opened a connection and did not say what for"),
            None => {}
        }
    }

    /// Answers requests until the client goes or the server stops.
    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send, peer: Peer, place: Place) {
        let _place = place.of(&peer);
        let service = self.service.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            request.map(Body::new)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_header_size(self.limits.head_size)
            .max_headers(self.limits.headers)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut connection = pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => Ok(result),
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                timeout(self.limits.drain, connection).await
            }
        };
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a connection broke off"),
            Err(_) => tracing::debug!("a request was cut off by the stop"),
        }
    }
}

/// A connection on which requests can be read.
enum Opened {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>, Peer),
}

/// Looks at the first byte that a client sends, and agrees on TLS with one that wants it.
async fn open(stream: TcpStream, door: Door, limits: Limits, stop: CancellationToken) -> io::Result<Opened> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let stream = timed(stream, limits, stop);
    if first != [HANDSHAKE] {
        return Ok(Opened::Plain(stream));
    }
    let tls = TlsAcceptor::from(door.config()).accept(stream).await?;
    let shown = tls.get_ref().1.peer_certificates().unwrap_or_default();
    let visitor = door.judge(shown, Clock.now().wall);
    if matches!(visitor, Visitor::Node(..)) {
        // It takes in what it is told at once, so its silence is no slow reader's.
        tcp::fail_in_silence(tls.get_ref().0.get_ref(), limits.worker_silence)?;
    }
    Ok(Opened::Tls(Box::new(tls), Peer::Tls(visitor)))
}

/// Sets how a socket deals with delays, losses and silence.
fn prepare(stream: &TcpStream, limits: Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    tcp::resend_soon(stream)?;
    tcp::fail_in_silence(stream, limits.write_stall)
}

fn timed(stream: TcpStream, limits: Limits, stop: CancellationToken) -> Timed {
    let mut stream = TimeoutStream::new(Lingering::new(stream, limits.linger, stop));
    stream.set_write_timeout(Some(limits.write_stall));
    Box::pin(stream)
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn the_loop_pauses_when_the_process_has_run_out_of_something_and_not_for_one_bad_client() {
        for (errno, is_about_one) in [
            (Errno::CONNABORTED, true),
            (Errno::CONNRESET, true),
            (Errno::INTR, true),
            (Errno::MFILE, false),
            (Errno::NFILE, false),
            (Errno::NOMEM, false),
            (Errno::NOBUFS, false),
        ] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(is_about_one_client(&error), is_about_one, "{error}");
        }
    }
}
