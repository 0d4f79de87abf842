//! How many connections there may be at once. Those for which there is no room wait in the kernel's queue.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::seldom::Seldom;
use crate::model::port::Port;

/// The places of all ports together.
#[derive(Debug, Clone)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    most: usize,
}

/// The places of one port. No port can take more than three quarters of all, so that a flood upon one leaves the others
/// theirs. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Share {
    port: Port,
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    most: usize,
    full: Arc<Seldom>,
}

/// Room for one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Room {
    /// For at most `most` connections.
    pub(super) fn new(most: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(most)), most }
    }

    /// What one port may take of it.
    pub(super) fn share(&self, port: Port) -> Share {
        let most = (self.most - self.most / 4).max(1);
        Share {
            port,
            all: Arc::clone(&self.all),
            own: Arc::new(Semaphore::new(most)),
            most,
            full: Arc::default(),
        }
    }
}

impl Share {
    /// Waits for a place. Cancel-safe.
    pub(super) async fn enter(&self) -> Place {
        if (self.own.available_permits() == 0 || self.all.available_permits() == 0) && self.full.is_due() {
            tracing::warn!(
                "{} has no room for more connections ({} at most, and fewer while other ports have many): new ones wait \
                 until others end",
                self.port,
                self.most
            );
        }
        Place { _own: acquire(&self.own).await, _all: acquire(&self.all).await }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.expect("nobody closes it")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_flood_upon_one_port_leaves_places_for_the_others() {
        let room = Room::new(8);
        let [flooded, other] = ["80", "443"].map(|port| room.share(port.parse().expect("it is a port")));
        let mut places: Vec<Place> = Vec::new();
        while let Some(place) = flooded.enter().now_or_never() {
            places.push(place);
        }
        assert_eq!(places.len(), 6);
        assert!(other.enter().now_or_never().is_some());
        places.pop();
        assert!(flooded.enter().now_or_never().is_some());
    }
}
