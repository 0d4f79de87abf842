//! What passes through a port that is measured: a line that says how many bytes are wanted, those bytes, and the end.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// About as long as a request of a browser's.
const QUESTION: usize = 400;

/// Bytes written or read at a time.
const PIECE: usize = 256 * 1_024;

static BYTES: [u8; PIECE] = [b'x'; PIECE];

/// Answers for ever.
pub(crate) async fn serve(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let tracker = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await?;
        // One that breaks off is its client's to notice.
        tracker.spawn(async move { _ = answer(stream).await });
    }
}

async fn answer(stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(2 * QUESTION, stream);
    let mut question = String::new();
    stream.read_line(&mut question).await?;
    let mut left: usize = question.trim().parse()?;
    while left > 0 {
        let written = stream.write(&BYTES[..left.min(PIECE)]).await?;
        left -= written;
    }
    Ok(())
}

/// Asks for so many bytes on a connection of its own, and reads them to the end.
pub(crate) async fn fetch(address: SocketAddr, bytes: usize) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(format!("{bytes:<QUESTION$}\n").as_bytes()).await?;
    let mut piece = vec![0; bytes.clamp(1_024, PIECE)];
    let mut got = 0;
    loop {
        match stream.read(&mut piece).await.context("an answer broke off")? {
            0 => break,
            length => got += length,
        }
    }
    ensure!(got == bytes, "{got} of {bytes} bytes came");
    Ok(())
}
