//! Taking hold of addresses before anything else starts, so that a busy port ends the process with a sentence.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::settings::Listen;
use crate::settings::source::Setting;
use crate::trust::server::Door;

/// Connections that the kernel keeps until they are accepted. When this overflows, Linux drops the last step of
/// the handshake, and a client that waits to be spoken to waits for ever.
const BACKLOG: u32 = 1_024;

/// How often a port that is free on one address may turn out to be taken on the other.
const TRIES: usize = 16;

/// Addresses that are listened on, not yet served.
#[derive(Debug)]
pub struct Bound {
    /// The host as the operator names it, and the port that it became.
    pub address: Listen,
    /// One for each address behind that name.
    pub(super) listeners: Vec<TcpListener>,
    /// Who comes by TLS comes through here.
    pub(super) door: Option<Door>,
}

impl Bound {
    /// With TLS for those who come from elsewhere.
    #[must_use = "this is another one"]
    pub fn behind(self, door: Door) -> Self {
        Self { door: Some(door), ..self }
    }
}

/// The address as people write it: `localhost:8000`.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error(
        "{address} is in use already: end the program that listens there, or set {setting} to a free port"
    )]
    InUse {
        /// Where.
        address: Listen,
        /// What says so.
        setting: Setting,
    },
    /// The port is reserved for root.
    #[error("{address} is reserved by this system: set {setting} to a port above 1023")]
    Reserved {
        /// Where.
        address: Listen,
        /// What says so.
        setting: Setting,
    },
    /// The host is no address of this machine, or something rarer.
    #[error("{address} cannot be listened on: set the host to localhost, or {setting} to another port")]
    Other {
        /// Where.
        address: Listen,
        /// What says so.
        setting: Setting,
        /// What the system says.
        source: io::Error,
    },
}

/// Listens on an address; `setting` is the one that its port came from.
///
/// `localhost` means both 127.0.0.1 and `::1` where the machine has both, since clients try either first. Beside an
/// address that others reach, those two are listened on as well.
pub fn bind(address: &Listen, setting: Setting) -> Result<Bound, BindError> {
    let mut result = try_bind(address);
    for _ in 1..TRIES {
        match &result {
            Err(error) if address.port == 0 && error.kind() == io::ErrorKind::AddrInUse => {
                result = try_bind(address);
            }
            _ => break,
        }
    }
    let address = address.clone();
    result.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, setting },
        io::ErrorKind::PermissionDenied => BindError::Reserved { address, setting },
        _ => BindError::Other { address, setting, source },
    })
}

fn try_bind(address: &Listen) -> io::Result<Bound> {
    let mut port = address.port;
    let mut listeners = Vec::new();
    for ip in ips(&address.host)? {
        match listen_on(SocketAddr::new(ip, port)) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if is_absent(&error) && !listeners.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Bound { address: Listen { host: address.host.clone(), port }, listeners, door: None })
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a restart need not wait for the connections of the former process to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The addresses behind a host; only `localhost` is a name, and none is looked up.
fn ips(host: &str) -> io::Result<Vec<IpAddr>> {
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    if host == "localhost" {
        return Ok(vec![v4, v6]);
    }
    let ip: IpAddr = host.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Ok(match ip {
        ip if ip.is_loopback() => vec![ip],
        // Linux takes all of IPv4 with it.
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => vec![ip],
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => vec![ip, v6],
        ip => vec![ip, v4, v6],
    })
}

/// Whether the machine has no such address: IPv6 is off.
fn is_absent(error: &io::Error) -> bool {
    let unsupported = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::MANAGER_PORT;

    fn listen(host: &str, port: u16) -> Listen {
        Listen { host: host.to_owned(), port }
    }

    #[tokio::test]
    async fn localhost_is_every_loopback_address_of_the_machine_on_one_port() {
        let bound = bind(&listen("localhost", 0), MANAGER_PORT).unwrap();
        let has_ipv6 = TcpListener::bind("[::1]:0").await.is_ok();
        assert_eq!(bound.listeners.len(), if has_ipv6 { 2 } else { 1 });
        for listener in &bound.listeners {
            assert_eq!(listener.local_addr().unwrap().port(), bound.address.port);
        }
        assert_eq!(bound.to_string(), format!("localhost:{}", bound.address.port));
    }

    #[tokio::test]
    async fn a_busy_port_is_refused_in_a_sentence_with_the_setting_and_the_remedy() {
        let first = bind(&listen("127.0.0.1", 0), MANAGER_PORT).unwrap();
        let port = first.address.port;
        let error = bind(&listen("localhost", port), MANAGER_PORT).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "localhost:{port} is in use already: end the program that listens there, or set ORC_MANAGER_PORT \
                 (--manager-port) to a free port"
            )
        );
    }

    #[tokio::test]
    async fn a_port_that_is_busy_on_one_of_the_two_addresses_is_busy() {
        let Ok(other) = TcpListener::bind("[::1]:0").await else { return };
        let port = other.local_addr().unwrap().port();
        let error = bind(&listen("localhost", port), MANAGER_PORT).unwrap_err();
        assert!(matches!(error, BindError::InUse { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_cannot_be_listened_on() {
        let error = bind(&listen("192.0.2.1", 0), MANAGER_PORT).unwrap_err();
        assert!(matches!(error, BindError::Other { .. }), "{error}");
    }
}
