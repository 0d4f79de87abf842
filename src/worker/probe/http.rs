//! Asking over HTTP: one GET, no redirects, only to an address of this host or of a container.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::not_accepted;
use crate::model::probe::{HttpTest, Scheme};
use crate::trust::anybody;

/// Whether `http` is answered at `address` with a status that is well; else what was wrong.
pub(super) async fn get(address: &str, http: &HttpTest) -> Result<(), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| not_accepted(&error))?;
    let status = match http.scheme {
        Scheme::Http => exchange(stream, address, http).await?,
        Scheme::Https => {
            let ip = stream.peer_addr().map_err(|error| not_accepted(&error))?.ip();
            let config = anybody::config().map_err(|error| format!("cannot be asked: {error}"))?;
            let connecting = TlsConnector::from(config).connect(ServerName::from(ip), stream);
            let stream = connecting.await.map_err(|error| format!("was not answered over TLS: {error}"))?;
            exchange(stream, address, http).await?
        }
    };
    let (lowest, highest) = http.status;
    if !(lowest..=highest).contains(&status) {
        return Err(format!("answered {status}"));
    }
    tracing::trace!(health.address = address, health.status = status, "healthy");
    Ok(())
}

/// The status of the answer to one request.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    address: &str,
    http: &HttpTest,
) -> Result<u16, String> {
    let (mut send, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("was not answered: {error}"))?;
    let mut request = Request::get(&http.path);
    let own = [(header::HOST.as_str(), address), (header::USER_AGENT.as_str(), "orc-health-check")];
    let said = |name: &str| http.headers.keys().any(|said| said.eq_ignore_ascii_case(name));
    for (name, value) in own.into_iter().filter(|(name, _)| !said(name)) {
        request = request.header(name, value);
    }
    for (name, value) in &http.headers {
        request = request.header(name, value);
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn test(status: (u16, u16), headers: &[(&str, &str)]) -> HttpTest {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (path, headers) = ("/ready?x=1".to_owned(), headers.collect::<BTreeMap<_, _>>());
        HttpTest { path, port: None, scheme: Scheme::Http, headers, status }
    }

    /// What comes of asking a server that gives one answer, and the request that it got.
    async fn ask(answer: &'static str, http: &HttpTest) -> (Result<(), String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).replace(&address, "ADDRESS")
        };
        tokio::join!(get(&address, http), serve)
    }

    #[tokio::test]
    async fn a_status_in_the_range_is_well_and_another_is_named() {
        const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
        const AWAY: &str = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n";
        assert_eq!(ask(NO_CONTENT, &test((200, 399), &[])).await.0, Ok(()));
        assert_eq!(ask(AWAY, &test((200, 399), &[])).await.0, Ok(()), "and nobody goes there");
        assert_eq!(ask(AWAY, &test((200, 299), &[])).await.0, Err("answered 302".to_owned()));
        let nonsense = ask("SSH-2.0-OpenSSH\r\n", &test((200, 399), &[])).await.0.unwrap_err();
        assert!(nonsense.starts_with("was not answered: "), "{nonsense}");
    }

    #[tokio::test]
    async fn headers_are_sent_and_may_be_ones_own_host() {
        const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let (_, plain) = ask(OK, &test((200, 200), &[])).await;
        assert_eq!(plain, "GET /ready?x=1 HTTP/1.1\r\nhost: ADDRESS\r\nuser-agent: orc-health-check\r\n\r\n");
        let (_, own) = ask(OK, &test((200, 200), &[("Host", "shop.example"), ("X-Probe", "1")])).await;
        assert!(own.contains("host: shop.example\r\n") && own.contains("x-probe: 1\r\n"), "{own}");
        assert!(!own.contains("ADDRESS"), "{own}");
    }
}
