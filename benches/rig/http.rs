//! A client of one HTTP/1.1 connection, as cheap as it gets: the load shares its cores with what it measures.

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A connection. Closed when it is dropped.
pub(crate) struct Connection {
    address: String,
    sender: SendRequest<Full<Bytes>>,
    /// Reads and writes.
    _driver: JoinSet<()>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Itself if it has this status; else its sentence as an error.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Self> {
        if self.status != status {
            bail!("answered {} instead of {status}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(self)
    }
}

impl Connection {
    /// Connects to `address`, such as `127.0.0.1:8000`.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (sender, driver) = handshake(TokioIo::new(socket)).await?;
        let mut drivers = JoinSet::new();
        // An error shows in the request that it ends.
        drivers.spawn(async move { _ = driver.await });
        Ok(Self { address: address.to_owned(), sender, _driver: drivers })
    }

    /// Asks, and returns the answer as soon as its head is there.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<Response<Incoming>> {
        let request = Request::builder().method(method).uri(path).header(HOST, &self.address);
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::from(body))?;
        self.sender.ready().await.context("the connection is closed")?;
        Ok(self.sender.send_request(request).await?)
    }

    async fn ask(&mut self, method: Method, path: &str, body: String) -> anyhow::Result<Answer> {
        let answer = self.send(method, path, body).await?;
        let status = answer.status().as_u16();
        Ok(Answer { status, body: answer.into_body().collect().await?.to_bytes() })
    }

    /// `GET path`.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::GET, path, String::new()).await
    }

    /// `POST path` with JSON.
    pub(crate) async fn post(&mut self, path: &str, json: String) -> anyhow::Result<Answer> {
        self.ask(Method::POST, path, json).await
    }

    /// `DELETE path`.
    pub(crate) async fn delete(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::DELETE, path, String::new()).await
    }
}
