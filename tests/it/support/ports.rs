//! Ports of this machine that nobody listens on, below those that kernel and Docker give out by themselves.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the usual beginning of `net.ipv4.ip_local_port_range`.
const RANGE: Range<u32> = 11_000..32_000;

/// The first of `count` free ports in a row. No two calls in this process give the same one, and several such
/// processes begin at different ones.
pub(crate) fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // The same for every count, or two of them would come to the same port.
    let width = RANGE.end - RANGE.start;
    loop {
        let offset = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
        let first = RANGE.start + std::process::id().wrapping_mul(37).wrapping_add(offset) % width;
        let is_within = first + u32::from(count) <= RANGE.end;
        let first = u16::try_from(first).unwrap();
        if is_within && (first..first + count).all(is_free) {
            return first;
        }
    }
}

fn is_free(port: u16) -> bool {
    let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && (!has_ipv6 || TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_ok())
}
