//! How orc's TCP connections behave when packets are lost, and when whoever is at the other end has vanished.
//!
//! The kernel's own patience is made for bulk: it waits twice as long after each loss, and believes in a silent peer for
//! two hours. orc says little, and must know within seconds.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

/// A peer that has said nothing for so long is asked whether it is there, and again after each of the pauses.
const SILENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_secs(1);

/// The same for the connections of others, which may well be silent for hours, over links that sleep: after so long, and
/// again after as long each time.
const IDLE: Duration = Duration::from_secs(15);
/// Questions without an answer until such a peer counts as gone.
const QUESTIONS: u32 = 9;

/// Sends lost packets again after a fifth of a second, six times, before the waits grow. That congests nothing: only
/// connections with hardly a packet under way do so.
pub fn resend_soon(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_tcp_thin_linear_timeouts(socket, true)?)
}

/// Sends as much as gets through and halves that with each loss (RFC 5681), whatever this machine's other connections do.
/// BBR, which many are set to use, takes losses for nothing: a long output over a slow cable then leaves so little room
/// in its queue that no question gets through for a whole lease.
pub fn give_way(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_tcp_congestion(socket, "reno")?)
}

/// Lets a connection fail when its peer has acknowledged nothing for `longest`, be it data or the question whether it is
/// there. A peer that is there and takes nothing in counts as silent, too.
pub fn fail_in_silence(socket: impl AsFd, longest: Duration) -> io::Result<()> {
    let socket = socket.as_fd();
    sockopt::set_tcp_keepidle(socket, SILENCE)?;
    sockopt::set_tcp_keepintvl(socket, PAUSE)?;
    sockopt::set_socket_keepalive(socket, true)?;
    let millis = u32::try_from(longest.as_millis()).unwrap_or(u32::MAX);
    Ok(sockopt::set_tcp_user_timeout(socket, millis)?)
}

/// Lets a connection fail when its peer is no longer there, which is noticed after two and a half minutes, as in Go's
/// programs, Docker's own among them. However long a peer is idle or takes nothing in, it stays connected. What is set
/// on a socket that listens holds for the connections that it accepts.
pub fn fail_when_gone(socket: impl AsFd) -> io::Result<()> {
    let socket = socket.as_fd();
    sockopt::set_tcp_keepidle(socket, IDLE)?;
    sockopt::set_tcp_keepintvl(socket, IDLE)?;
    sockopt::set_tcp_keepcnt(socket, QUESTIONS)?;
    Ok(sockopt::set_socket_keepalive(socket, true)?)
}
