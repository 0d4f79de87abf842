//! Under which names and addresses this machine can be reached.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use crate::settings::Listen;

/// An address of documentation (RFC 5737): the way to it is the way to anywhere.
const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Names for the certificate of a server: those that are advertised, the machine's own, and all its addresses.
pub(super) fn names(advertised: &[String]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), host_name()];
    names.extend(advertised.iter().cloned());
    names.extend(own_addresses().iter().map(ToString::to_string));
    names.retain(|name| name.is_ascii() && !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
}

/// The best address for others to dial, with the port: the one that is advertised, that is listened on, or that the
/// machine has towards others.
pub(super) fn best(advertised: &[String], listen: &Listen) -> String {
    let specific =
        listen.host.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified()).map(|ip| ip.to_string());
    let host =
        advertised.first().cloned().or(specific).or_else(|| towards(ANYWHERE).map(|ip| ip.to_string()));
    let host =
        host.or_else(|| own_addresses().into_iter().find(|ip| !ip.is_loopback()).map(|ip| ip.to_string()));
    Listen { host: host.unwrap_or_else(host_name), port: listen.port }.to_string()
}

/// The own address from which a peer is reached. Nothing is sent.
pub(super) fn towards(peer: impl std::net::ToSocketAddrs) -> Option<IpAddr> {
    let peer = peer.to_socket_addrs().ok()?.next()?;
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// What the machine calls itself.
pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn own_addresses() -> Vec<IpAddr> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let v4 = read_v4(&read("/proc/net/fib_trie")).into_iter().map(IpAddr::from);
    v4.chain(read_v6(&read("/proc/net/if_inet6")).into_iter().map(IpAddr::from)).collect()
}

/// The local addresses in `/proc/net/fib_trie`: each is followed by a line that says so.
fn read_v4(trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The addresses in `/proc/net/if_inet6`, without those that mean something on one link only.
fn read_v6(lines: &str) -> Vec<Ipv6Addr> {
    let addresses = lines.lines().filter_map(|line| u128::from_str_radix(line.split(' ').next()?, 16).ok());
    addresses.map(Ipv6Addr::from).filter(|address| !address.is_unicast_link_local()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_addresses_are_read_as_the_kernel_prints_them() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 10.0.0.1\n        \
                    /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\nLocal:\n     |-- 10.0.0.1\n        \
                    /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(read_v4(trie), [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::LOCALHOST]);
        let lines = "00000000000000000000000000000001 01 80 10 80       lo\n\
                     fe800000000000000000000000000001 02 40 20 80     eth0\n\
                     fd000000000000000000000000000007 02 40 00 80     eth0\n";
        assert_eq!(read_v6(lines), [Ipv6Addr::LOCALHOST, "fd00::7".parse::<Ipv6Addr>().unwrap()]);
    }

    #[test]
    fn this_machine_has_a_name_and_loopback() {
        let names = names(&["orc.example.org".to_owned()]);
        for name in ["localhost", "127.0.0.1", "::1", "orc.example.org", &host_name()] {
            assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
        }
        assert_eq!(towards((Ipv4Addr::LOCALHOST, 9)), Some(Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn what_is_advertised_is_best_and_then_what_is_listened_on() {
        let listen = |host: &str| Listen { host: host.to_owned(), port: 8000 };
        assert_eq!(best(&["orc.example.org".to_owned()], &listen("0.0.0.0")), "orc.example.org:8000");
        assert_eq!(best(&[], &listen("fd00::7")), "[fd00::7]:8000");
        assert!(!best(&[], &listen("0.0.0.0")).starts_with("0.0.0.0"));
    }
}
