//! The way from an accepted connection to a ready task: the next one is tried when one cannot be reached, and where none
//! is ready, one is waited for. Nothing of what the client says is read before.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::Limits;
use super::balance::{Balance, Chosen, Lease};
use super::proxy_header::header;
use crate::model::port::Port;
use crate::tcp;

/// Between two rounds in which no task could be reached, the first and the longest. A table that changes ends it early.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Why a connection comes to no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreached {
    /// There was none for as long as the limits say, or the port is not published any more.
    NoTask,
    /// Nobody waits any more.
    ClientGone,
}

/// A connection to a ready task for one of `port`.
pub(super) async fn reach(
    balance: &Balance,
    port: Port,
    limits: &Limits,
    client: &TcpStream,
) -> Result<(TcpStream, Lease), Unreached> {
    tokio::select! {
        biased;
        reached = timeout(limits.patience, seek(balance, port, limits, client)) => {
            reached.ok().flatten().ok_or(Unreached::NoTask)
        }
        // A reset. One that has ended its side may well wait for an answer.
        _ = client.ready(Interest::ERROR) => Err(Unreached::ClientGone),
    }
}

async fn seek(
    balance: &Balance,
    port: Port,
    limits: &Limits,
    client: &TcpStream,
) -> Option<(TcpStream, Lease)> {
    let mut tables = balance.tables();
    let mut pause = PAUSES.0;
    loop {
        tables.mark_unchanged();
        if let Some(reached) = try_each(balance, port, limits, client).await {
            return Some(reached);
        }
        balance.service(port)?;
        tokio::select! {
            Ok(()) = tables.changed() => {}
            () = sleep(pause) => pause = PAUSES.1.min(pause * 2),
        }
    }
}

/// Tries each ready task once, the best first.
async fn try_each(
    balance: &Balance,
    port: Port,
    limits: &Limits,
    client: &TcpStream,
) -> Option<(TcpStream, Lease)> {
    let mut tried = Vec::new();
    while let Some(chosen) = balance.choose(port, &tried) {
        let connected = timeout(limits.connect, connect(&chosen, client)).await;
        let lease = chosen.lease;
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                lease.reached();
                return Some((stream, lease));
            }
            Err(error) if is_ours(&error) => {
                tracing::warn!(%error, task.id = %lease.task, "this node cannot make another connection to {}", chosen.address);
            }
            Err(error) => {
                tracing::debug!(%error, task.id = %lease.task, "a ready task took no connection at {}", chosen.address);
                lease.failed();
            }
        }
        tried.push(lease.task);
    }
    None
}

async fn connect(chosen: &Chosen, client: &TcpStream) -> io::Result<TcpStream> {
    let address = chosen.address;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    tcp::fail_when_gone(&socket)?;
    let mut stream = socket.connect(address).await?;
    if let Some(header) = chosen.proxy_protocol.then(|| introduction(client)).flatten() {
        stream.write_all(&header).await?;
    }
    Ok(stream)
}

/// What tells a task who its client is; `None` when that one is gone already.
fn introduction(client: &TcpStream) -> Option<Vec<u8>> {
    Some(header(client.peer_addr().ok()?, client.local_addr().ok()?))
}

/// Whether it was for want of something on this node (its ports, descriptors or memory), and says nothing of the task.
fn is_ours(error: &io::Error) -> bool {
    let wants = [Errno::ADDRNOTAVAIL, Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    wants.iter().any(|want| error.raw_os_error() == Some(want.raw_os_error()))
}
