//! Tests of orc on three machines that lose their cables, their power and their manager's time.
//!
//! The machines are network namespaces of this one, made by `scripts/cluster.sh`, each with a Docker Engine and a worker
//! that has joined by TLS. What runs is never taken from orc: the engines are asked, past any cut cable.

#[cfg(test)]
#[path = "../it/support/clients.rs"]
mod clients;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod engine_faults;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod files;
#[cfg(test)]
mod images;
#[cfg(test)]
mod joining;
#[cfg(test)]
mod links;
#[cfg(test)]
mod losses;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod members;
#[cfg(test)]
mod moving;
#[cfg(test)]
#[path = "../it/support/patience.rs"]
mod patience;
#[cfg(test)]
#[expect(dead_code, reason = "the tests on one machine do more with processes")]
#[path = "../it/support/process.rs"]
mod process;
#[cfg(test)]
mod rebalancing;
#[cfg(test)]
mod services;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod spoiled;
#[cfg(test)]
mod trembling;
#[cfg(test)]
mod volumes;
