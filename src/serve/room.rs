//! How many connections there may be at once, and who waits for whom.
//!
//! Strangers share one room, and workers that have shown their certificates have one of their own: however many
//! strangers there are, they keep no worker out that has come in.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Limits, Peer, descriptors};
use crate::trust::server::Visitor;

/// How long whoever comes while the room is crowded may take to say what for: so room comes free faster than anybody can
/// fill it without saying anything.
const HURRY: Duration = Duration::from_secs(1);

/// The connections of one server. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Room {
    /// Fewer free places than this are a crowd.
    crowded_below: usize,
    strangers: Arc<Semaphore>,
    workers: Arc<Semaphore>,
}

/// A place in the room, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Room,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    /// As large as the limits and the process's file descriptors allow.
    pub(super) fn new(limits: Limits) -> Self {
        let places = descriptors::share(limits.connections);
        Self {
            crowded_below: places / 4,
            strangers: Arc::new(Semaphore::new(places)),
            workers: Arc::new(Semaphore::new(places)),
        }
    }

    /// Waits for a place among the strangers; `None` when there will be none any more. Cancel-safe.
    pub(super) async fn enter(&self) -> Option<Place> {
        let permit = self.strangers.clone().acquire_owned().await.ok()?;
        Some(Place { room: self.clone(), _permit: permit })
    }

    /// `limits` as they are for somebody who comes now.
    pub(super) fn limits(&self, limits: Limits) -> Limits {
        if self.strangers.available_permits() < self.crowded_below {
            Limits { head_time: limits.head_time.min(HURRY), ..limits }
        } else {
            limits
        }
    }
}

impl Place {
    /// The place of somebody who turned out to be `peer`: a worker's is among workers, as long as there is one.
    pub(super) fn of(self, peer: &Peer) -> Self {
        if !matches!(peer, Peer::Tls(Visitor::Node(..))) {
            return self;
        }
        match self.room.workers.clone().try_acquire_owned() {
            Ok(permit) => Self { _permit: permit, ..self },
            Err(_) => self,
        }
    }
}
