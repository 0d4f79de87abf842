//! What each word does: applied to the cluster in memory, and put into the next write.

use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use crate::model::decision::Decision;
use crate::model::event::Event;
use crate::model::id::{NodeName, TaskId};
use crate::model::request::Request;
use crate::model::service::ServiceName;
use crate::model::skew;
use crate::model::task::Task;
use crate::model::time::Now;
use crate::plan::cluster::change::{Applied, Change, Heard, Refusal};
use crate::store::manager::StoredEvent;
use crate::wire::state::History;
use crate::wire::sync::{Known, SyncRequest};

impl Keeper {
    /// Takes one word in: applied, and recorded for the next write.
    pub(super) fn take(&mut self, message: &Message, now: Now) -> Answer {
        match message {
            Message::Submit { .. } if self.store.is_tight() => Answer::Refused(Refused::OutOfSpace(
                "the disk of the manager's database is full: nothing new is accepted until there is room; \
                     stopping tasks goes on"
                    .to_owned(),
            )),
            Message::Submit { submission, request } => {
                let name = submission.spec.name.clone();
                let applied = self.cluster.apply(&Change::Submit(submission.clone()), now);
                self.accept(applied, &Subject::named(name), Some(request))
            }
            Message::Stop { task, request } => {
                let key = request.as_ref().map(|request| (request.id, request.digest.clone()));
                let applied = self.cluster.apply(&Change::Stop { task: *task, request: key }, now);
                let subject = self.subject(Some(*task));
                self.accept(applied, &subject, request.as_ref())
            }
            Message::Sync { node, request, .. } => self.sync(node, request, now),
            Message::Stream { node, request } => {
                self.streams.entry(node.clone()).or_default().push(request.clone());
                Answer::Done
            }
            Message::Nodes => Answer::Nodes(self.nodes(now)),
            Message::Node { node } => self.node(node, now),
            Message::SetNode { node, patch } => self.set_node(node, patch, now),
            Message::ProposeRebalance => self.propose_rebalance(now),
            Message::Rebalance => self.rebalance(now),
            Message::RemoveNode { node, force } => self.remove_node(node, *force, now),
            Message::AcceptState => {
                let applied = self.cluster.apply(&Change::AcceptState, now);
                self.accept(applied, &Subject::default(), None)
            }
            Message::Service { change } => self.change_service(change, now),
            Message::Services => Answer::Services(self.services(now)),
            Message::ServiceOf { service } => self.service(service, now),
            Message::Endpoints { service } => self.endpoints(service),
            Message::Versions { service } => self.versions(service),
            Message::Run { word, request } => self.run_service(word, *request, now),
            Message::Runs { service } => self.runs(service),
            Message::PutFile { put, contents } => self.put_file(put, contents, now),
            Message::RemoveFile { key, by } => self.remove_file(key, by, now),
            Message::Files { kind } => self.files(*kind),
            Message::FileOf { key } => self.file(key),
            Message::MayHave { node, key, version } => self.may_have(node, key, *version),
            Message::PutImage { image } => self.put_image(image, now),
            Message::Images => self.images(),
            Message::MayFetch { node, image } => self.may_fetch(node, image),
            Message::State => Answer::State(History {
                cluster: self.cluster.id.to_string(),
                epoch: self.cluster.epoch,
                revision: self.cluster.revision(),
                safe_mode: self.cluster.safe_mode(),
            }),
            Message::Join { token, node, key } => self.join(token, node, *key, now.wall),
            Message::Grant { token, earlier } => self.grant(token, *earlier),
            Message::Revoke { id } => self.revoke(id, now.wall),
        }
    }

    pub(super) fn accept(
        &mut self,
        applied: Result<Applied, Refusal>,
        subject: &Subject,
        request: Option<&Request>,
    ) -> Answer {
        match applied {
            Ok(Applied::Repeated) => Answer::Repeated,
            Ok(applied) => {
                self.draft.requests.extend(request.cloned());
                if let Applied::Changed(events) = applied {
                    self.record(events, subject);
                }
                Answer::Done
            }
            Err(refusal) => Answer::Refused(Refused::Rule(refusal)),
        }
    }

    /// Puts lines of history of this manager's own into the next write.
    fn record(&mut self, events: Vec<Event>, subject: &Subject) {
        for event in events {
            let seq = self.next_event;
            self.next_event += 1;
            self.draft.events.push(StoredEvent {
                seq,
                source: "manager".to_owned(),
                source_seq: seq,
                task_name: subject.task.clone(),
                service: subject.service.clone(),
                event,
            });
        }
    }

    /// What lines of history are about that are about a task.
    fn subject(&self, task: Option<TaskId>) -> Subject {
        let task = task.and_then(|task| self.cluster.task(task));
        let service = |task: &Task| task.membership.as_ref().map(|its| its.service.clone());
        task.map_or_else(Subject::default, |task| Subject {
            task: task.spec.name.clone(),
            service: service(task),
        })
    }

    fn sync(&mut self, node: &NodeName, request: &SyncRequest, now: Now) -> Answer {
        let ours = self.known_of_ours(request);
        let heard = Change::Heard(Box::new(Heard {
            node: node.clone(),
            life: request.life,
            hanging: self.hanging(node, now.moment),
            facts: request.facts.clone(),
            load: request.load,
            engine_trouble: request.engine_trouble.clone(),
            known: ours.map(|known| (known.epoch, known.revision)),
            start: ours.and_then(|known| known.start),
            leftovers: request.leftovers.clone(),
            lease: self.patience.lease,
            routed: request.routed,
            open: request.open.clone(),
        }));
        if let Err(refusal) = self.decide(&heard, now) {
            return Answer::Refused(Refused::Rule(refusal));
        }
        match request.clock.and_then(|clock| skew::apart(clock, now.wall)) {
            Some(skew) => _ = self.skews.insert(node.clone(), skew),
            None => _ = self.skews.remove(node),
        }
        if let Some(stats) = &request.stats {
            self.stats.insert(node.clone(), stats.clone());
        }
        let seen = self.cluster.node(node).map_or(0, |member| member.node.events_seen);
        let mut upto = seen;
        for numbered in request.events.iter().filter(|numbered| numbered.seq > seen) {
            upto = upto.max(numbered.seq);
            if !self.may_tell_of(node, numbered.event.task) {
                tracing::warn!(node.id = %node, "a line of history is of a task that was never there, and is not kept");
                continue;
            }
            let seq = self.next_event;
            self.next_event += 1;
            // Only a task of this cluster can be named; a forgotten one leaves its name behind.
            let event = Event { node: Some(node.clone()), ..numbered.event.clone() };
            let Subject { task: task_name, service } = self.subject(event.task);
            self.draft.events.push(StoredEvent {
                seq,
                source: node.to_string(),
                source_seq: numbered.seq,
                task_name,
                service,
                event,
            });
        }
        for report in &request.reports {
            self.carry_out(&Change::Report { node: node.clone(), report: report.clone() }, now);
        }
        self.carry_out(&Change::EventsSeen { node: node.clone(), upto }, now);
        Answer::Synced
    }

    /// What a worker knows of this cluster. A history that is further ahead than any manager of this cluster can have been
    /// is nobody's: believed, it would let no number follow it. One that is a little ahead has to be believed, by
    /// whomever it is told: then an operator is asked (`orc state accept`).
    pub(super) fn known_of_ours(&self, request: &SyncRequest) -> Option<Known> {
        const AHEAD: u64 = 1 << 40;
        request.known.filter(|known| {
            known.cluster == self.cluster.id
                && known.epoch <= self.cluster.epoch.saturating_add(AHEAD)
                && known.revision <= self.cluster.revision().saturating_add(AHEAD)
        })
    }

    /// Whether a worker's line of history about a task may be kept: not when the task has only ever been elsewhere. Of one
    /// that has moved, and of one that is forgotten, it is not remembered where it was.
    fn may_tell_of(&self, node: &NodeName, task: Option<TaskId>) -> bool {
        task.and_then(|task| self.cluster.task(task)).is_none_or(|task| {
            let was_there = task.predecessor.as_ref().is_some_and(|former| former.node == *node);
            task.node.as_ref() == Some(node) || was_there || task.placement > 1
        })
    }

    /// Applies a change that no user waits for and that is refused only where something is wrong with orc; whether
    /// anything changed.
    pub(super) fn carry_out(&mut self, change: &Change, now: Now) -> bool {
        self.decide(change, now).unwrap_or_else(|refusal| {
            tracing::warn!("a decision could not be made: {refusal}");
            false
        })
    }

    /// Applies a change, and puts its lines of history into the next write.
    pub(super) fn decide(&mut self, change: &Change, now: Now) -> Result<bool, Refusal> {
        let task = match change {
            Change::Place { task, .. }
            | Change::Unplaceable { task, .. }
            | Change::Cancel { task }
            | Change::Move { task, .. }
            | Change::GiveWay { task, .. }
            | Change::Recall { task, .. }
            | Change::Released { task, .. }
            | Change::TakeBack { task, .. }
            | Change::Immovable { task, .. }
            | Change::Forget { task } => Some(*task),
            _ => None,
        };
        let subject = self.subject(task);
        if let Applied::Changed(events) = self.cluster.apply(change, now)? {
            for event in events {
                let subject = match change {
                    // Which tasks it is about may be known only now.
                    Change::Service(change) => {
                        Subject { service: Some(change.service().clone()), ..self.subject(event.task) }
                    }
                    _ => subject.clone(),
                };
                log(&event, &subject.task);
                self.record(vec![event], &subject);
            }
            self.draft.decisions.extend(self.decision(change, now));
            return Ok(true);
        }
        Ok(false)
    }

    /// What `why` tells of a change that was made, if it was a decision about a task's node.
    fn decision(&self, change: &Change, now: Now) -> Option<Decision> {
        let (task, node, why) = match change {
            Change::Place { task, node, why } => (task, Some(node.clone()), why),
            Change::Move { task, to, chosen, .. } => (task, Some(to.clone()), chosen),
            Change::Unplaceable { task, why } => (task, None, why),
            _ => return None,
        };
        let placement = self.cluster.task(*task)?.placement;
        Some(Decision { task: *task, placement, at: now.wall, node, reasoning: why.clone() })
    }
}

/// What lines of history are about, by the names that outlive it.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    /// Empty = no task.
    task: String,
    service: Option<ServiceName>,
}

impl Subject {
    fn named(task: String) -> Self {
        Self { task, service: None }
    }
}

/// Says what was decided. What becomes of each task its worker says too, and the store keeps all of it.
fn log(event: &Event, task_name: &str) {
    let (kind, message) = (event.kind.word(), &event.message);
    let node = event.node.as_ref().map(tracing::field::display);
    if let Some(id) = event.task {
        tracing::debug!(task.id = %id, task.name = task_name, node.name = node, event.kind = kind, "{message}");
    } else {
        tracing::info!(node.name = node, event.kind = kind, "{message}");
    }
}
