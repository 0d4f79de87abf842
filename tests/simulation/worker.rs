//! A worker's shell, simulated: it decides, writes down, and only then calls its engine, as the real one does. Its store
//! keeps exactly what [`Host::take_dirty`] says.

use std::collections::BTreeMap;

use orc::model::id::{ClusterId, InstanceId, NodeName, TaskId};
use orc::model::record::Record;
use orc::plan::host::action::Action;
use orc::plan::host::call::Call;
use orc::plan::host::hint::{Hint, HintKind};
use orc::plan::host::reconcile::{next_look, reconcile};
use orc::plan::host::{Dirty, Host};

use crate::faults::Planted;
use crate::random::Random;
use crate::schedule::{Op, Point, Profile, Way};
use crate::services::Ports;
use crate::sync::Asked;
use crate::volumes::Seen;
use crate::world::{Checked, Clocks, Event, World, broken};

/// Decisions that lead to decisions come to rest before.
const ROUNDS: usize = 16;
const RETRY_WRITE: u64 = 1_000;

/// A worker's machine, process and database.
#[expect(clippy::struct_excessive_bools, reason = "each is a fault that comes and goes by itself")]
pub(crate) struct Worker {
    pub(crate) name: NodeName,
    /// Which engine it has.
    pub(crate) engine: usize,
    pub(crate) clocks: Clocks,
    /// Counts its processes.
    pub(crate) life: u64,
    /// `None` while it is down.
    pub(crate) host: Option<Host>,
    pub(crate) disk: Disk,
    /// The first of its processes since it lost its database.
    pub(crate) counts_since: u64,
    /// Gone for good.
    pub(crate) dead: bool,
    pub(crate) full: bool,
    pub(crate) crash: Option<(Point, u64)>,
    pub(crate) cut: Option<Way>,
    pub(crate) slow: bool,
    /// Its machine was down: what ran there before did not end by itself.
    pub(crate) rebooted: bool,
    /// Changes that the manager has not taken in.
    pub(crate) untold: BTreeMap<TaskId, u64>,
    pub(crate) questions: BTreeMap<u64, Asked>,
    /// What its process knows of the ports of services.
    pub(crate) ports: Ports,
    /// What it knows of its engine's named volumes.
    pub(crate) volumes: Seen,
    pub(crate) news: bool,
    /// A question of it hangs for longer than it should.
    pub(crate) overdue: bool,
    pub(crate) unanswered: u32,
    pub(crate) silent_until: u64,
    /// When it had a reason to think that its engine was gone.
    pub(crate) gone_at: Vec<u64>,
    dirty: Dirty,
    /// What is called once it is written why, and since when.
    held: Vec<(u64, Call)>,
    /// When it is to look again, and which of its processes.
    wake: (u64, u64),
}

/// What is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    /// Cluster, epoch and revision.
    pub(crate) knowledge: Option<(ClusterId, u64, u64)>,
    /// Which start of the manager that epoch was.
    pub(crate) manager_start: Option<InstanceId>,
    pub(crate) records: BTreeMap<TaskId, Record>,
    /// How often it was started.
    pub(crate) starts: u64,
    /// How many lines of history it has written.
    pub(crate) events: u64,
}

impl Worker {
    pub(crate) fn new(at: usize, profile: &Profile, random: &mut Random) -> Self {
        Self {
            name: format!("worker-{}", at + 1).parse().expect("a node's name"),
            engine: if profile.shared_engine { at.saturating_sub(1) } else { at },
            clocks: Clocks::new(profile, random),
            life: 0,
            host: None,
            disk: Disk::default(),
            counts_since: 0,
            dead: false,
            full: false,
            crash: None,
            cut: None,
            slow: false,
            rebooted: false,
            untold: BTreeMap::new(),
            questions: BTreeMap::new(),
            ports: Ports::default(),
            volumes: Seen::default(),
            news: false,
            overdue: false,
            unanswered: 0,
            silent_until: 0,
            gone_at: Vec::new(),
            dirty: Dirty::default(),
            held: Vec::new(),
            wake: (0, 0),
        }
    }
}

impl World {
    pub(crate) fn boot_worker(&mut self, node: usize) -> Checked {
        let now = self.now;
        let worker = &mut self.workers[node];
        if worker.host.is_some() || worker.dead {
            return Ok(());
        }
        worker.life += 1;
        worker.disk.starts += 1;
        let records: Vec<Record> = worker.disk.records.values().cloned().collect();
        worker.untold = records.iter().map(|record| (record.assignment.id, record.observed.seq)).collect();
        if self.planted == Some(Planted::ForgetsUntold) {
            worker.untold.clear();
        }
        let clock = worker.clocks.at(now);
        let mut host = Host::restore(worker.name.clone(), worker.disk.knowledge, records, clock);
        host.manager_start = worker.disk.manager_start;
        if std::mem::take(&mut worker.rebooted) {
            host.machine_was_restarted();
            worker.gone_at.push(now);
        }
        worker.host = Some(host);
        worker.dirty = Dirty { knowledge: true, ..Dirty::default() };
        worker.held = Vec::new();
        worker.questions = BTreeMap::new();
        worker.ports = Ports::default();
        worker.volumes = Seen::default();
        worker.news = false;
        worker.unanswered = 0;
        worker.silent_until = 0;
        worker.crash = None;
        let (life, engine) = (worker.life, worker.engine);
        self.say(|| format!("worker-{} begins", node + 1));
        if !self.engines[engine].up {
            self.after(1, Event::EventsBreak { node, life });
        }
        self.decide(node)
    }

    /// The process is gone: what it had not written, and what it waited for.
    pub(crate) fn kill_worker(&mut self, node: usize) {
        self.say(|| format!("worker-{} dies", node + 1));
        let worker = &mut self.workers[node];
        worker.life += 1;
        worker.host = None;
        worker.crash = None;
    }

    pub(crate) fn worker_wakes(&mut self, node: usize, life: u64, at: u64) -> Checked {
        if self.workers[node].wake != (life, at) {
            return Ok(());
        }
        self.workers[node].wake = (0, 0);
        self.decide(node)
    }

    pub(crate) fn hint_arrives(&mut self, node: usize, life: u64, hint: Hint) -> Checked {
        let now = self.workers[node].clocks.at(self.now).moment;
        let Some(host) = self.workers[node].host_of(life) else { return Ok(()) };
        let kind = match hint.kind {
            HintKind::AskedToEnd => "asked to end",
            HintKind::Killed => "killed",
            HintKind::Died(_) => "died",
            HintKind::Destroyed => "destroyed",
            HintKind::Changed => "changed",
        };
        host.hint(hint, now);
        self.coverage.count("hint", kind);
        self.decide(node)
    }

    pub(crate) fn events_break(&mut self, node: usize, life: u64) -> Checked {
        let Some(host) = self.workers[node].host_of(life) else { return Ok(()) };
        host.engine_may_be_gone();
        self.workers[node].gone_at.push(self.now);
        self.decide(node)
    }

    /// Decides until nothing is left to decide, writes that down, and only then calls the engine.
    pub(crate) fn decide(&mut self, node: usize) -> Checked {
        let now = self.workers[node].clocks.at(self.now);
        let mut rounds = 0;
        loop {
            let Some(host) = &self.workers[node].host else { return Ok(()) };
            let actions = reconcile(host, now.moment);
            if actions.is_empty() {
                break;
            }
            rounds += 1;
            if rounds > ROUNDS {
                return broken("rest", format!("worker-{} goes on deciding: {actions:?}", node + 1));
            }
            for action in actions {
                self.coverage.count("action", word(&action));
                self.say(|| format!("worker-{} decides {}", node + 1, brief(&action)));
                let Some(host) = &mut self.workers[node].host else { return Ok(()) };
                host.apply(&action, now);
                if let Action::Call(call) = action {
                    self.workers[node].held.push((self.now, call));
                }
            }
        }
        self.collect(node);
        if self.write(node)? {
            self.make_calls(node)?;
            self.ask(node);
        }
        self.arrange_worker(node)
    }

    fn collect(&mut self, node: usize) {
        let worker = &mut self.workers[node];
        let Some(host) = &mut worker.host else { return };
        let dirty = host.take_dirty();
        for task in &dirty.dropped {
            worker.dirty.records.remove(task);
            worker.untold.remove(task);
        }
        for task in &dirty.records {
            worker.dirty.dropped.remove(task);
        }
        worker.dirty.records.extend(dirty.records);
        worker.dirty.dropped.extend(dirty.dropped);
        worker.dirty.knowledge |= dirty.knowledge;
        worker.dirty.events.extend(dirty.events);
    }

    /// Writes what is to be written; whether it is, by a process that still lives.
    fn write(&mut self, node: usize) -> Checked<bool> {
        if self.workers[node].dirty.is_empty() {
            return Ok(true);
        }
        if self.planted == Some(Planted::CallsBeforeWrite) {
            self.make_calls(node)?;
        }
        if let Some((Point::BeforeWrite, for_ms)) = self.workers[node].crash {
            if self.planted == Some(Planted::RevisionBeforeRecords) {
                let worker = &mut self.workers[node];
                let told =
                    worker.host.as_ref().and_then(|host| Some((host.cluster?, host.epoch, host.revision?)));
                worker.disk.knowledge = told;
            }
            self.worker_crashes(node, for_ms);
            return Ok(false);
        }
        if self.workers[node].full {
            self.coverage.count("store", "worker full");
            return Ok(false);
        }
        let worker = &mut self.workers[node];
        let Some(host) = &worker.host else { return Ok(false) };
        let dirty = std::mem::take(&mut worker.dirty);
        let mut disk = worker.disk.clone();
        if dirty.knowledge {
            disk.knowledge = host.cluster.map(|cluster| (cluster, host.epoch, host.revision.unwrap_or(0)));
            disk.manager_start = host.manager_start;
        }
        for slot in dirty.records.iter().filter_map(|task| host.slot(*task)) {
            worker.untold.insert(slot.id(), slot.record.observed.seq);
            disk.records.insert(slot.id(), slot.record.clone());
        }
        disk.records.retain(|task, _| !dirty.dropped.contains(task));
        disk.events += dirty.events.len() as u64;
        worker.news |= !dirty.records.is_empty() || !dirty.events.is_empty();
        self.check_records(node, &disk)?;
        self.workers[node].disk = disk;
        if let Some((Point::AfterWrite, for_ms)) = self.workers[node].crash {
            self.worker_crashes(node, for_ms);
            return Ok(false);
        }
        Ok(true)
    }

    fn worker_crashes(&mut self, node: usize, for_ms: u64) {
        self.coverage.count("crash", "worker");
        self.kill_worker(node);
        self.after(for_ms, Event::Over(Op::WorkerDown { node, for_ms }));
    }

    fn make_calls(&mut self, node: usize) -> Checked {
        for (decided_at, call) in std::mem::take(&mut self.workers[node].held) {
            // What could not be written for a while is called late, though more may be known by then.
            if decided_at == self.now {
                self.check_call(node, &call)?;
            }
            self.make_call(node, call);
        }
        Ok(())
    }

    /// Sees to it that the worker looks again when it wants to.
    fn arrange_worker(&mut self, node: usize) -> Checked {
        let worker = &mut self.workers[node];
        let Some(host) = &worker.host else { return Ok(()) };
        let at = if worker.held.is_empty() && worker.dirty.is_empty() {
            let now = worker.clocks.at(self.now).moment;
            let next = next_look(host, now);
            if next <= now {
                return broken("rest", format!("worker-{} would look again without end", node + 1));
            }
            worker.clocks.when(next)
        } else {
            self.now + RETRY_WRITE
        };
        let (life, arranged) = (worker.life, (worker.life, at));
        if worker.wake != arranged {
            worker.wake = arranged;
            self.at(at, Event::WorkerWakes { node, life, at });
        }
        Ok(())
    }
}

impl Worker {
    /// Its process, when it is still that one.
    pub(crate) fn host_of(&mut self, life: u64) -> Option<&mut Host> {
        self.host.as_mut().filter(|_| self.life == life)
    }
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Begin { .. } => "begin",
        Action::Adopt { .. } => "adopt",
        Action::Saw { .. } => "saw",
        Action::Watch { .. } => "watch",
        Action::SetHealth { .. } => "set health",
        Action::Condemn { .. } => "condemn",
        Action::Fence { .. } => "fence",
        Action::End { .. } => "end",
        Action::Settle { .. } => "settle",
        Action::Explain { .. } => "explain",
        Action::Call(_) => "call",
    }
}

/// An action without the specifications in it.
fn brief(action: &Action) -> String {
    match action {
        Action::Call(Call::Lane { task, verb }) => {
            let text = format!("{verb:?}").split(", spec: TaskSpec").next().unwrap_or_default().to_owned();
            format!(
                "{} {}",
                &task.to_string()[30..],
                text.split(", Some(TaskSpec").next().unwrap_or_default()
            )
        }
        action => format!("{action:?}"),
    }
}
