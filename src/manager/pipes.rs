//! Outputs of tasks on their way from a worker, which dials, to whoever reads them here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::model::id::NodeName;

/// Pieces that a pipe holds while its reader is slow; then the worker waits, and Docker in turn.
const DEPTH: usize = 16;

/// A piece of output, or a sentence about why there is no more.
pub type Piece = Result<Bytes, String>;

/// The pipes that are open, by number.
#[derive(Debug, Clone, Default)]
pub struct Pipes {
    open: Arc<Mutex<BTreeMap<u64, Pipe>>>,
    last: Arc<AtomicU64>,
}

/// The writing end of a pipe, and the node whose worker has it.
#[derive(Debug)]
struct Pipe {
    node: NodeName,
    end: mpsc::Sender<Piece>,
}

impl Pipes {
    /// Opens a pipe from a node: its number, for the worker, and its reading end.
    pub fn open(&self, node: NodeName) -> (u64, mpsc::Receiver<Piece>) {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (send, receive) = mpsc::channel(DEPTH);
        self.lock().retain(|_, pipe| !pipe.end.is_closed());
        self.lock().insert(id, Pipe { node, end: send });
        (id, receive)
    }

    /// The writing end of a pipe, for the worker of its node; `None` for others, and when nobody reads it any more. The
    /// numbers can be guessed, so that they alone give no right.
    pub fn take(&self, node: &str, id: u64) -> Option<mpsc::Sender<Piece>> {
        let mut open = self.lock();
        open.get(&id).filter(|pipe| pipe.node.as_str() == node)?;
        open.remove(&id).map(|pipe| pipe.end).filter(|end| !end.is_closed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Pipe>> {
        // A map of senders is whole whatever panicked beside it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
