//! An ingress with one published port, and tasks as small servers behind it.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use orc::ingress::{Ingress, Limits, Options};
use orc::model::id::TaskId;
use orc::model::ingress::{Backend, Route, Table};
use orc::model::port::{Port, Protocol};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::support::ports::free_ports;

/// Longer than anything here may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The end of a [`Task`]'s answer after which it closes the connection, as HTTP's `Connection: close`.
pub(super) const LAST: &str = ", and goodbye";

/// The ingress. It stops when this is dropped.
pub(super) struct Rig {
    pub(super) ingress: Ingress,
    pub(super) port: Port,
    pub(super) table: watch::Sender<Arc<Table>>,
    pub(super) tracker: TaskTracker,
    pub(super) stop: CancellationToken,
    _end: DropGuard,
}

/// How long something may take here; `what` is a sentence about what should have been.
pub(super) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

impl Rig {
    /// With a TCP port, behind which nothing is yet.
    pub(super) async fn start(limits: Limits) -> Self {
        let rig = Self::start_at(Port { number: free_ports(1), protocol: Protocol::Tcp }, limits);
        rig.publish(&[]);
        rig.wait_until_it_listens().await;
        rig
    }

    /// With nothing published.
    pub(super) fn start_at(port: Port, limits: Limits) -> Self {
        let (table, tables) = watch::channel(Arc::default());
        let (stop, tracker) = <(CancellationToken, TaskTracker)>::default();
        let options = Options { addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], limits };
        let ingress = Ingress::start(tables, options, &stop, &tracker);
        Self { ingress, port, table, tracker, _end: stop.clone().drop_guard(), stop }
    }

    /// From now on these tasks are ready, and no others.
    pub(super) fn publish(&self, ready: &[Backend]) {
        self.publish_with(ready, false);
    }

    pub(super) fn publish_with(&self, ready: &[Backend], proxy_protocol: bool) {
        let route = Route { service: "web".parse().unwrap(), proxy_protocol, backends: ready.to_vec() };
        self.table.send_replace(Arc::new(Table::from([(self.port, route)])));
    }

    pub(super) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port.number).into()
    }

    async fn wait_until_it_listens(&self) {
        loop {
            match TcpStream::connect(self.address()).await {
                // Reset, so that it waits for no task.
                Ok(stream) => return stream.set_zero_linger().unwrap(),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.expect("a published port takes connections")
    }

    /// Asks once on a connection of its own.
    pub(super) async fn ask(&self) -> String {
        ask(&mut BufReader::new(self.connect().await)).await
    }
}

/// A question to a [`Task`] that names itself, and the answer without its end of line; what went wrong instead.
pub(super) async fn try_ask(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    stream.write_all(b"who\n").await?;
    let mut line = String::new();
    timeout(PATIENCE, stream.read_line(&mut line)).await??;
    match line.strip_suffix('\n') {
        Some(name) => Ok(name.to_owned()),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

pub(super) async fn ask(stream: &mut BufReader<TcpStream>) -> String {
    try_ask(stream).await.expect("a ready task answers")
}

/// A task: a server that ends, with all its connections, when it is dropped.
pub(super) struct Task {
    pub(super) backend: Backend,
    /// Once it is true, each answer is the last on its connection, and says so.
    pub(super) leaving: watch::Sender<bool>,
    stop: CancellationToken,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Task {
    /// Does `serve` with each connection.
    pub(super) async fn serving<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::at(TcpListener::bind("127.0.0.1:0").await.unwrap(), serve)
    }

    fn at<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::leaving_by(watch::channel(false).0, listener, serve)
    }

    fn leaving_by<F>(
        leaving: watch::Sender<bool>,
        listener: TcpListener,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let backend = backend_at(listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let tracker = TaskTracker::new();
        let stopped = stop.clone();
        let accept = {
            let tracker = tracker.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tracker.spawn(stopped.clone().run_until_cancelled_owned(serve(stream)));
                }
            }
        };
        tracker.spawn(stop.clone().run_until_cancelled_owned(accept));
        Self { backend, leaving, stop }
    }

    /// Answers each line with a name.
    pub(super) async fn named(name: &'static str) -> Self {
        Self::named_at(TcpListener::bind("127.0.0.1:0").await.unwrap(), name)
    }

    pub(super) fn named_at(listener: TcpListener, name: &'static str) -> Self {
        let (leaving, is_leaving) = watch::channel(false);
        Self::leaving_by(leaving, listener, move |stream| answer_lines(stream, name, is_leaving.clone()))
    }

    /// Sends back what it gets.
    pub(super) async fn echo() -> Self {
        Self::serving(|mut stream| async move {
            let (mut reader, mut writer) = stream.split();
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
            let _ = writer.shutdown().await;
        })
        .await
    }
}

async fn answer_lines(stream: TcpStream, name: &'static str, leaving: watch::Receiver<bool>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|length| length > 0) {
        let is_leaving = *leaving.borrow();
        let last = if is_leaving { LAST } else { "" };
        if stream.write_all(format!("{name}{last}\n").as_bytes()).await.is_err() || is_leaving {
            break;
        }
        line.clear();
    }
}

/// A task of this node at an address.
pub(super) fn backend_at(address: SocketAddr) -> Backend {
    Backend { task: TaskId::generate(), address, local: true }
}

/// Reads to the end.
pub(super) async fn read_all(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    soon("the end of a connection", stream.read_to_end(&mut bytes)).await?;
    Ok(bytes)
}
