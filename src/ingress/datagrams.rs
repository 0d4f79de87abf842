//! A published UDP port. Each client has a session: one task, and a socket towards it, until both are silent for long.
//!
//! Nothing waits here: what cannot be sent at once is lost, which is what UDP promises.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, send, sendto};
use tokio::net::UdpSocket;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::balance::Lease;
use super::seldom::Seldom;
use super::{Parts, scratch};
use crate::model::port::Port;

/// Between two looks for sessions that are over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A task that is not ready any more keeps the sessions in which it has answered within so long. What clients send does
/// not count: it would hold them to a task that is gone.
const FAREWELL: Duration = Duration::from_secs(5);

/// Datagrams taken in before anything else has a turn.
const AT_A_TIME: usize = 64;

/// After a failure to receive.
const PAUSE: Duration = Duration::from_millis(50);

/// One of so many sessions ends when there is no room for a new one, the one that was silent the longest first.
const MAKE_ROOM: usize = 16;

/// All sessions of a port at one address.
pub(super) struct Exchange {
    port: Port,
    socket: Arc<UdpSocket>,
    parts: Arc<Parts>,
    sessions: BTreeMap<SocketAddr, Session>,
    begin: Instant,
    full: Seldom,
}

/// What a client and a task say to each other.
struct Session {
    upstream: Arc<UdpSocket>,
    lease: Lease,
    /// When the client spoke last, milliseconds after the beginning.
    asked: u64,
    marks: Arc<Marks>,
    _answers: AbortOnDropHandle<()>,
    _permit: OwnedSemaphorePermit,
}

/// What the task's side of a session leaves for the other to see.
struct Marks {
    /// When the task spoke last, or the session began, milliseconds after the beginning.
    answered: AtomicU64,
    /// Nobody listens there any more.
    refused: AtomicBool,
}

impl Exchange {
    pub(super) fn new(port: Port, socket: UdpSocket, parts: Arc<Parts>) -> Self {
        let socket = Arc::new(socket);
        Self {
            port,
            socket,
            parts,
            sessions: BTreeMap::new(),
            begin: Instant::now(),
            full: Seldom::default(),
        }
    }

    /// Hands on what comes, for ever. All sessions end when this is dropped.
    pub(super) async fn run(mut self) {
        let mut look = interval(LOOK_EVERY);
        loop {
            let socket = Arc::clone(&self.socket);
            let taken = tokio::select! {
                _ = look.tick() => { self.sweep(); Ok(()) }
                readable = socket.readable() => readable.and_then(|()| self.take_in()),
            };
            if let Err(error) = taken {
                tracing::debug!(%error, "{} cannot receive", self.port);
                sleep(PAUSE).await;
            }
        }
    }

    fn take_in(&mut self) -> io::Result<()> {
        for _ in 0..AT_A_TIME {
            let taken = scratch::with(|scratch| {
                let (length, client) = self.socket.try_recv_from(scratch)?;
                self.hand_on(client, &scratch[..length]);
                Ok::<_, io::Error>(())
            });
            match taken {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends a client's datagram to its task, or to another when nobody listens there any more.
    fn hand_on(&mut self, client: SocketAddr, datagram: &[u8]) {
        let now = millis_since(self.begin);
        if let Some(session) = self.sessions.get_mut(&client) {
            session.asked = now;
            if session.send(datagram) {
                return;
            }
            session.lease.failed();
            self.sessions.remove(&client);
        }
        match self.open(client, now) {
            Ok(Some(session)) => {
                session.send(datagram);
                self.sessions.insert(client, session);
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "{} cannot begin a session for {client}", self.port),
        }
    }

    /// Begins a session; `None` when no task is ready or there is no room.
    fn open(&mut self, client: SocketAddr, now: u64) -> io::Result<Option<Session>> {
        let Some(permit) = self.permit() else { return Ok(None) };
        let Some(chosen) = self.parts.balance.choose(self.port, &[]) else { return Ok(None) };
        let upstream = Arc::new(connected(chosen.address)?);
        let marks = Arc::new(Marks { answered: AtomicU64::new(now), refused: AtomicBool::new(false) });
        let answers = Answers {
            upstream: Arc::clone(&upstream),
            socket: Arc::clone(&self.socket),
            client,
            marks: Arc::clone(&marks),
            begin: self.begin,
        };
        let answers = AbortOnDropHandle::new(self.parts.tracker.spawn(answers.run()));
        let lease = chosen.lease;
        Ok(Some(Session { upstream, lease, asked: now, marks, _answers: answers, _permit: permit }))
    }

    /// Room for a session, if need be by ending others.
    fn permit(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.parts.sessions).try_acquire_owned() {
            return Some(permit);
        }
        if self.full.is_due() {
            tracing::warn!(
                "{} has no room for more UDP sessions: those that were silent the longest end",
                self.port
            );
        }
        let mut silence: Vec<(u64, SocketAddr)> =
            self.sessions.iter().map(|(client, session)| (session.heard(), *client)).collect();
        silence.sort_unstable();
        for (_, client) in silence.iter().take(silence.len().div_ceil(MAKE_ROOM)) {
            self.sessions.remove(client);
        }
        Arc::clone(&self.parts.sessions).try_acquire_owned().ok()
    }

    /// Ends the sessions that are over.
    fn sweep(&mut self) {
        let ready = self.parts.balance.listed(self.port);
        let now = millis_since(self.begin);
        let ago = |moment: u64| Duration::from_millis(now.saturating_sub(moment));
        let idle = self.parts.limits.session_idle;
        self.sessions.retain(|_, session| {
            let answered = session.marks.answered.load(Ordering::Relaxed);
            let stays = ready.contains(&session.lease.task) || ago(answered) < FAREWELL;
            stays && ago(session.heard()) < idle && !session.marks.refused.load(Ordering::Relaxed)
        });
    }
}

impl Session {
    /// Whether somebody listens there, as far as is known.
    fn send(&self, datagram: &[u8]) -> bool {
        let refused = self.marks.refused.load(Ordering::Relaxed);
        !refused
            && !matches!(send(&self.upstream, datagram, SendFlags::DONTWAIT), Err(error) if is_refusal(error))
    }

    /// When either side spoke last.
    fn heard(&self) -> u64 {
        self.asked.max(self.marks.answered.load(Ordering::Relaxed))
    }
}

/// What a task says to a client.
struct Answers {
    upstream: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    marks: Arc<Marks>,
    begin: Instant,
}

impl Answers {
    async fn run(self) {
        while self.upstream.readable().await.is_ok() {
            let handed_on = scratch::with(|scratch| {
                let length = self.upstream.try_recv(scratch)?;
                // What the client's network does not take is lost.
                let _ = sendto(&self.socket, &scratch[..length], SendFlags::DONTWAIT, &self.client);
                Ok::<_, io::Error>(())
            });
            match handed_on {
                Ok(()) => self.marks.answered.store(millis_since(self.begin), Ordering::Relaxed),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        self.marks.refused.store(true, Ordering::Relaxed);
    }
}

/// A socket that speaks with a task alone.
fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    UdpSocket::from_std(socket)
}

/// Whether it says that nobody is there. All else passes, or is for one datagram alone.
fn is_refusal(error: Errno) -> bool {
    [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::NETUNREACH].contains(&error)
}

fn millis_since(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}
