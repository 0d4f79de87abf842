//! Closing a connection so that the client can read the answer first.
//!
//! Closing a socket that has unread input makes the kernel send a reset, and with it the client may lose the
//! answer that says why: exactly when it sent more than was wanted. So the write side is closed first, and
//! what still comes in is thrown away for a while, or until the server stops.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A socket that lingers when it is shut down.
pub(super) struct Lingering {
    stream: TcpStream,
    most: Duration,
    stop: CancellationToken,
    /// Set once the write side is closed.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Lingering {
    /// Waits for the client to close its side, at most so long and not beyond `stop`.
    pub(super) fn new(stream: TcpStream, most: Duration, stop: CancellationToken) -> Self {
        Self { stream, most, stop, end: None }
    }
}

impl AsFd for Lingering {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, most, stop, end } = &mut *self;
        let end = if let Some(end) = end {
            end
        } else {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
            let wait = timeout(*most, stop.clone().cancelled_owned());
            end.insert(Box::pin(async move { wait.await.unwrap_or_default() }))
        };
        let mut scratch = [0; 4_096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return end.as_mut().poll(cx).map(Ok),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_mins(1);

    /// The client's end of a connection, and the server's, which has unread input.
    async fn connection(most: Duration, stop: &CancellationToken) -> (TcpStream, Lingering) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(b"more than was wanted").await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        server.readable().await.unwrap();
        (client, Lingering::new(server, most, stop.clone()))
    }

    #[tokio::test]
    async fn a_client_that_still_sends_reads_the_answer_and_meets_no_reset() {
        let (mut client, mut server) = connection(LONG, &CancellationToken::new()).await;
        let closing = async {
            server.write_all(b"no").await.unwrap();
            server.shutdown().await.unwrap();
            drop(server);
        };
        let reading = async {
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            for _ in 0..10 {
                client.write_all(b"and more").await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
            answer
        };
        let ((), answer) = tokio::join!(closing, reading);
        assert_eq!(answer, "no");
    }

    #[tokio::test]
    async fn a_client_that_never_closes_is_left_after_a_while() {
        let (client, mut server) = connection(SHORT, &CancellationToken::new()).await;
        let begin = Instant::now();
        server.shutdown().await.unwrap();
        assert!(begin.elapsed() >= SHORT && begin.elapsed() < LONG / 10, "{:?}", begin.elapsed());
        drop(client);
    }

    #[tokio::test]
    async fn a_stop_waits_for_no_client() {
        let stop = CancellationToken::new();
        stop.cancel();
        let (client, mut server) = connection(LONG, &stop).await;
        tokio::time::timeout(LONG / 10, server.shutdown()).await.expect("it gives up").unwrap();
        drop(client);
    }
}
