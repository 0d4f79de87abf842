//! The ingress over real sockets: what becomes of connections while tasks come, go, hang and reset.

mod carrying;
mod choosing;
mod datagrams;
mod exchanging;
mod listening;
mod rig;
