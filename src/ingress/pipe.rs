//! Pipes through which the kernel moves bytes from one socket to another without copying them: splice(2).
//!
//! Each takes two file descriptors, so there is a limit, and what finds none left is copied instead.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes in a pipe: as many as anybody may have by default (`/proc/sys/fs/pipe-max-size`).
const SIZE: usize = 1_024 * 1_024;

/// Where pipes come from. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pipes {
    free: Arc<Semaphore>,
    /// Set once the kernel has refused to splice: it will again.
    refused: Arc<AtomicBool>,
}

/// A pipe, empty between two calls of whoever has it.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    size: usize,
    _permit: OwnedSemaphorePermit,
}

impl Pipes {
    /// At most `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), refused: Arc::default() }
    }

    /// Another pipe; `None` when all are taken or none can be made.
    pub(super) fn open(&self) -> Option<Pipe> {
        if self.refused.load(Ordering::Relaxed) {
            return None;
        }
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // A smaller one serves as well: there is a limit on what all pipes of a user have.
        let size = fcntl_setpipe_size(&write, SIZE).unwrap_or(4_096);
        Some(Pipe { read, write, size, _permit: permit })
    }

    /// Makes no more.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }
}

impl Pipe {
    /// Waits for something to read and takes it in; 0 at the end of `from`. Cancel-safe.
    pub(super) async fn fill(&self, from: &TcpStream) -> io::Result<usize> {
        from.async_io(Interest::READABLE, || Ok(splice(from, None, &self.write, None, self.size, flags())?))
            .await
    }

    /// Hands on what is there, `length` bytes, as fast as `to` takes it.
    pub(super) async fn empty(&self, to: &TcpStream, length: usize) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            left -= to
                .async_io(Interest::WRITABLE, || Ok(splice(&self.read, None, to, None, left, flags())?))
                .await?;
        }
        Ok(())
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::MOVE | SpliceFlags::NONBLOCK
}

/// Whether the kernel cannot splice such sockets, and copying will do.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::PERM]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
