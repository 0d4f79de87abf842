//! Asking a container's health endpoint: one GET, no redirects, only to an address of this host.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Whether `GET http://address/path` is answered with a status from 200 to 399 within `timeout`; else what was
/// wrong, to follow "GET /path …".
pub async fn ask(address: &str, path: &str, timeout: Duration) -> Result<(), String> {
    match tokio::time::timeout(timeout, get(address, path)).await {
        Ok(Ok(status @ 200..=399)) => {
            tracing::trace!(health.address = address, health.status = status, "healthy");
            Ok(())
        }
        Ok(Ok(status)) => Err(format!("answered {status}")),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err(format!("was not answered within {} s", timeout.as_secs_f64())),
    }
}

async fn get(address: &str, path: &str) -> Result<u16, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("was not accepted: {error}"))?;
    let (mut send, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("was not answered: {error}"))?;
    let request =
        Request::get(path).header(header::HOST, address).header(header::USER_AGENT, "orc-health-check");
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| format!("cannot be asked: {error}"))?;
    let answer = send.send_request(request);
    tokio::pin!(answer, connection);
    let mut closed = false;
    // The connection moves the answer along, and may end with it: the answer counts. Its body is not read.
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => {
                return answer.map(|head| head.status().as_u16()).map_err(|error| format!("was not answered: {error}"));
            }
            _ = &mut connection, if !closed => closed = true,
        }
    }
}
