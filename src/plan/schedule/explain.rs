//! Why no node fits, in words.

use std::collections::BTreeMap;

use super::Candidate;
use super::amount::{Rounding, bytes, cores};
use super::room::{Ask, Free, taken_port};
use crate::model::id::NodeName;
use crate::model::node::{Availability, NodeState};
use crate::model::spec::Protocol;

/// Why a task cannot be placed now: a sentence for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unplaceable(String);

/// What one node lacks, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lack {
    Cpu,
    Memory,
    Disk,
    Port(Protocol, u16),
    Paused,
    Draining,
    EngineSilent,
    Unreachable,
}

/// Why none of `nodes` fits: each node counted once, by the first thing that speaks against it.
pub(super) fn none_of(nodes: &[Candidate], ask: &Ask) -> Unplaceable {
    if nodes.is_empty() {
        return Unplaceable("no node fits: no node has joined".to_owned());
    }
    let mut lacks: BTreeMap<Lack, (usize, Free)> = BTreeMap::new();
    for node in nodes {
        let Some(lack) = lack(node, ask) else { continue };
        let (count, best) = lacks.entry(lack).or_default();
        *count += 1;
        *best = best.most(Free::of(node));
    }
    let reasons: Vec<String> = lacks
        .into_iter()
        .map(|(lack, (count, best))| format!("{count} {}", lack.sentence(Number::of(count), ask, best)))
        .collect();
    Unplaceable(format!("no node fits: {}", reasons.join(", ")))
}

/// Why the node called `name`, to which a task is pinned, does not fit; `None` when it does.
pub(super) fn against(nodes: &[Candidate], name: &NodeName, ask: &Ask) -> Option<Unplaceable> {
    let Ok(at) = nodes.binary_search_by(|node| node.name.cmp(name)) else {
        return Some(Unplaceable(format!("it is pinned to {name}, which has not joined")));
    };
    let node = &nodes[at];
    let reason = lack(node, ask)?.sentence(Number::One, ask, Free::of(node));
    Some(Unplaceable(format!("it is pinned to {name}, which {reason}")))
}

fn lack(node: &Candidate, ask: &Ask) -> Option<Lack> {
    let free = Free::of(node);
    match (node.state, node.availability) {
        (NodeState::Unreachable, _) => Some(Lack::Unreachable),
        (_, Availability::Drain) => Some(Lack::Draining),
        (_, Availability::Pause) => Some(Lack::Paused),
        (NodeState::Degraded, _) => Some(Lack::EngineSilent),
        _ if ask.cpu > free.cpu => Some(Lack::Cpu),
        _ if ask.memory > free.memory => Some(Lack::Memory),
        _ if ask.disk > free.disk => Some(Lack::Disk),
        _ => taken_port(node, ask).map(|(protocol, port)| Lack::Port(protocol, port)),
    }
}

/// Grammatical number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    One,
    Many,
}

impl Number {
    fn of(count: usize) -> Self {
        if count == 1 { Self::One } else { Self::Many }
    }

    fn choose(self, one: &'static str, many: &'static str) -> &'static str {
        match self {
            Self::One => one,
            Self::Many => many,
        }
    }
}

impl Lack {
    /// The words after the number or the name of the nodes.
    fn sentence(self, number: Number, ask: &Ask, best: Free) -> String {
        let be = number.choose("is", "are");
        match self {
            Self::Cpu => shortage(number, "CPU", cores, (ask.cpu, best.cpu)),
            Self::Memory => shortage(number, "memory", bytes, (ask.memory, best.memory)),
            Self::Disk => shortage(number, "disk", bytes, (ask.disk, best.disk)),
            Self::Port(protocol, port) => taken(number, protocol, port),
            Self::Paused => format!("{be} paused"),
            Self::Draining => format!("{be} draining"),
            Self::EngineSilent => {
                number.choose("has an engine", "have engines").to_owned() + " that cannot be reached"
            }
            Self::Unreachable => format!("{be} unreachable"),
        }
    }
}

fn shortage(
    number: Number,
    resource: &str,
    print: fn(u64, Rounding) -> String,
    (want, free): (u64, u64),
) -> String {
    let lack = number.choose("lacks", "lack");
    let have = number.choose("it has", "best has");
    let (want, free) = (print(want, Rounding::Up), print(free, Rounding::Down));
    format!("{lack} {resource} (want {want}, {have} {free} free)")
}

fn taken(number: Number, protocol: Protocol, port: u16) -> String {
    let suffix = if protocol == Protocol::Tcp { String::new() } else { format!("/{}", protocol.word()) };
    let have = number.choose("has", "have");
    format!("{have} host port {port}{suffix} taken by another task")
}
