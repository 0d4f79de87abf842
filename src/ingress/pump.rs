//! One direction of a connection: from one socket to the other until the end.
//!
//! Small talk is copied through memory that all share, so that an idle connection has none. What comes in big pieces goes
//! through a pipe, within the kernel. Nothing is read before what was read has been taken: a reader that is slow slows
//! down its own writer, and costs no more than one piece.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::pipe::{Pipe, Pipes, is_unsupported};
use super::scratch;

/// Where a piece was as big as this, more is likely to come.
const BIG: usize = scratch::SIZE / 2;

/// One direction.
pub(super) struct Pump<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    /// What was read and not yet taken.
    rest: Vec<u8>,
    pipes: &'a Pipes,
    /// Once there was use for one.
    pipe: Option<Pipe>,
}

/// Why no more can be moved.
enum Stop {
    /// Nothing more will come: the connection was reset.
    Source(io::Error),
    /// Nothing more will be taken.
    Sink,
}

impl<'a> Pump<'a> {
    /// Begins with the next byte.
    pub(super) fn new(from: ReadHalf<'a>, to: WriteHalf<'a>, pipes: &'a Pipes) -> Self {
        Self { from, to, rest: Vec::new(), pipes, pipe: None }
    }

    /// Moves all that comes, then ends the other side. Also when that one takes no more: what it still says is the other
    /// direction's. An error means that the connection was reset where bytes come from.
    pub(super) async fn run(mut self) -> io::Result<()> {
        let mut last = 0;
        loop {
            let moved = if last < BIG { self.copy().await } else { self.splice().await };
            match moved {
                Ok(0) => break,
                Ok(length) => last = length,
                Err(Stop::Sink) => return Ok(()),
                Err(Stop::Source(error)) => return Err(error),
            }
        }
        // Fails where the other side is gone already.
        let _ = self.to.shutdown().await;
        Ok(())
    }

    /// Moves one piece through memory.
    async fn copy(&mut self) -> Result<usize, Stop> {
        let Self { from, to, rest, .. } = self;
        let length = tokio::select! {
            biased;
            length = std::future::poll_fn(|cx| poll_copy(from, to, rest, cx)) => length?,
            _ = to.ready(Interest::ERROR) => return Err(Stop::Sink),
        };
        if !rest.is_empty() {
            to.write_all(rest).await.map_err(|_| Stop::Sink)?;
            *rest = Vec::new();
        }
        Ok(length)
    }

    /// Moves one piece through a pipe.
    async fn splice(&mut self) -> Result<usize, Stop> {
        if self.pipe.is_none() {
            self.pipe = self.pipes.open();
        }
        let Some(pipe) = &self.pipe else { return self.copy().await };
        let filled = tokio::select! {
            biased;
            filled = pipe.fill(self.from.as_ref()) => filled,
            _ = self.to.ready(Interest::ERROR) => return Err(Stop::Sink),
        };
        let length = match filled {
            Ok(length) => length,
            Err(error) if is_unsupported(&error) => {
                self.pipes.refuse();
                self.pipe = None;
                return self.copy().await;
            }
            Err(error) => return Err(Stop::Source(error)),
        };
        pipe.empty(self.to.as_ref(), length).await.map_err(|_| Stop::Sink)?;
        Ok(length)
    }
}

/// Reads what is there and writes what is taken at once; what is not is left in `rest`.
fn poll_copy(
    from: &mut ReadHalf,
    to: &WriteHalf,
    rest: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<Result<usize, Stop>> {
    scratch::with(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(from).poll_read(cx, &mut buffer)).map_err(Stop::Source)?;
        let read = buffer.filled();
        let written = if read.is_empty() { Ok(0) } else { to.try_write(read) };
        match written {
            Ok(length) => rest.extend_from_slice(&read[length..]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => rest.extend_from_slice(read),
            Err(_) => return Poll::Ready(Err(Stop::Sink)),
        }
        Poll::Ready(Ok(read.len()))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rustix::net::sockopt;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    use super::*;

    /// Both ends of a connection that holds hardly anything on its way.
    async fn narrow() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let reader = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let (writer, _) = listener.accept().await.unwrap();
        sockopt::set_socket_send_buffer_size(&writer, 4_096).unwrap();
        (writer, reader)
    }

    #[tokio::test]
    async fn what_is_not_taken_at_once_is_kept_in_order_with_pipes_and_without() {
        let sent: Vec<u8> =
            (0..1_000_000_u32).flat_map(|number| number.to_le_bytes()[..3].to_owned()).collect();
        for pipes in [0, 1] {
            let pipes = Pipes::new(pipes);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let mut writer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut from, _) = listener.accept().await.unwrap();
            let (mut to, mut reader) = narrow().await;
            let (from, _) = from.split();
            let (_, to) = to.split();
            let mut received = Vec::new();
            let write = async {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let pumped = Pump::new(from, to, &pipes).run();
            let (pumped, (), read) = tokio::join!(pumped, write, reader.read_to_end(&mut received));
            assert!(pumped.is_ok() && read.is_ok());
            assert!(received == sent, "{} bytes came, not those that were sent", received.len());
        }
    }
}
