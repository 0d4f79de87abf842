//! Which ports are listened on: those of the table, each from the moment it is there to the moment it is not.
//!
//! A port that stays keeps its socket, whatever changes behind it, so that no client is refused meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::accept::Door;
use super::bind;
use super::datagrams::Exchange;
use super::{Parts, Troubles};
use crate::model::port::{Port, Protocol};

/// Between two tries to get a port that is taken, the first and the longest. A try costs next to nothing and asks nobody
/// else, so they need not be spread.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Follows the tables until the stop, and listens at each of the `addresses`.
pub(super) async fn follow(parts: Arc<Parts>, addresses: Vec<IpAddr>, troubles: watch::Sender<Troubles>) {
    let mut tables = parts.balance.tables();
    let mut open: BTreeMap<Port, DropGuard> = BTreeMap::new();
    loop {
        let table = Arc::clone(&tables.borrow_and_update());
        // What closes a port is the drop of its guard.
        open.retain(|port, _| table.contains_key(port));
        troubles.send_if_modified(|troubles| {
            let before = troubles.len();
            troubles.retain(|(port, _), _| table.contains_key(port));
            troubles.len() != before
        });
        for port in table.keys().filter(|port| !open.contains_key(*port)).copied().collect::<Vec<_>>() {
            let closed = parts.stop.child_token();
            let door = Door::new(port, Arc::clone(&parts));
            for ip in addresses.iter().copied() {
                let opening = Opening {
                    port,
                    ip,
                    closed: closed.clone(),
                    door: door.clone(),
                    troubles: troubles.clone(),
                };
                let parts = Arc::clone(&parts);
                let until_closed =
                    closed.clone().run_until_cancelled_owned(opening.keep_open(Arc::clone(&parts)));
                parts.tracker.spawn(until_closed);
            }
            open.insert(port, closed.drop_guard());
        }
        parts.balance.tidy();
        tokio::select! {
            Ok(()) = tables.changed() => {}
            () = parts.stop.cancelled() => return,
        }
    }
}

/// One published port at one address.
struct Opening {
    port: Port,
    ip: IpAddr,
    /// Once it is not published any more.
    closed: CancellationToken,
    door: Door,
    troubles: watch::Sender<Troubles>,
}

/// A socket for a port.
enum Socket {
    Tcp(tokio::net::TcpListener),
    Udp(tokio::net::UdpSocket),
}

impl Opening {
    /// Gets the port, however long that takes, and serves it for ever.
    async fn keep_open(self, parts: Arc<Parts>) {
        let address = SocketAddr::new(self.ip, self.port.number);
        let mut pause = PAUSES.0;
        let socket = loop {
            match listen(self.port.protocol, address) {
                Ok(socket) => break socket,
                Err(error) if bind::is_absent(&error, self.ip) => return,
                Err(error) => self.report(Some(bind::words(&error, address, &self.port.to_string()))),
            }
            sleep(pause).await;
            pause = PAUSES.1.min(pause * 2);
        };
        self.report(None);
        match socket {
            Socket::Tcp(listener) => self.door.accept(listener).await,
            Socket::Udp(socket) => Exchange::new(self.port, socket, parts).run().await,
        }
    }

    /// Says what is wrong, or that nothing is.
    fn report(&self, trouble: Option<String>) {
        let key = (self.port, self.ip);
        self.troubles.send_if_modified(|troubles| {
            // Under the lock: once the port is closed, its troubles are taken away, and must not come back.
            if self.closed.is_cancelled() || troubles.get(&key) == trouble.as_ref() {
                return false;
            }
            if let Some(words) = trouble {
                tracing::warn!("{words}");
                troubles.insert(key, words);
            } else {
                tracing::info!("{} is listened on at {}, at last", self.port, self.ip);
                troubles.remove(&key);
            }
            true
        });
    }
}

fn listen(protocol: Protocol, address: SocketAddr) -> io::Result<Socket> {
    match protocol {
        Protocol::Tcp => bind::tcp(address).map(Socket::Tcp),
        Protocol::Udp => bind::udp(address).map(Socket::Udp),
        Protocol::Sctp => {
            let words = "a service's port carries TCP or UDP; publish SCTP in mode host";
            Err(io::Error::new(io::ErrorKind::Unsupported, words))
        }
    }
}
