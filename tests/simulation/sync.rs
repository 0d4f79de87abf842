//! The one conversation between workers and the manager, simulated with both its ends: at most two questions of a worker
//! hang at a time, each may get lost on either way, arrive twice, or late.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use orc::model::id::{ClusterId, InstanceId, NodeName, TaskId};
use orc::model::node::{Life, NodeFacts, NodeLoad};
use orc::model::record::Record;
use orc::model::routes::Routes;
use orc::model::state::Ready;
use orc::model::task::{Assignment, Report};
use orc::model::time::{Moment, Timestamp};
use orc::plan::cluster::change::{Change, Heard};
use orc::plan::host::tell::Told;
use uuid::Uuid;

use crate::faults::Planted;
use crate::manager::{Poll, Written};
use crate::schedule::Way;
use crate::world::{Checked, Event, World};

/// Twice the real one: a lease is thrice as long, and histories are played in half the time.
const WAIT: u64 = 2_000;
const PATIENCE: u64 = 10_000;
/// A question that has hung for so long may be lost: another is sent.
const OVERDUE: u64 = WAIT + 1_500;
const HANGING: usize = 4;

/// What a worker says.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) id: u64,
    life: Life,
    /// Cluster, epoch and revision.
    known: Option<(ClusterId, u64, u64)>,
    /// Which start of the manager that epoch was.
    start: Option<InstanceId>,
    engine_trouble: Option<String>,
    leftovers: Option<Vec<TaskId>>,
    reports: Vec<Report>,
    events: u64,
    /// The named volumes of its engine, where the manager does not know them.
    volumes: Option<BTreeSet<String>>,
    /// The routes that it knows.
    routed: u64,
    /// Tasks to which connections are open, beside those that are routed to.
    open: Vec<TaskId>,
}

/// What a manager answers.
#[derive(Debug)]
pub(crate) struct News {
    cluster: ClusterId,
    epoch: u64,
    start: Option<InstanceId>,
    base: Option<u64>,
    revision: u64,
    whole: bool,
    assignments: Vec<Assignment>,
    lease: Duration,
    routes: Option<Routes>,
}

/// What a worker remembers of a question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    reports: Vec<(TaskId, u32, u64)>,
    base: Option<u64>,
    at: Moment,
    volumes: Option<BTreeSet<String>>,
}

impl World {
    /// Asks when it is time to.
    pub(crate) fn ask(&mut self, node: usize) {
        let id = self.fresh();
        let open = self.workers[node].ports.still_open(self.now);
        self.look_at_volumes(node);
        let worker = &self.workers[node];
        let Some(host) = &worker.host else { return };
        let hanging = worker.questions.len();
        let overdue = worker.overdue && hanging < HANGING;
        if worker.silent_until > self.now || !(hanging == 0 || overdue || (hanging < 2 && worker.news)) {
            return;
        }
        let known =
            host.cluster.zip(host.revision).map(|(cluster, revision)| (cluster, host.epoch, revision));
        // Only what is durable: after a crash, anything else would not have happened.
        let written = worker.untold.keys().filter_map(|task| worker.disk.records.get(task));
        let in_memory = worker.untold.keys().filter_map(|task| host.slot(*task)).map(|slot| &slot.record);
        let hasty = self.planted == Some(Planted::TellsBeforeWriting);
        let now = worker.clocks.at(self.now).moment;
        let report = |record: &Record| {
            // Since when it is ready, only the process knows.
            let said = host.slot(record.assignment.id).map(|slot| slot.report(now));
            let ready_for_ms =
                said.and_then(|said| said.ready_for_ms).filter(|_| record.observed.ready == Some(Ready::Yes));
            Report {
                task: record.assignment.id,
                placement: record.assignment.placement,
                state: record.state,
                observed: record.observed.clone(),
                ready_for_ms,
                message: record.message.clone(),
            }
        };
        let reports = if hasty { in_memory.map(report).collect() } else { written.map(report).collect() };
        let question = Question {
            id,
            life: Life {
                instance: InstanceId::from_uuid(Uuid::from_u128(u128::from(worker.life) << 8 | node as u128)),
                database: Timestamp::from_millis(i64::try_from(worker.counts_since).expect("few lives")),
                starts: worker.disk.starts,
            },
            known,
            start: host.manager_start,
            engine_trouble: host.engine_trouble().map(ToOwned::to_owned),
            leftovers: host.leftovers(),
            reports,
            events: worker.disk.events,
            volumes: worker.volumes.news(),
            routed: worker.ports.routed(),
            open,
        };
        let asked = Asked {
            reports: question
                .reports
                .iter()
                .map(|report| (report.task, report.placement, report.observed.seq))
                .collect(),
            base: known.map(|(_, _, revision)| revision),
            volumes: question.volumes.clone(),
            at: worker.clocks.at(self.now).moment,
        };
        let worker = &mut self.workers[node];
        worker.news = false;
        worker.overdue = false;
        worker.questions.insert(id, asked);
        let life = worker.life;
        self.after(OVERDUE, Event::Overdue { node, life, id });
        self.send(node, life, Arc::new(question));
        self.after(WAIT + PATIENCE, Event::Answered { node, life, id, news: None });
    }

    fn send(&mut self, node: usize, life: u64, question: Arc<Question>) {
        if self.random.chance(self.duplicates()) {
            let late = self.transit(node) + self.random.between(0, 4_000);
            self.coverage.count("message", "twice");
            self.after(late, Event::Asked { node, life, question: question.clone() });
        }
        if self.loses(node, Way::Requests) {
            self.coverage.count("message", "request lost");
            return;
        }
        let transit = self.transit(node);
        self.after(transit, Event::Asked { node, life, question });
    }

    fn duplicates(&self) -> u64 {
        if self.quiet { 0 } else { self.profile.duplicates }
    }

    /// How long a message takes.
    fn transit(&mut self, node: usize) -> u64 {
        let slowest = if self.workers[node].slow { 6_000 } else { self.profile.delay };
        self.random.between(1, slowest)
    }

    /// Whether a message gets lost.
    fn loses(&mut self, node: usize, way: Way) -> bool {
        let cut = self.workers[node].cut.is_some_and(|cut| cut == Way::Both || cut == way);
        cut || (!self.quiet && self.random.chance(self.profile.message_loss))
    }

    /// A question reaches the manager: it is taken in, and answered now or when there is news.
    pub(crate) fn asked(&mut self, node: usize, life: u64, question: &Question) -> Checked {
        let name = self.workers[node].name.clone();
        if life < self.workers[node].counts_since {
            // Beyond what is promised: a worker that lost its database counts its reports anew, and what it had said
            // before that arrives afterwards would count for more.
            return Ok(());
        }
        if self.manager.cluster.is_none() {
            if self.workers[node].life == life {
                self.fail_question(&name, question.id);
            }
            return Ok(());
        }
        self.manager.heard.insert(name.clone(), self.now);
        if !self.take_in(&name, question) {
            self.refuse(node, life, question.id);
            return Ok(());
        }
        match self.commit(Vec::new())? {
            Written::Yes => {}
            Written::No | Written::Died => {
                self.fail_question(&name, question.id);
                return Ok(());
            }
        }
        self.plan_soon();
        let Some(cluster) = &self.manager.cluster else { return Ok(()) };
        let ours = question.known.filter(|(of, _, _)| *of == cluster.id);
        let known = ours.map(|(_, _, revision)| revision);
        let behind = ours.is_none_or(|(_, epoch, _)| epoch != cluster.epoch);
        let poll = Poll { id: question.id, known, routed: question.routed };
        if behind || !question.reports.is_empty() || self.routes_for(poll.routed).is_some() {
            self.answer(&name, poll);
        } else {
            if let Some(superseded) = self.manager.polls.insert(name.clone(), poll) {
                self.answer(&name, superseded);
            }
            self.after(WAIT, Event::PollExpires { node, id: question.id });
        }
        self.answer_polls();
        Ok(())
    }

    /// Takes a worker's word in, unless another life of it has followed.
    fn take_in(&mut self, name: &NodeName, question: &Question) -> bool {
        let Some(cluster) = &self.manager.cluster else { return false };
        let id = cluster.id;
        let ours = question.known.filter(|(of, _, _)| *of == id);
        let heard = Change::Heard(Box::new(Heard {
            node: name.clone(),
            life: question.life,
            hanging: None,
            facts: NodeFacts { volumes: question.volumes.clone(), ..facts(name) },
            load: NodeLoad::default(),
            engine_trouble: question.engine_trouble.clone(),
            known: ours.map(|(_, epoch, revision)| (epoch, revision)),
            start: question.start,
            routed: Some(question.routed),
            open: question.open.clone(),
            leftovers: question.leftovers.clone(),
            lease: self.manager.patience.lease,
        }));
        if self.apply_own(&heard).is_none() {
            return false;
        }
        for report in &question.reports {
            self.say(|| {
                let (state, seq) = (report.state, report.observed.seq);
                format!("manager hears {name}: {} {state} #{seq} {:?}", report.task, report.message)
            });
            self.apply_own(&Change::Report { node: name.clone(), report: report.clone() });
        }
        self.apply_own(&Change::EventsSeen { node: name.clone(), upto: question.events });
        true
    }

    pub(crate) fn poll_expires(&mut self, node: usize, id: u64) {
        let name = self.workers[node].name.clone();
        if let Some(poll) = self.manager.polls.get(&name).copied().filter(|poll| poll.id == id) {
            self.manager.polls.remove(&name);
            self.answer(&name, poll);
        }
    }

    /// What a worker should hear of routes that knows these.
    fn routes_for(&self, known: u64) -> Option<&Routes> {
        let cluster = self.manager.cluster.as_ref().filter(|_| self.manager.has_decided)?;
        Some(cluster.routes()).filter(|routes| routes.revision != known)
    }

    /// Answers those for whom there is news.
    pub(crate) fn answer_polls(&mut self) {
        let Some(cluster) = &self.manager.cluster else { return };
        let has_news = |(name, poll): &(&NodeName, &Poll)| {
            cluster.has_news(name, poll.known) || self.routes_for(poll.routed).is_some()
        };
        let polls = self.manager.polls.iter().filter(has_news);
        let polls: Vec<(NodeName, Poll)> = polls.map(|(name, poll)| (name.clone(), *poll)).collect();
        for (name, poll) in polls {
            self.manager.polls.remove(&name);
            self.answer(&name, poll);
        }
    }

    fn answer(&mut self, name: &NodeName, poll: Poll) {
        let Some(cluster) = &self.manager.cluster else { return };
        let Poll { id, known, routed } = poll;
        let delta = cluster.delta(name, known);
        let news = News {
            cluster: cluster.id,
            epoch: cluster.epoch,
            start: cluster.start(),
            base: if delta.whole { None } else { known },
            revision: delta.revision,
            whole: delta.whole,
            assignments: delta.assignments,
            lease: self.manager.patience.lease,
            routes: self.routes_for(routed).cloned(),
        };
        let Some(node) = self.workers.iter().position(|worker| worker.name == *name) else { return };
        self.coverage.count("answer", if news.whole { "whole" } else { "delta" });
        if self.loses(node, Way::Answers) {
            self.coverage.count("message", "answer lost");
            return;
        }
        let (transit, life) = (self.transit(node), self.workers[node].life);
        self.after(transit, Event::Answered { node, life, id, news: Some(Arc::new(news)) });
    }

    /// The connection breaks: whoever asked knows at once.
    pub(crate) fn fail_question(&mut self, name: &NodeName, id: u64) {
        let Some(node) = self.workers.iter().position(|worker| worker.name == *name) else { return };
        if !self.workers[node].questions.contains_key(&id) {
            return;
        }
        let (transit, life) = (self.transit(node), self.workers[node].life);
        self.after(transit, Event::Answered { node, life, id, news: None });
    }

    /// The manager says that another worker speaks for that node.
    fn refuse(&mut self, node: usize, life: u64, id: u64) {
        if self.loses(node, Way::Answers) {
            self.coverage.count("message", "refusal lost");
            return;
        }
        let transit = self.transit(node);
        self.after(transit, Event::Refused { node, life, id });
    }

    /// And that reaches it.
    pub(crate) fn refused(&mut self, node: usize, life: u64, id: u64) -> Checked {
        let now = self.workers[node].clocks.at(self.now).moment;
        if let Some(host) = self.workers[node].host_of(life) {
            host.another_speaks(now);
            self.coverage.count("told", "refused");
            self.decide(node)?;
        }
        self.answered(node, life, id, None)
    }

    /// What came of a question reaches its worker.
    pub(crate) fn answered(&mut self, node: usize, life: u64, id: u64, news: Option<&News>) -> Checked {
        if self.workers[node].life != life {
            return Ok(());
        }
        let Some(asked) = self.workers[node].questions.remove(&id) else { return Ok(()) };
        if let Some(news) = news {
            self.workers[node].unanswered = 0;
            self.hear(node, &asked, news)?;
        } else {
            let worker = &mut self.workers[node];
            worker.unanswered += 1;
            let pause = (100 << worker.unanswered.min(10)).min(2_000);
            worker.silent_until = self.now + pause;
            self.after(pause, Event::AskAgain { node, life });
        }
        self.ask(node);
        Ok(())
    }

    /// A question has hung for longer than it should.
    pub(crate) fn overdue(&mut self, node: usize, life: u64, id: u64) {
        let worker = &mut self.workers[node];
        if worker.life == life && worker.questions.contains_key(&id) {
            worker.overdue = true;
            self.ask(node);
        }
    }

    pub(crate) fn ask_again(&mut self, node: usize, life: u64) {
        if self.workers[node].life == life {
            self.ask(node);
        }
    }

    fn hear(&mut self, node: usize, asked: &Asked, news: &News) -> Checked {
        if let Some(routes) = &news.routes {
            self.take_routes(node, routes.clone());
        }
        let told = Told {
            cluster: news.cluster,
            epoch: news.epoch,
            start: news.start,
            base: news.base.and(asked.base),
            revision: news.revision,
            whole: news.whole,
            assignments: news.assignments.clone(),
            leave_alone: Vec::new(),
            lease_until: asked.at + news.lease,
        };
        if news.whole || !news.assignments.is_empty() {
            self.say(|| {
                let wanted = news.assignments.iter().map(|one| (one.id.to_string(), one.desired));
                let wanted: Vec<_> =
                    wanted.map(|(id, desired)| format!("{} {desired:?}", &id[30..])).collect();
                let kind = if news.whole { "all" } else { "more" };
                format!("worker-{} is told {kind}: {}", node + 1, wanted.join(", "))
            });
        }
        let worker = &mut self.workers[node];
        worker.volumes.answered(news.epoch, asked.volumes.clone());
        let Some(host) = &mut worker.host else { return Ok(()) };
        if host.tell(told).is_err() {
            self.coverage.count("told", "distrusted");
            return Ok(());
        }
        for (task, placement, seq) in &asked.reports {
            let same = host.slot(*task).is_none_or(|slot| slot.record.assignment.placement == *placement);
            if same && worker.untold.get(task).is_some_and(|untold| untold <= seq) {
                worker.untold.remove(task);
            }
        }
        self.decide(node)
    }
}

/// Every machine: 4 cores, 8 GiB, and an address.
fn facts(name: &NodeName) -> NodeFacts {
    let ip = format!("10.0.0.{}", name.as_str().trim_start_matches("worker-"));
    NodeFacts { ip, cores: 4, memory: 8 << 30, disk: 100 << 30, ..NodeFacts::default() }
}
