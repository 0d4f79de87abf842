//! Outputs of tasks on their way from a worker, which dials, to whoever reads them here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Pieces that a pipe holds while its reader is slow; then the worker waits, and Docker in turn.
const DEPTH: usize = 16;

/// A piece of output, or a sentence about why there is no more.
pub type Piece = Result<Bytes, String>;

/// The pipes that are open, by number.
#[derive(Debug, Clone, Default)]
pub struct Pipes {
    open: Arc<Mutex<BTreeMap<u64, mpsc::Sender<Piece>>>>,
    last: Arc<AtomicU64>,
}

impl Pipes {
    /// Opens a pipe: its number, for the worker, and its reading end.
    pub fn open(&self) -> (u64, mpsc::Receiver<Piece>) {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (send, receive) = mpsc::channel(DEPTH);
        self.lock().retain(|_, pipe| !pipe.is_closed());
        self.lock().insert(id, send);
        (id, receive)
    }

    /// The writing end of a pipe, for the one who fills it; `None` when nobody reads it any more.
    pub fn take(&self, id: u64) -> Option<mpsc::Sender<Piece>> {
        self.lock().remove(&id).filter(|pipe| !pipe.is_closed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, mpsc::Sender<Piece>>> {
        // A map of senders is whole whatever panicked beside it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
