//! Workers that wait for news: one question of each hangs here at most.

use tokio::sync::oneshot;

use super::keeper::Keeper;
use super::message::{Answer, Refused};
use crate::model::id::{InstanceId, NodeName};
use crate::plan::cluster::change::Refusal;
use crate::wire::sync::{Known, SyncAnswer, SyncRequest};

/// A worker that waits for news.
pub(super) struct Poll {
    /// Which life of it.
    instance: InstanceId,
    /// What it knows.
    known: Option<u64>,
    reply: oneshot::Sender<Answer>,
}

impl Keeper {
    /// Answers a worker now, or once there is news: whoever brought something waits for its receipt only.
    pub(super) fn synced(&mut self, node: &NodeName, request: &SyncRequest, reply: oneshot::Sender<Answer>) {
        let ours = self.known_of_ours(request);
        let known = ours.map(|known| known.revision);
        let brought = !request.reports.is_empty() || !request.events.is_empty();
        let behind = ours.is_none_or(|known| known.epoch != self.cluster.epoch);
        let poll = Poll { instance: request.life.instance, known, reply };
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
        if brought || behind || request.wait_ms == 0 {
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
            poll.is_some_and(|poll| {
                self.cluster.has_news(node, poll.known) || self.streams.contains_key(node)
            })
        });
        for node in nodes {
            if let Some(poll) = self.polls.remove(&node) {
                self.answer_poll(&node, poll);
            }
        }
    }

    /// Forgets the questions of workers that wait no more.
    pub(super) fn forget_polls(&mut self) {
        self.polls.retain(|_, poll| !poll.reply.is_closed());
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
        }
    }

    /// The life of a worker of which a question hangs here, and is still waited for.
    pub(super) fn listening(&self, node: &NodeName) -> Option<InstanceId> {
        self.polls.get(node).filter(|poll| !poll.reply.is_closed()).map(|poll| poll.instance)
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
        };
        if let Err(Answer::News(lost)) = poll.reply.send(Answer::News(Box::new(answer))) {
            self.streams.entry(node.clone()).or_default().extend(lost.streams);
        }
    }
}
