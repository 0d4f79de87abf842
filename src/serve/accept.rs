//! The accept loop: a bounded number of connections, each with a deadline for whatever its client does.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use super::linger::Lingering;
use super::{Bound, Limits, Options, descriptors, stack};

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
    let room = Arc::new(Semaphore::new(descriptors::share(options.limits.connections)));
    for listener in bound.listeners {
        let server = Server {
            service: service.clone(),
            limits: options.limits,
            room: Arc::clone(&room),
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
    /// Permits for as many connections as there may be.
    room: Arc<Semaphore>,
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
        // Both waits lose nothing when the stop cuts them short: no permit is taken and no connection accepted.
        while let Some(Ok(permit)) =
            self.stop.run_until_cancelled(Arc::clone(&self.room).acquire_owned()).await
        {
            let Some(accepted) = self.stop.run_until_cancelled(listener.accept()).await else { break };
            match accepted {
                Ok((stream, _)) => {
                    pause = PAUSES.0;
                    let connection = serve(stream, self.service.clone(), self.limits, self.stop.clone());
                    self.tracker.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
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

/// Serves one connection to its end.
async fn serve<S>(stream: TcpStream, service: S, limits: Limits, stop: CancellationToken)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it was served");
        return;
    }
    let mut stream = TimeoutStream::new(Lingering::new(stream, limits.linger, stop.clone()));
    stream.set_write_timeout(Some(limits.write_stall));
    let service = service.map_request(|request: Request<Incoming>| request.map(Body::new));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_header_size(limits.head_size)
        .max_headers(limits.headers)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => Ok(result),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(limits.drain, connection).await
        }
    };
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection broke off"),
        Err(_) => tracing::debug!("a request was cut off by the stop"),
    }
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
