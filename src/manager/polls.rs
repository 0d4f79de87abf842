//! Workers that wait for news: one question of each hangs here at most.

use std::time::Duration;

use tokio::sync::oneshot;

use super::keeper::Keeper;
use super::message::{Answer, Refused};
use crate::model::id::{InstanceId, NodeName};
use crate::model::routes::Routes;
use crate::model::time::Moment;
use crate::plan::cluster::change::{Hanging, Refusal};
use crate::wire::sync::{Known, SyncAnswer, SyncRequest};

/// A worker that waits for news.
pub(super) struct Poll {
    /// Which life of it.
    instance: InstanceId,
    /// What it knows.
    known: Option<u64>,
    /// The routes that it knows; `None` = it wants to hear of none.
    routed: Option<u64>,
    /// Since when nobody waits for the answer, as far as that was noticed.
    broke_off: Option<Moment>,
    reply: oneshot::Sender<Answer>,
}

/// By then whoever waited asks again, or counts as gone.
const REMEMBERED: Duration = Duration::from_secs(5);

impl Poll {
    /// When it was noticed that nobody waits for the answer: now, when nobody had looked before.
    fn broken_at(&mut self, now: Moment) -> Option<Moment> {
        if self.reply.is_closed() {
            self.broke_off.get_or_insert(now);
        }
        self.broke_off
    }
}

impl Keeper {
    /// Answers a worker now, or once there is news: whoever brought something waits for its receipt only.
    pub(super) fn synced(&mut self, node: &NodeName, request: &SyncRequest, reply: oneshot::Sender<Answer>) {
        let ours = self.known_of_ours(request);
        let known = ours.map(|known| known.revision);
        let brought = !request.reports.is_empty() || !request.events.is_empty();
        let behind = ours.is_none_or(|known| known.epoch != self.cluster.epoch);
        // Whoever asks again after its connection broke is there.
        if self.polls.get(node).is_some_and(|poll| poll.reply.is_closed()) {
            self.polls.remove(node);
        }
        let routed = request.routed;
        let poll = Poll { instance: request.life.instance, known, routed, broke_off: None, reply };
        if let Some(why) = self.cluster.safe_mode() {
            // Nobody is told what this manager knows. Whoever knows more is answered that there is nothing new: at once
            // when it brought something, else when its patience is over.
            match ours {
                None => _ = poll.reply.send(Answer::Refused(Refused::Rule(Refusal::SafeMode(why)))),
                Some(known) if brought => {
                    let news = Box::new(self.nothing_new(node, known));
                    _ = poll.reply.send(Answer::News(news));
                }
                Some(_) => _ = self.polls.insert(node.clone(), poll),
            }
            return;
        }
        if brought || behind || request.wait_ms == 0 || self.routes_for(routed).is_some() {
            self.answer_poll(node, poll);
        } else if let Some(superseded) = self.polls.insert(node.clone(), poll) {
            self.answer_poll(node, superseded);
        }
    }

    /// Answers every worker for which there is news: only what has changed since the last call can be news.
    pub(super) fn answer_polls(&mut self) {
        if self.cluster.safe_mode().is_some() {
            return;
        }
        let mut nodes = self.cluster.take_stirred();
        nodes.extend(self.streams.keys().cloned());
        nodes.retain(|node| {
            let poll = self.polls.get(node);
            poll.filter(|poll| !poll.reply.is_closed()).is_some_and(|poll| {
                self.cluster.has_news(node, poll.known)
                    || self.streams.contains_key(node)
                    || self.routes_for(poll.routed).is_some()
            })
        });
        for node in nodes {
            if let Some(poll) = self.polls.remove(&node) {
                self.answer_poll(&node, poll);
            }
        }
    }

    /// Notes which workers wait no more, and forgets those that have not for long.
    pub(super) fn note_broken_polls(&mut self) {
        let now = self.clock.now().moment;
        self.polls.retain(|_, poll| poll.broken_at(now).is_none_or(|at| now.since(at) < REMEMBERED));
    }

    /// The answer that leaves a worker as it is.
    fn nothing_new(&self, node: &NodeName, known: Known) -> SyncAnswer {
        SyncAnswer {
            known,
            clock: Some(self.clock.now().wall),
            base: Some(known.revision),
            whole: false,
            assignments: Vec::new(),
            leave_alone: self.cluster.unreadable().collect(),
            lease_ms: self.lease_ms(),
            events_seen: self.cluster.node(node).map_or(0, |member| member.node.events_seen),
            streams: Vec::new(),
            routes: None,
        }
    }

    /// What a worker should hear of routes that knows these.
    fn routes_for(&self, known: Option<u64>) -> Option<&Routes> {
        let routes = self.cluster.routes();
        known.filter(|known| *known != routes.revision).map(|_| routes)
    }

    /// The question of a worker that hangs here.
    pub(super) fn hanging(&mut self, node: &NodeName, now: Moment) -> Option<Hanging> {
        let poll = self.polls.get_mut(node)?;
        Some(Hanging { instance: poll.instance, broke_off: poll.broken_at(now) })
    }

    fn answer_poll(&mut self, node: &NodeName, poll: Poll) {
        if poll.reply.is_closed() {
            return;
        }
        let delta = self.cluster.delta(node, poll.known);
        let answer = SyncAnswer {
            known: Known {
                cluster: self.cluster.id,
                epoch: self.cluster.epoch,
                revision: delta.revision,
                start: self.cluster.start(),
            },
            clock: Some(self.clock.now().wall),
            base: if delta.whole { None } else { poll.known },
            whole: delta.whole,
            assignments: delta.assignments,
            leave_alone: self.cluster.unreadable().collect(),
            lease_ms: self.lease_ms(),
            events_seen: self.cluster.node(node).map_or(0, |member| member.node.events_seen),
            streams: self.streams.remove(node).unwrap_or_default(),
            routes: self.routes_for(poll.routed).cloned(),
        };
        if let Err(Answer::News(lost)) = poll.reply.send(Answer::News(Box::new(answer))) {
            self.streams.entry(node.clone()).or_default().extend(lost.streams);
        }
    }
}
