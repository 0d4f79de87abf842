//! A service's stable port: accepts connections on this node and hands each to a ready task, whatever becomes of tasks.
//!
//! Told what is ready by a table ([`Table`]) and knowing nothing else of services. Read `ports` for what is listened on,
//! `reach` for the way to a task, `pump` for how bytes get there.

mod accept;
mod balance;
mod bind;
mod choice;
mod datagrams;
mod pipe;
mod ports;
mod proxy_header;
mod pump;
mod reach;
mod relay;
mod room;
mod scratch;
mod seldom;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::balance::Balance;
use self::pipe::Pipes;
use self::room::Room;
use crate::model::id::TaskId;
use crate::model::ingress::Table;
use crate::model::port::Port;

/// Published ports that cannot be listened on, each at which address, and why in a sentence with the remedy.
pub type Troubles = BTreeMap<(Port, IpAddr), String>;

/// How an ingress behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// At which addresses of this node each port is listened on: `0.0.0.0` and `::` for all.
    pub addresses: Vec<IpAddr>,
    /// What clients may take of it, and how long they wait.
    pub limits: Limits,
}

/// What clients may take of an ingress, and how long they wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a task that is ready and can be reached. As long as a small container takes to be replaced, and less than
    /// clients wait for an answer.
    pub patience: Duration,
    /// For a task to take a connection, before the next one is tried. The kernel says again after a second what was
    /// lost.
    pub connect: Duration,
    /// Connections at once, and never more than a quarter of the process's file descriptors: each takes two. Further ones
    /// wait in the kernel's queue.
    pub connections: usize,
    /// UDP sessions at once, and never more than a sixteenth of the process's file descriptors. Those that were silent
    /// the longest end for new ones.
    pub sessions: usize,
    /// A UDP session ends when nothing was said for so long: no less than RFC 4787 asks of a NAT (REQ-5).
    pub session_idle: Duration,
    /// For connections to end by themselves when the worker stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(5),
            connect: Duration::from_millis(1_500),
            connections: 16_384,
            sessions: 4_096,
            session_idle: Duration::from_mins(2),
            drain: Duration::from_secs(2),
        }
    }
}

/// The ingress of a node, as others see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingress {
    balance: Balance,
    troubles: watch::Receiver<Troubles>,
}

/// What all ports have in common.
#[derive(Debug)]
struct Parts {
    balance: Balance,
    limits: Limits,
    room: Room,
    sessions: Arc<Semaphore>,
    pipes: Pipes,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Ingress {
    /// Serves what the tables say until `stop`, with all tasks on `tracker`. Then nothing new is accepted, and connections
    /// have [`Limits::drain`] to end. Without a sender the last table holds.
    pub fn start(
        tables: watch::Receiver<Arc<Table>>,
        options: Options,
        stop: &CancellationToken,
        tracker: &TaskTracker,
    ) -> Self {
        let Options { addresses, limits } = options;
        let balance = Balance::new(tables);
        let (sender, troubles) = watch::channel(Troubles::new());
        let parts = Arc::new(Parts {
            balance: balance.clone(),
            limits,
            room: Room::new(limits.connections.min(descriptors() / 4).max(1)),
            sessions: Arc::new(Semaphore::new(limits.sessions.min(descriptors() / 16).max(1))),
            // An eighth of all: two pipes of two descriptors for a connection that is busy both ways.
            pipes: Pipes::new(descriptors() / 16),
            stop: stop.clone(),
            tracker: tracker.clone(),
        });
        tracker.spawn(ports::follow(parts, addresses, sender));
        Self { balance, troubles }
    }

    /// How many connections a task has, those that are being made and UDP sessions included.
    ///
    /// Once it is 0 after a table without the task was sent, it stays 0.
    pub fn connections(&self, task: TaskId) -> usize {
        self.balance.connections(task)
    }

    /// Returns as soon as a task has no connections. Cancel-safe.
    pub async fn drained(&self, task: TaskId) {
        self.balance.emptied(task).await;
    }

    /// Which ports cannot be listened on at present.
    pub fn troubles(&self) -> watch::Receiver<Troubles> {
        self.troubles.clone()
    }
}

impl Parts {
    /// Returns when nothing is waited for any more: some time after the stop.
    async fn over(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(self.limits.drain).await;
    }
}

/// How many files and sockets this process may have open.
fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}
