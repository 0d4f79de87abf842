//! The world of one history: its clock, and everything that is to happen, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use orc::model::container::{Identity, Owner};
use orc::model::id::{ClusterId, ContainerId, NodeName};
use orc::model::time::{Moment, Now, Timestamp};
use orc::plan::host::call::Outcome;
use orc::plan::host::hint::Hint;
use uuid::Uuid;

use crate::calls::OpenCall;
use crate::coverage::Coverage;
use crate::cron::Ledgers;
use crate::docker::{Cause, Docker};
use crate::faults::Planted;
use crate::manager::Manager;
use crate::random::Random;
use crate::schedule::{Op, Profile, Schedule};
use crate::services::Trials;
use crate::services::users::Customers;
use crate::services::wishes::IMAGES;
use crate::sync::{News, Question};
use crate::truth::Truth;
use crate::users::{Users, Want};
use crate::worker::Worker;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Its number in the list of promises, or a word.
    pub(crate) promise: &'static str,
    /// What was seen.
    pub(crate) seen: String,
}

/// What every step of a history comes to.
pub(crate) type Checked<T = ()> = Result<T, Violation>;

pub(crate) fn broken<T>(promise: &'static str, seen: impl Into<String>) -> Checked<T> {
    Err(Violation { promise, seen: seen.into() })
}

/// What the clock of a machine shows when the world begins, unless something is to run by it; milliseconds of the date.
pub(crate) const BORN: i64 = 1_795_332_379_690;

/// A machine's clocks. `Moment`s begin anew when it boots; the wall clock is whatever somebody set it to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub(crate) booted: u64,
    /// What it would show at the beginning.
    born: i64,
    pub(crate) skew: i64,
    /// Its milliseconds in a second of the world.
    pace: u64,
}

impl Clocks {
    /// A machine that had been up for a while, for a different while each.
    pub(crate) fn new(profile: &Profile, random: &mut Random) -> Self {
        Self {
            booted: 0,
            born: profile.born,
            skew: i64::try_from(random.between(0, 4_000)).expect("a small number") - 2_000,
            pace: random.between(1_000 - profile.drift, 1_000 + profile.drift),
        }
    }

    pub(crate) fn at(self, now: u64) -> Now {
        let passed = |since: u64| (now - since) * self.pace / 1_000;
        let wall = self.born + i64::try_from(passed(0)).expect("a short history") + self.skew;
        Now { moment: Moment(passed(self.booted)), wall: Timestamp::from_millis(wall) }
    }

    /// When it shows this, by the world's clock.
    pub(crate) fn when(self, moment: Moment) -> u64 {
        self.booted + (moment.0 * 1_000).div_ceil(self.pace)
    }

    /// How long something takes at least by the world's clock that takes so long by this one.
    pub(crate) fn shortest(self, ms: u64) -> u64 {
        ms * 1_000 / self.pace
    }
}

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A step of the schedule.
    Step(Op),
    /// The fault that this began is over.
    Over(Op),
    /// A user's request reaches the manager.
    UserAsks(usize, Want),
    /// The user of a service says what he wants of it.
    CustomerSays(u8),
    /// Somebody connects to a port of a service on a node.
    ClientComes {
        node: usize,
        life: u64,
    },
    /// A worker's question reaches the manager.
    Asked {
        node: usize,
        life: u64,
        question: Arc<Question>,
    },
    /// What came of a question reaches its worker; `None` = it failed.
    Answered {
        node: usize,
        life: u64,
        id: u64,
        news: Option<Arc<News>>,
    },
    /// That a question was refused reaches its worker.
    Refused {
        node: usize,
        life: u64,
        id: u64,
    },
    /// A question has hung for longer than it should.
    Overdue {
        node: usize,
        life: u64,
        id: u64,
    },
    /// A worker may ask again.
    AskAgain {
        node: usize,
        life: u64,
    },
    /// A question has hung at the manager for as long as it may.
    PollExpires {
        node: usize,
        id: u64,
    },
    ManagerWakes {
        life: u64,
        at: u64,
    },
    WorkerWakes {
        node: usize,
        life: u64,
        at: u64,
    },
    /// A call reaches the engine.
    CallArrives {
        serial: u64,
    },
    /// What came of it reaches the worker.
    Returns {
        serial: u64,
        outcome: Outcome,
    },
    /// Its deadline has passed.
    CallExpires {
        serial: u64,
    },
    /// A container that was signalled ends.
    Ends {
        engine: usize,
        id: ContainerId,
        life: u64,
        code: i64,
        cause: Cause,
    },
    /// A removal that takes a while is done.
    Gone {
        engine: usize,
        id: ContainerId,
    },
    HintArrives {
        node: usize,
        life: u64,
        hint: Hint,
    },
    EventsBreak {
        node: usize,
        life: u64,
    },
}

/// Everything.
pub(crate) struct World {
    pub(crate) profile: Profile,
    pub(crate) now: u64,
    pub(crate) random: Random,
    pub(crate) manager: Manager,
    pub(crate) workers: Vec<Worker>,
    pub(crate) engines: Vec<Docker>,
    pub(crate) registry_up: bool,
    pub(crate) users: Users,
    pub(crate) customers: Customers,
    pub(crate) trials: Trials,
    pub(crate) ledgers: Ledgers,
    pub(crate) truth: Truth,
    pub(crate) calls: BTreeMap<u64, OpenCall>,
    pub(crate) coverage: Coverage,
    pub(crate) planted: Option<Planted>,
    /// The manager may forget a task within this history, and with it that it was ever asked for.
    pub(crate) forgetful: bool,
    /// The last fault is over.
    pub(crate) quiet: bool,
    queue: BTreeMap<(u64, u64), Box<Event>>,
    serial: u64,
    trace: Option<Vec<String>>,
}

/// What came of a history.
pub(crate) struct Played {
    pub(crate) result: Checked,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Vec<String>,
}

/// Whether a history is written down as it is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracing {
    Off,
    On,
}

impl World {
    /// Plays a history from beginning to end.
    pub(crate) fn play(schedule: &Schedule, planted: Option<Planted>, tracing: Tracing) -> Played {
        let mut world = Self::new(schedule, planted, tracing);
        let result = world.run(schedule);
        Played { result, coverage: world.coverage, trace: world.trace.unwrap_or_default() }
    }

    fn new(schedule: &Schedule, planted: Option<Planted>, tracing: Tracing) -> Self {
        let profile = schedule.profile.clone();
        let mut random = Random::new(schedule.seed ^ 0x6f72_6300_6f72_6300);
        let cluster = ClusterId::from_uuid(Uuid::from_u128(0xc1));
        let workers: Vec<Worker> =
            (0..profile.nodes).map(|at| Worker::new(at, &profile, &mut random)).collect();
        let count = workers.iter().map(|worker| worker.engine).max().unwrap_or(0) + 1;
        let mut engines: Vec<Docker> = (0..count).map(|_| Docker::new()).collect();
        for engine in &mut engines {
            engine.images.extend(IMAGES.map(ToOwned::to_owned));
            add_decoys(engine, &profile, cluster, &workers[0].name);
        }
        Self {
            now: 0,
            manager: Manager::new(cluster, &profile, &mut random),
            random,
            workers,
            engines,
            registry_up: true,
            users: Users::default(),
            customers: Customers::default(),
            trials: Trials::default(),
            ledgers: Ledgers::default(),
            truth: Truth::default(),
            calls: BTreeMap::new(),
            coverage: Coverage::default(),
            planted,
            forgetful: profile.short_retention,
            quiet: false,
            queue: BTreeMap::new(),
            serial: 0,
            trace: (tracing == Tracing::On).then(Vec::new),
            profile,
        }
    }

    fn run(&mut self, schedule: &Schedule) -> Checked {
        self.truth.note_decoys(&self.engines);
        self.boot_manager();
        for node in 0..self.workers.len() {
            self.boot_worker(node)?;
        }
        for (at, op) in &schedule.steps {
            self.at(*at, Event::Step(op.clone()));
        }
        self.run_until(schedule.profile.faults_end)?;
        self.settle()
    }

    /// Lets everything happen that is due by `end`.
    pub(crate) fn run_until(&mut self, end: u64) -> Checked {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            self.happen(*event)?;
            self.judge_deeds()?;
        }
        self.now = end;
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Checked {
        let for_manager = matches!(
            event,
            Event::UserAsks(..) | Event::CustomerSays(_) | Event::Asked { .. } | Event::PollExpires { .. }
        );
        if for_manager && self.manager.frozen_until > self.now {
            // It waits in the buffers of a process that stands still.
            self.at(self.manager.frozen_until, event);
            return Ok(());
        }
        match event {
            Event::Step(op) => self.step(&op),
            Event::Over(op) => self.over(&op),
            Event::UserAsks(wish, want) => self.user_asks(wish, want),
            Event::CustomerSays(service) => self.customer_says(service),
            Event::ClientComes { node, life } => {
                self.client_comes(node, life);
                Ok(())
            }
            Event::Asked { node, life, question } => self.asked(node, life, &question),
            Event::Answered { node, life, id, news } => self.answered(node, life, id, news.as_deref()),
            Event::Refused { node, life, id } => self.refused(node, life, id),
            Event::Overdue { node, life, id } => {
                self.overdue(node, life, id);
                Ok(())
            }
            Event::AskAgain { node, life } => {
                self.ask_again(node, life);
                Ok(())
            }
            Event::PollExpires { node, id } => {
                self.poll_expires(node, id);
                Ok(())
            }
            Event::ManagerWakes { life, at } => self.manager_wakes(life, at),
            Event::WorkerWakes { node, life, at } => self.worker_wakes(node, life, at),
            Event::CallArrives { serial } => self.call_arrives(serial),
            Event::Returns { serial, outcome } => self.returns(serial, outcome),
            Event::CallExpires { serial } => self.call_expires(serial),
            Event::Ends { engine, id, life, code, cause } => {
                let wall = self.wall_of_engine(engine);
                self.engines[engine].end(&id, u32::try_from(life).expect("few lives"), code, cause, wall);
                Ok(())
            }
            Event::Gone { engine, id } => {
                self.engines[engine].gone(&id);
                Ok(())
            }
            Event::HintArrives { node, life, hint } => self.hint_arrives(node, life, hint),
            Event::EventsBreak { node, life } => self.events_break(node, life),
        }
    }

    /// Puts something on the agenda.
    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.serial += 1;
        self.queue.insert((at.max(self.now), self.serial), Box::new(event));
    }

    pub(crate) fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now + ms, event);
    }

    /// A number that no one has had.
    pub(crate) fn fresh(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Writes a line of the history, when anybody wants to read it.
    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let (seconds, millis) = (self.now / 1000, self.now % 1000);
            trace.push(format!("{seconds:>4}.{millis:03} {}", line()));
        }
    }

    /// What the clock of an engine's machine shows.
    pub(crate) fn wall_of_engine(&self, engine: usize) -> Timestamp {
        let machine = self.workers.iter().find(|worker| worker.engine == engine);
        machine.map_or(Timestamp::from_millis(0), |worker| worker.clocks.at(self.now).wall)
    }
}

/// Containers that no worker may touch: one without labels, one of another cluster, and at times one whose name a task
/// wants.
fn add_decoys(engine: &mut Docker, profile: &Profile, ours: ClusterId, node: &NodeName) {
    engine.decoy("stranger", None);
    let theirs = ClusterId::from_uuid(Uuid::from_u128(0xc2));
    assert_ne!(ours, theirs);
    let identity = Identity { task: crate::users::task_id(0), attempt: 1, spec: String::new() };
    engine.decoy("theirs", Some((Owner { cluster: theirs, node: node.clone() }, identity)));
    if profile.name_clashes {
        engine.decoy(&crate::users::name(0), None);
        engine.decoy(&crate::users::name(1), None);
    }
}
