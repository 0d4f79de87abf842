//! The careful HTTP server under both roles: it lets nobody in who should not be, waits for nobody for ever,
//! and says in a sentence what it refuses.
//!
//! `axum::serve` waits without end for the head of a request and for a reader that reads no more, so the
//! accept loop is orc's own, over hyper with timers.

pub mod accept;
pub mod bind;
pub mod body;
pub mod descriptors;
pub mod error;
pub mod guard;
mod linger;
pub mod path;
pub mod peer;
mod room;
mod stack;

use std::time::Duration;

pub use self::accept::start;
pub use self::bind::{BindError, Bound, bind};
pub use self::body::Json;
pub use self::error::ApiError;
pub use self::path::{Id, Query};
pub use self::peer::Peer;
pub use self::stack::stack;

/// How much a client may take of the server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once, and never more than a quarter of the process's file descriptors; further ones wait
    /// in the kernel's queue. As many again of workers that have shown their certificates.
    pub connections: usize,
    /// For the head of a request, and for an idle connection until its next one begins; less when it is crowded.
    pub head_time: Duration,
    /// Bytes of a request's line and headers together.
    pub head_size: usize,
    /// Headers of a request.
    pub headers: usize,
    /// For a body that is read as a whole.
    pub body_time: Duration,
    /// Bytes of a body that is read as a whole.
    pub body_size: usize,
    /// For a client that takes nothing of its answer, and for one that has vanished.
    pub write_stall: Duration,
    /// For a worker that has vanished.
    pub worker_silence: Duration,
    /// For a client to read the end of its answer when the connection is closed under it.
    pub linger: Duration,
    /// For requests under way when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            head_time: Duration::from_secs(10),
            head_size: 16 * 1_024,
            headers: 100,
            body_time: Duration::from_secs(10),
            body_size: 1_024 * 1_024,
            write_stall: Duration::from_secs(30),
            worker_silence: Duration::from_secs(7),
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(2),
        }
    }
}

/// How a server behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What a client may take of it.
    pub limits: Limits,
    /// What the 404 of an unknown path offers instead, such as `"GET /tasks"`.
    pub routes: &'static [&'static str],
}
