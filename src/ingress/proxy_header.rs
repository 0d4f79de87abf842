//! The header of the PROXY protocol, version 2, that tells a task who its client is.
//!
//! After <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>, section 2.2, for TCP over IP and without
//! extensions.

use std::net::SocketAddr;

/// What a connection with a header begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, and a connection on somebody else's behalf.
const PROXY: u8 = 0x21;

const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// The header of a connection that `client` made to `server`, which are of one family.
pub(super) fn header(client: SocketAddr, server: SocketAddr) -> Vec<u8> {
    let (family, addresses) = match (client, server) {
        (SocketAddr::V4(client), SocketAddr::V4(server)) => {
            (TCP_OVER_IPV4, [client.ip().octets(), server.ip().octets()].concat())
        }
        (client, server) => {
            let octets = |address: SocketAddr| match address {
                SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets(),
                SocketAddr::V6(address) => address.ip().octets(),
            };
            (TCP_OVER_IPV6, [octets(client), octets(server)].concat())
        }
    };
    let ports = [client.port().to_be_bytes(), server.port().to_be_bytes()].concat();
    let length = u16::try_from(addresses.len() + ports.len()).unwrap_or_default();
    [SIGNATURE, [PROXY, family].as_slice(), &length.to_be_bytes(), &addresses, &ports].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(client: &str, server: &str) -> Vec<u8> {
        header(client.parse().unwrap(), server.parse().unwrap())
    }

    /// The bytes of the specification, field by field.
    #[test]
    fn a_connection_over_ipv4_has_28_bytes() {
        let expected = [
            &[0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A][..],
            &[0x21, 0x11, 0, 12],
            &[192, 0, 2, 7, 198, 51, 100, 9],
            &[0xDC, 0x04, 0x01, 0xBB],
        ];
        assert_eq!(bytes("192.0.2.7:56324", "198.51.100.9:443"), expected.concat());
    }

    #[test]
    fn a_connection_over_ipv6_has_52_bytes() {
        let header = bytes("[2001:db8::7]:56324", "[2001:db8::9]:443");
        assert_eq!((header.len(), &header[12..16]), (52, &[0x21, 0x21, 0, 36][..]));
        assert_eq!(header[16..20], [0x20, 0x01, 0x0D, 0xB8]);
        assert_eq!((header[31], header[47]), (7, 9));
        assert_eq!(header[48..], [0xDC, 0x04, 0x01, 0xBB]);
    }

    #[test]
    fn addresses_of_two_families_are_written_as_ipv6() {
        let header = bytes("192.0.2.7:1", "[2001:db8::9]:2");
        assert_eq!((header.len(), header[13]), (52, 0x21));
        assert_eq!(header[26..32], [0xFF, 0xFF, 192, 0, 2, 7]);
    }
}
