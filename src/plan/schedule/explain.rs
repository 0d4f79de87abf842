//! Why no node fits, in words.

use std::collections::BTreeMap;

use super::Candidate;
use super::amount::{Rounding, bytes, cores};
use super::matching::mismatch;
use super::room::{Ask, Free, taken_port};
use crate::model::id::NodeName;
use crate::model::node::{Availability, NodeState};
use crate::model::placement::Constraint;
use crate::model::spec::{Protocol, TaskSpec};

/// Why a task cannot be placed now: a sentence for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unplaceable(String);

/// Why a node takes no tasks at all, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closed {
    Paused,
    Draining,
    EngineSilent,
    Unreachable,
}

impl Closed {
    /// `None` when `node` takes tasks.
    pub(super) fn of(node: &Candidate) -> Option<Self> {
        match (node.state, node.availability) {
            (NodeState::Unreachable, _) => Some(Self::Unreachable),
            (_, Availability::Drain) => Some(Self::Draining),
            (_, Availability::Pause) => Some(Self::Paused),
            (NodeState::Degraded, _) => Some(Self::EngineSilent),
            (NodeState::Ready, Availability::Active) => None,
        }
    }

    fn sentence(self, number: Number) -> &'static str {
        match self {
            Self::Paused => number.choose("is paused", "are paused"),
            Self::Draining => number.choose("is draining", "are draining"),
            Self::EngineSilent => {
                number.choose("has an engine that does not answer", "have engines that do not answer")
            }
            Self::Unreachable => number.choose("is unreachable", "are unreachable"),
        }
    }
}

/// Why a node that takes tasks does not fit this one: the first reason, in the order in which it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lack<'a> {
    Cpu,
    Memory,
    Disk,
    Port(Protocol, u16),
    Match(&'a Constraint),
    Rival { name: &'a str, value: &'a str },
}

impl<'a> Lack<'a> {
    /// What a node is comes before what it has left: where a task may never go, it is no use to make room.
    fn of(node: &Candidate, free: Free, spec: &'a TaskSpec, ask: &Ask) -> Option<Self> {
        if let Some(constraint) = mismatch(node, spec.placement.constraints.iter()) {
            return Some(Self::Match(constraint));
        }
        if ask.cpu > free.cpu {
            return Some(Self::Cpu);
        }
        if ask.memory > free.memory {
            return Some(Self::Memory);
        }
        if ask.disk > free.disk {
            return Some(Self::Disk);
        }
        let port = taken_port(node, ask).map(|(protocol, port)| Self::Port(protocol, port));
        port.or_else(|| node.usage.kin.rival(spec).map(|(name, value)| Self::Rival { name, value }))
    }

    fn sentence(&self, number: Number, ask: &Ask, best: Free) -> String {
        match self {
            Self::Cpu => shortage(number, "CPU", cores, (ask.cpu, best.cpu)),
            Self::Memory => shortage(number, "memory", bytes, (ask.memory, best.memory)),
            Self::Disk => shortage(number, "disk", bytes, (ask.disk, best.disk)),
            Self::Port(protocol, port) => taken(number, *protocol, *port),
            Self::Match(constraint) => {
                format!("{} \"{constraint}\"", number.choose("does not match", "do not match"))
            }
            Self::Rival { name, value } => rival(number, name, value),
        }
    }
}

/// Why none of the nodes fits: each counted once. `free` is what the `open` ones have left.
pub(super) fn none_of(
    open: &[Candidate],
    free: &[Free],
    closed: &[Candidate],
    spec: &TaskSpec,
    ask: &Ask,
) -> Unplaceable {
    if open.is_empty() && closed.is_empty() {
        return Unplaceable("no node fits: no node has joined".to_owned());
    }
    let closed = closed.iter().filter_map(Closed::of).fold(BTreeMap::new(), |mut counts, why| {
        *counts.entry(why).or_insert(0) += 1;
        counts
    });
    let closed = closed.iter().map(|(why, count)| format!("{count} {}", why.sentence(Number::of(*count))));
    let reasons: Vec<String> = lacks(open, free, spec, ask).into_iter().chain(closed).collect();
    Unplaceable(format!("no node fits: {}", reasons.join(", ")))
}

/// Counts what the `open` nodes lack, with the most that any of those has.
fn lacks(open: &[Candidate], free: &[Free], spec: &TaskSpec, ask: &Ask) -> Vec<String> {
    let mut counts: BTreeMap<Lack<'_>, (usize, Free)> = BTreeMap::new();
    for (node, free) in open.iter().zip(free) {
        if let Some(lack) = Lack::of(node, *free, spec, ask) {
            let (count, best) = counts.entry(lack).or_default();
            *count += 1;
            *best = best.most(*free);
        }
    }
    let told = counts
        .iter()
        .map(|(lack, (count, best))| format!("{count} {}", lack.sentence(Number::of(*count), ask, *best)));
    told.collect()
}

/// Why the node that a task is pinned to does not fit: it has not joined, or takes no tasks.
pub(super) fn pinned_to_closed(name: &NodeName, closed: Option<Closed>) -> Unplaceable {
    let reason = closed.map_or("has not joined", |closed| closed.sentence(Number::One));
    Unplaceable(format!("it is pinned to {name}, which {reason}"))
}

/// Why the open node that a task is pinned to does not fit; `None` when it does.
pub(super) fn pinned_to_open(
    node: &Candidate,
    free: Free,
    spec: &TaskSpec,
    ask: &Ask,
) -> Option<Unplaceable> {
    let reason = Lack::of(node, free, spec, ask)?.sentence(Number::One, ask, free);
    Some(Unplaceable(format!("it is pinned to {}, which {reason}", node.name)))
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
    let have = number.choose("has", "have");
    let suffix = if protocol == Protocol::Tcp { String::new() } else { format!("/{}", protocol.word()) };
    format!("{have} host port {port}{suffix} taken by another task")
}

fn rival(number: Number, name: &str, value: &str) -> String {
    let runs = number.choose("runs a task", "run a task");
    // Both are a stranger's words.
    let shown: String = format!("{name}={value}").chars().take(64).collect();
    format!("{runs} with the same label {}", shown.escape_debug())
}
