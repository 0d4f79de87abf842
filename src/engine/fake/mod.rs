//! A Docker Engine in memory, for tests: it behaves as Docker Engine 20.10 was measured to, and can be slow, lie,
//! lose answers, hang and die on request.
//!
//! One set of probes runs against it and against the real engine (`tests/it/engine_conformance.rs`), so that
//! what is tested upon it holds for Docker. It spawns nothing and asks no wall clock: under a paused tokio
//! clock it is deterministic.

mod agenda;
mod calls;
mod container;
mod controls;
mod exec;
mod faults;
mod host;
mod image;
mod network;
mod questions;
mod streams;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio::time::Instant;

use self::faults::Rules;
pub use self::faults::{Fault, Rule, Verb};
use self::host::Host;
pub use self::image::{Command, Program, Registry};
use super::Deadlines;
use crate::model::id::TaskId;

/// A fake engine. Clones are the same engine, so that a test keeps a hand on what it has given away.
#[derive(Debug, Clone)]
pub struct Fake {
    world: Arc<Mutex<World>>,
    deadlines: Deadlines,
}

/// The engine, and what stands between it and its callers.
#[derive(Debug)]
struct World {
    host: Host,
    rules: Rules,
    reachable: bool,
    calls: Vec<Call>,
    /// Told when event streams are to break.
    breaks: broadcast::Sender<()>,
}

/// One call that the engine was asked for, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which method.
    pub verb: Verb,
    /// What it was about: a container's ID, the name of a new one, an image; empty for the engine as a whole.
    pub target: String,
    /// Of which task, as far as the engine knew.
    pub task: Option<TaskId>,
}

impl Default for Fake {
    fn default() -> Self {
        Self::new(Deadlines::default())
    }
}

impl Fake {
    /// An empty engine with four cores and 8 GiB; calls that are not answered end at these deadlines.
    pub fn new(deadlines: Deadlines) -> Self {
        let world = World {
            host: Host::new(Instant::now()),
            rules: Rules::default(),
            reachable: true,
            calls: Vec::new(),
            breaks: broadcast::channel(1).0,
        };
        Self { world: Arc::new(Mutex::new(world)), deadlines }
    }

    /// The world as it is now: everything that was due has happened.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.host.settle(Instant::now());
        world
    }
}
