//! Sockets for published ports, and in words why one cannot be had.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};

use crate::tcp;

/// Connections that the kernel keeps until they are accepted: as many as Linux lets a program ask for
/// (`net.core.somaxconn`). When this overflows, clients wait a second at least.
const BACKLOG: u32 = 4_096;

/// Listens for connections. What is set here holds for those that are accepted.
pub(super) fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // A port is free again although connections that it had are still being forgotten.
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    tcp::fail_when_gone(&socket)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Waits for datagrams.
pub(super) fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    UdpSocket::from_std(socket.into())
}

/// Whether it is for lack of IPv6, or IPv4, on the whole machine: then there is nothing to wait for.
pub(super) fn is_absent(error: &io::Error, ip: IpAddr) -> bool {
    let unsupported = Errno::AFNOSUPPORT.raw_os_error();
    error.raw_os_error() == Some(unsupported)
        || ip.is_unspecified() && error.kind() == io::ErrorKind::AddrNotAvailable
}

/// What is wrong, and what would be right.
pub(super) fn words(error: &io::Error, address: SocketAddr, what: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{what} is in use by another program at {address} of this node: end that program, or publish another port; it \
             is taken as soon as it is free"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "{what} may not be listened on by the worker's user: give the worker CAP_NET_BIND_SERVICE, or publish a port \
             above 1023"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("{what} cannot be listened on at {}: this node has no such address (yet)", address.ip())
        }
        io::ErrorKind::Unsupported => format!("{what} cannot be published: {error}"),
        _ => format!("{what} cannot be listened on at {address}: {error}; it is tried again and again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_that_are_accepted_are_as_the_listener_was_set() {
        let listener = tcp(([127, 0, 0, 1], 0).into()).unwrap();
        let _client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(accepted.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap().as_secs(), 15);
        assert_eq!(sockopt::tcp_user_timeout(&accepted).unwrap(), 0, "who takes nothing in is not cut off");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_its_remedy() {
        let taken = tcp(([127, 0, 0, 1], 0).into()).unwrap();
        let address = taken.local_addr().unwrap();
        let error = tcp(address).unwrap_err();
        let words = words(&error, address, "8080/tcp");
        assert!(words.starts_with("8080/tcp is in use by another program at 127.0.0.1:"), "{words}");
        assert!(words.contains("publish another port"), "{words}");
    }

    #[tokio::test]
    async fn both_families_can_have_one_port() {
        let any: [IpAddr; 2] = [[0; 4].into(), [0; 16].into()];
        let first = udp((any[0], 0).into()).unwrap();
        let port = first.local_addr().unwrap().port();
        match udp((any[1], port).into()) {
            Ok(second) => assert_eq!(second.local_addr().unwrap().port(), port),
            Err(error) => assert!(is_absent(&error, any[1]), "{error}"),
        }
    }
}
