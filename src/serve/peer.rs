//! Who is at the other end of a connection, as far as the connection tells.

use tokio::net::TcpStream;

use crate::trust::server::Visitor;

/// Stands in every request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A process of this machine: both ends are loopback addresses.
    Local,
    /// Somebody elsewhere who speaks plain HTTP.
    Elsewhere,
    /// Somebody who speaks TLS.
    Tls(Visitor),
}

impl Peer {
    /// Who is at the other end, if plain HTTP is spoken there.
    pub(super) fn plain(stream: &TcpStream) -> Self {
        let is_loopback = |address: std::io::Result<std::net::SocketAddr>| {
            address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
        };
        if is_loopback(stream.peer_addr()) && is_loopback(stream.local_addr()) {
            Self::Local
        } else {
            Self::Elsewhere
        }
    }
}
