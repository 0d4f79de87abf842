//! Ports of containers and of hosts, as Docker writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A transport protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
    /// `sctp`
    Sctp,
}

impl Protocol {
    /// Docker's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// A container's port: `7777/tcp`. Ordered by number, so that "the first port" means the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// 1 to 65535.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

impl FromStr for Port {
    type Err = String;

    /// Reads `7777/tcp`, and `7777` as TCP, as Docker does.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol =
            [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|known| known.word() == protocol);
        match (parse_port_number(number), protocol) {
            (Some(number), Some(protocol)) => Ok(Self { number, protocol }),
            _ => Err(format!("{text:?} is not a container port, such as \"7777/tcp\" or \"53/udp\"")),
        }
    }
}

/// A port number from 1 to 65535, digits only.
fn parse_port_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol.word())
    }
}

impl TryFrom<String> for Port {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}

/// A port of the host, written as text as Docker does: `"8080"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPort(pub u16);

impl TryFrom<String> for HostPort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_port_number(&text).map(Self).ok_or_else(|| {
            format!("{text:?} is not a host port: a number from 1 to 65535 is, as a text: \"8080\"")
        })
    }
}

impl From<HostPort> for String {
    fn from(port: HostPort) -> Self {
        port.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_reads_as_docker_reads_it() {
        assert_eq!("7777".parse(), Ok(Port { number: 7777, protocol: Protocol::Tcp }));
        assert_eq!("53/udp".parse::<Port>().map(|port| port.to_string()), Ok("53/udp".to_owned()));
        for text in ["", "0/tcp", "65536/tcp", "-1/tcp", "+5/tcp", "80/http", "80/", "/tcp", "80/tcp/udp"] {
            assert!(text.parse::<Port>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_lowest_number_is_the_first_port() {
        let mut ports: Vec<Port> =
            ["8080/tcp", "53/udp", "443/tcp"].iter().map(|text| text.parse().unwrap()).collect();
        ports.sort();
        assert_eq!(ports[0].number, 53);
    }

    #[test]
    fn a_host_port_is_a_number_from_1_to_65535_as_text() {
        assert_eq!(HostPort::try_from("8080".to_owned()), Ok(HostPort(8080)));
        for text in ["", "0", "65536", "-1", "+80", "80-90", "127.0.0.1:80"] {
            assert!(HostPort::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
