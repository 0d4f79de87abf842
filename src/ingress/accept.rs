//! The accept loop of a published TCP port, and each connection from there to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::Parts;
use super::reach::{Unreached, reach};
use super::relay::relay;
use super::room::{Place, Share};
use super::seldom::Seldom;
use crate::model::port::Port;

/// The first pause after a failure to accept, when file descriptors or memory have run out, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// One published TCP port. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Door {
    port: Port,
    parts: Arc<Parts>,
    share: Share,
    turned_away: Arc<Seldom>,
}

impl Door {
    pub(super) fn new(port: Port, parts: Arc<Parts>) -> Self {
        let share = parts.room.share(port);
        Self { port, parts, share, turned_away: Arc::default() }
    }

    /// Accepts for ever. When this is dropped, connections go on.
    pub(super) async fn accept(&self, listener: TcpListener) {
        let mut pause = PAUSES.0;
        loop {
            let place = self.share.enter().await;
            match listener.accept().await {
                Ok((client, _)) => {
                    pause = PAUSES.0;
                    self.parts.tracker.spawn(self.clone().carry(client, place));
                }
                Err(error) if is_about_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, pause = ?pause, "{} cannot accept a connection; trying again soon", self.port);
                    sleep(pause).await;
                    pause = PAUSES.1.min(pause * 2);
                }
            }
        }
    }

    /// Takes a connection to a task and carries its bytes to their end, or until some time after the stop.
    async fn carry(self, client: TcpStream, place: Place) {
        let Parts { balance, limits, pipes, .. } = &*self.parts;
        let carried = async {
            match reach(balance, self.port, limits, &client).await {
                Ok((task, lease)) => {
                    relay(client, task, pipes).await;
                    drop(lease);
                }
                Err(Unreached::NoTask) => self.turn_away(),
                Err(Unreached::ClientGone) => {}
            }
        };
        tokio::select! {
            biased;
            () = carried => {}
            () = self.parts.over() => {}
        }
        drop(place);
    }

    fn turn_away(&self) {
        let Some(service) = self.parts.balance.service(self.port) else { return };
        if self.turned_away.is_due() {
            tracing::warn!(
                "connections to {} end unanswered: no task of {service} was ready, or none could be reached, for {} s",
                self.port,
                self.parts.limits.patience.as_secs_f64()
            );
        }
    }
}

/// Whether a failure to accept is about the connection that was to be accepted, and the next one may well be better.
fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
