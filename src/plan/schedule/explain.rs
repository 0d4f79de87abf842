//! Why no node fits, in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Candidate;
use super::amount::{Rounding, bytes, cores};
use super::matching::mismatch;
use super::nodes::Nodes;
use super::room::{Ask, Free, taken_port};
use super::volumes::Tied;
use crate::model::decision::{LeftOut, Reasoning};
use crate::model::id::NodeName;
use crate::model::node::{Availability, NodeState};
use crate::model::placement::Constraint;
use crate::model::spec::{Protocol, TaskSpec};

/// Why a task cannot be placed now: a sentence for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.summary)]
pub struct Unplaceable(Arc<Reasoning>);

impl Unplaceable {
    /// The same, said after where the task's volumes are.
    pub(super) fn tied(&self, tied: &Tied) -> Self {
        Self(Arc::new(tied.explain(&self.0)))
    }

    /// The sentence, and which nodes it is about.
    pub fn reasoning(&self) -> Arc<Reasoning> {
        self.0.clone()
    }
}

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
pub(super) enum Lack<'a> {
    Cpu,
    Memory,
    Disk,
    Port(Protocol, u16),
    Match(&'a Constraint),
    Rival { name: &'a str, value: &'a str },
}

impl<'a> Lack<'a> {
    /// What a node is comes before what it has left: where a task may never go, it is no use to make room.
    pub(super) fn of(node: &Candidate, free: Free, spec: &'a TaskSpec, ask: &Ask) -> Option<Self> {
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
            Self::Match(constraint) => does_not_match(number, constraint),
            Self::Rival { name, value } => rival(number, name, value),
        }
    }
}

/// Why none of the nodes fits: each counted once.
pub(super) fn none_of(nodes: &Nodes, spec: &TaskSpec, ask: &Ask) -> Unplaceable {
    if nodes.count() == 0 {
        return refusal("no node fits: no node has joined".to_owned(), Vec::new());
    }
    let left_out = left_out(nodes, spec, ask);
    let reasons: Vec<String> = left_out.iter().map(|out| format!("{} {}", out.count, out.reason)).collect();
    refusal(format!("no node fits: {}", reasons.join(", ")), left_out)
}

fn refusal(summary: String, left_out: Vec<LeftOut>) -> Unplaceable {
    Unplaceable(Arc::new(Reasoning { summary, fit: Vec::new(), left_out }))
}

/// Every node that does not fit, by the reason.
pub(super) fn left_out(nodes: &Nodes, spec: &TaskSpec, ask: &Ask) -> Vec<LeftOut> {
    lacking(nodes, spec, ask).into_iter().chain(closed(nodes)).collect()
}

/// What the open nodes lack, with the most that any of those has.
fn lacking(nodes: &Nodes, spec: &TaskSpec, ask: &Ask) -> Vec<LeftOut> {
    let mut groups: BTreeMap<Lack<'_>, (Names, Free)> = BTreeMap::new();
    for (node, free) in nodes.open.iter().zip(&nodes.free) {
        if let Some(lack) = Lack::of(node, *free, spec, ask) {
            let (names, best) = groups.entry(lack).or_default();
            names.add(node, nodes);
            *best = best.most(*free);
        }
    }
    let told = groups.into_iter().map(|(lack, (names, best))| {
        let reason = lack.sentence(Number::of(names.count), ask, best);
        names.left_out(reason)
    });
    told.collect()
}

/// Why nodes take no tasks.
pub(super) fn closed(nodes: &Nodes) -> Vec<LeftOut> {
    let mut groups: BTreeMap<Closed, Names> = BTreeMap::new();
    for node in &nodes.closed {
        if let Some(why) = Closed::of(node) {
            groups.entry(why).or_default().add(node, nodes);
        }
    }
    let told = groups.into_iter().map(|(why, names)| {
        let reason = why.sentence(Number::of(names.count)).to_owned();
        names.left_out(reason)
    });
    told.collect()
}

/// So many nodes do not match a constraint, on a cluster where none is named.
pub(super) fn mismatched(constraint: &Constraint, count: usize) -> LeftOut {
    LeftOut { reason: does_not_match(Number::of(count), constraint), count, nodes: Vec::new() }
}

/// Nodes of one reason; on a large cluster only their number.
#[derive(Default)]
struct Names {
    count: usize,
    names: Vec<NodeName>,
}

impl Names {
    fn add(&mut self, node: &Candidate, of: &Nodes) {
        self.count += 1;
        if !of.are_many() {
            self.names.push(node.name.clone());
        }
    }

    fn left_out(self, reason: String) -> LeftOut {
        LeftOut { reason, count: self.count, nodes: self.names }
    }
}

/// Why the node that a task is pinned to does not fit: it has not joined, or takes no tasks.
pub(super) fn pinned_to_closed(name: &NodeName, closed: Option<Closed>) -> Unplaceable {
    let reason = closed.map_or("has not joined", |closed| closed.sentence(Number::One));
    pinned(name, reason.to_owned())
}

/// Why the open node that a task is pinned to does not fit; `None` when it does.
pub(super) fn pinned_to_open(
    node: &Candidate,
    free: Free,
    spec: &TaskSpec,
    ask: &Ask,
) -> Option<Unplaceable> {
    let reason = Lack::of(node, free, spec, ask)?.sentence(Number::One, ask, free);
    Some(pinned(&node.name, reason))
}

fn pinned(name: &NodeName, reason: String) -> Unplaceable {
    let summary = format!("it is pinned to {name}, which {reason}");
    refusal(summary, vec![LeftOut { reason, count: 1, nodes: vec![name.clone()] }])
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

fn does_not_match(number: Number, constraint: &Constraint) -> String {
    format!("{} \"{constraint}\"", number.choose("does not match", "do not match"))
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
