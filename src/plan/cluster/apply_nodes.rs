//! What the changes mean that are about nodes: a worker's word, an operator's, and silence.

use std::time::Duration;

use super::apply::about;
use super::change::{Applied, Force, Hanging, Heard, NodePatch, Refusal};
use super::{Cluster, Member};
use crate::model::event::{Event, EventKind};
use crate::model::id::{NodeName, TaskId};
use crate::model::node::{Availability, Life, Node, NodeState, Reserved};
use crate::model::state::State;
use crate::model::time::{Moment, Now, Timestamp};

/// A life of a worker counts as there for so long after it asked: between an answer and its next question none hangs.
/// That is one and a half of the longest heartbeats.
const ASKS_AGAIN: Duration = Duration::from_millis(1_500);

/// And for so long after its connection broke: one that lives asks again sooner, by another.
const COMES_BACK: Duration = Duration::from_millis(250);

impl Cluster {
    pub(super) fn heard(&mut self, heard: &Heard, now: Now) -> Result<Applied, Refusal> {
        let Heard { node: name, facts, engine_trouble, .. } = heard;
        let epoch = self.epoch;
        let state = if engine_trouble.is_some() { NodeState::Degraded } else { NodeState::Ready };
        let floor = self.revision;
        let joined = !self.nodes.contains(name);
        if joined {
            self.nodes.insert(Member { floor, ..Member::new(new_node(name, now.wall), now.moment) });
        }
        let Some(member) = self.nodes.get_mut(name) else { return Ok(Applied::Ignored) };
        member.admit(heard, now.moment)?;
        member.heard = now.moment;
        member.load = heard.load;
        member.life = Some(heard.life);
        member.taken_in = heard.known.filter(|(known, _)| *known == epoch).map(|(_, revision)| revision);
        if member.takes_lease(heard.lease) {
            self.dirty.nodes.insert(name.clone());
        }
        member.routed = heard.routed;
        member.open = heard.open.iter().copied().collect();
        member.leftovers = heard.leftovers.as_ref().map(|tasks| tasks.iter().copied().collect());
        if self.falls_behind(heard) {
            let message = self.safe_mode().unwrap_or_default();
            return Ok(Applied::Changed(vec![of_node(name, now.wall, EventKind::SafeMode, message)]));
        }
        let Some(member) = self.nodes.get_mut(name) else { return Ok(Applied::Ignored) };
        let message = engine_trouble.as_deref().unwrap_or_default();
        let before = member.node.state;
        let facts = member.facts_after(facts, now.moment);
        if !joined && before == state && member.node.facts == *facts && member.node.message == message {
            member.node.seen_at = now.wall;
            return Ok(Applied::Ignored);
        }
        member.node = Node {
            state,
            facts: facts.into_owned(),
            message: message.to_owned(),
            seen_at: now.wall,
            ..member.node.clone()
        };
        member.describe();
        self.dirty.nodes.insert(name.clone());
        self.fresh.append(&mut self.parked);
        if before == NodeState::Unreachable {
            self.unstick(name);
        }
        self.stir_services_of(name);
        let (kind, message) = match (joined, before, state) {
            (true, ..) => (EventKind::NodeReady, format!("{name} joined")),
            (_, NodeState::Unreachable, _) => (EventKind::NodeReady, format!("{name} is back")),
            (_, NodeState::Ready, NodeState::Degraded) => (EventKind::Engine, message.to_owned()),
            (_, NodeState::Degraded, NodeState::Ready) => {
                (EventKind::Engine, "the engine answers again".to_owned())
            }
            _ => return Ok(Applied::Changed(Vec::new())),
        };
        Ok(Applied::Changed(vec![of_node(name, now.wall, kind, message)]))
    }

    /// Has the services looked at of which a node has tasks.
    fn stir_services_of(&mut self, node: &NodeName) {
        let Some(member) = self.nodes.get(node) else { return };
        for task in member.assigned.values().filter_map(|id| self.tasks.get(id)) {
            self.services.stir(task);
        }
    }

    pub(super) fn events_seen(&mut self, node: &NodeName, upto: u64) -> Applied {
        match self.nodes.get_mut(node) {
            Some(member) if member.node.events_seen < upto => {
                member.node.events_seen = upto;
                self.dirty.nodes.insert(node.clone());
                Applied::Changed(Vec::new())
            }
            _ => Applied::Ignored,
        }
    }

    pub(super) fn lose(&mut self, name: &NodeName, silent_seconds: u64, now: Now) -> Applied {
        let Some(member) =
            self.nodes.get_mut(name).filter(|member| member.node.state != NodeState::Unreachable)
        else {
            return Applied::Ignored;
        };
        member.node.state = NodeState::Unreachable;
        member.node.message = format!("not heard of for {silent_seconds} s; what runs there is unknown");
        member.taken_in = None;
        member.leftovers = None;
        self.dirty.nodes.insert(name.clone());
        let message = member.node.message.clone();
        self.stir_services_of(name);
        Applied::Changed(vec![of_node(name, now.wall, EventKind::NodeLost, message)])
    }

    /// Grants every node a whole lease anew: while the manager stood still, it could hear nobody.
    pub(super) fn awoke(&mut self, now: Now) -> Applied {
        self.nodes.change_all(|member| member.heard = now.moment);
        Applied::Ignored
    }

    pub(super) fn set_node(
        &mut self,
        name: &NodeName,
        patch: &NodePatch,
        now: Now,
    ) -> Result<Applied, Refusal> {
        let member = self.nodes.get(name).ok_or_else(|| Refusal::UnknownNode(name.clone()))?;
        let closes = patch.availability == Some(Availability::Drain) && self.is_last_open(name);
        if closes && patch.force == Force::No && member.usage.tasks > 0 {
            return Err(Refusal::LastNode { node: name.clone(), tasks: member.usage.tasks });
        }
        let Some(member) = self.nodes.get_mut(name) else { return Ok(Applied::Ignored) };
        let before = member.node.clone();
        let node = &mut member.node;
        node.availability = patch.availability.unwrap_or(node.availability);
        node.reserved = patch.reserved.over(node.reserved);
        for (key, value) in &patch.labels {
            match value {
                Some(value) => _ = node.labels.insert(key.clone(), value.clone()),
                None => _ = node.labels.remove(key),
            }
        }
        if *node == before {
            return Ok(Applied::Ignored);
        }
        let message = difference(&before, node);
        member.describe();
        self.stir_services_of(name);
        self.unstick(name);
        self.dirty.nodes.insert(name.clone());
        self.fresh.append(&mut self.parked);
        Ok(Applied::Changed(vec![of_node(name, now.wall, EventKind::NodeChanged, message)]))
    }

    /// Whether no other node takes tasks.
    fn is_last_open(&self, name: &NodeName) -> bool {
        let open = |member: &&Member| {
            member.node.availability == Availability::Active && member.node.state != NodeState::Unreachable
        };
        self.nodes.values().filter(open).all(|member| member.node.name == *name)
    }

    pub(super) fn remove_node(
        &mut self,
        name: &NodeName,
        force: Force,
        now: Now,
    ) -> Result<Applied, Refusal> {
        let member = self.nodes.get(name).ok_or_else(|| Refusal::UnknownNode(name.clone()))?;
        let tasks = member.usage.tasks;
        if force == Force::No && member.node.state != NodeState::Unreachable {
            return Err(Refusal::NodeLives(name.clone()));
        }
        if force == Force::No && tasks > 0 {
            return Err(Refusal::NodeHasTasks { node: name.clone(), tasks });
        }
        let how = format!("{name} was removed from the cluster");
        let leaving: Vec<TaskId> = member.leaving.iter().copied().collect();
        let assigned: Vec<TaskId> = member.assigned.values().copied().collect();
        let mut events = vec![of_node(name, now.wall, EventKind::NodeRemoved, how.clone())];
        for id in leaving {
            if let Applied::Changed(more) = self.released(id, &how, now) {
                events.extend(more);
            }
            self.forget_predecessor(id);
            self.dirty.tasks.insert(id);
        }
        for id in assigned {
            events.extend(self.orphan(id, &how, now));
        }
        self.nodes.remove(name);
        self.dirty.nodes.remove(name);
        self.dirty.removed.insert(name.clone());
        Ok(Applied::Changed(events))
    }

    /// Takes a task off a node that is no more.
    fn orphan(&mut self, id: TaskId, how: &str, now: Now) -> Option<Event> {
        self.end_predecessor(id);
        let task = self.tasks.get_mut(&id)?;
        let node = task.node.take();
        self.dirty.tasks.insert(id);
        if task.state.is_final() {
            return None;
        }
        task.updated_at = now.wall;
        // Not through the table of transitions: nobody is left who could speak for it.
        task.state = State::Pending;
        task.observed.container = None;
        how.clone_into(&mut task.message);
        self.fresh.insert((task.seq, id));
        Some(Event { node, ..about(task, now.wall, EventKind::Moved, how.to_owned()) })
    }
}

impl Member {
    /// Notes the lease that the next answer gives, and whether that is to be written down: before it is given, and with
    /// it what earlier lives of the manager gave, until the worker has taken in an answer of this one.
    fn takes_lease(&mut self, given: Duration) -> bool {
        let before = self.node.lease;
        self.node.lease = if self.taken_in.is_some() { given } else { before.max(given) };
        self.node.lease != before
    }

    /// Whether this life of the worker may speak: the one that spoke last, one that was started after it, or one that
    /// begins anew because its database was lost. Not while the one before it may live: whoever is its copy was started
    /// later, too.
    fn admit(&self, heard: &Heard, now: Moment) -> Result<(), Refusal> {
        let Some(present) = self.life.filter(|present| present.instance != heard.life.instance) else {
            return Ok(());
        };
        let lives = self.may_live(present, heard.hanging, now);
        let anew = heard.life.database != present.database;
        let later = anew || heard.life.starts > present.starts || self.node.state == NodeState::Unreachable;
        if lives || !later { Err(Refusal::NodeTwice(heard.node.clone())) } else { Ok(()) }
    }

    /// Whether the life of the worker that spoke last may be there still.
    fn may_live(&self, present: Life, hanging: Option<Hanging>, now: Moment) -> bool {
        match hanging.filter(|question| question.instance == present.instance) {
            Some(Hanging { broke_off: None, .. }) => true,
            Some(Hanging { broke_off: Some(at), .. }) => now.since(at) < COMES_BACK,
            None => now.since(self.heard) < ASKS_AGAIN,
        }
    }
}

/// What an operator changed, in words.
fn difference(before: &Node, after: &Node) -> String {
    let mut parts = Vec::new();
    if before.availability != after.availability {
        parts.push(format!("availability is {} now", after.availability.word()));
    }
    if before.labels != after.labels {
        let labels: Vec<String> = after.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        parts.push(format!("labels are [{}] now", labels.join(", ")));
    }
    if before.reserved != after.reserved {
        let Reserved { cpu, memory, disk } = after.reserved;
        parts.push(format!("{cpu} cores, {memory} bytes of memory and {disk} of disk are reserved now"));
    }
    parts.join("; ")
}

fn new_node(name: &NodeName, at: Timestamp) -> Node {
    Node {
        name: name.clone(),
        facts: crate::model::node::NodeFacts::default(),
        state: NodeState::Ready,
        availability: Availability::default(),
        labels: std::collections::BTreeMap::new(),
        reserved: Reserved::default(),
        message: String::new(),
        joined_at: at,
        seen_at: at,
        events_seen: 0,
        lease: Duration::ZERO,
    }
}

fn of_node(node: &NodeName, at: Timestamp, kind: EventKind, message: String) -> Event {
    Event { at, task: None, node: Some(node.clone()), attempt: 0, kind, exit_code: None, message }
}
