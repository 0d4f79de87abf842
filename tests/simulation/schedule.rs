//! What happens in a history: the users' wishes and the world's faults, all drawn from one seed beforehand, so that
//! a history can be replayed, and be made shorter by leaving things out.

use std::fmt;

use orc::model::node::{Availability, SchedulerKind};
use orc::plan::cluster::change::{Pace, Steer};

use crate::cron::wishes::{self as cron, CronShape};
use crate::random::Random;
use crate::services::wishes::{self, Harm, ServiceShape};
use crate::volumes;
use crate::world::BORN;

/// A whole history before it is played.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    /// What happens when, milliseconds from the beginning, in order.
    pub(crate) steps: Vec<(u64, Op)>,
}

/// What the world of one history is like. Histories differ in it, so that each kind of fault is met alone, with
/// others, and not at all ("swarm testing").
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) nodes: usize,
    /// The first two workers share one engine.
    pub(crate) shared_engine: bool,
    pub(crate) scheduler: SchedulerKind,
    /// Which leases the manager gives, seconds: one in each of its lives.
    pub(crate) leases: &'static [u64],
    /// Finished tasks are forgotten after seconds instead of weeks.
    pub(crate) short_retention: bool,
    /// Messages between manager and workers that are lost, of a thousand.
    pub(crate) message_loss: u64,
    /// Requests that arrive twice, of a thousand.
    pub(crate) duplicates: u64,
    /// The longest that a message takes, milliseconds.
    pub(crate) delay: u64,
    /// Calls to an engine that go wrong, of a thousand.
    pub(crate) call_faults: u64,
    /// What an engine calls out and nobody hears, of a thousand.
    pub(crate) hint_loss: u64,
    /// How much faster or slower than the world's a machine's clocks may go, of a thousand. What is promised of tasks that
    /// may run only once holds while no two go apart by more than a tenth.
    pub(crate) drift: u64,
    /// Containers of strangers have names that tasks want.
    pub(crate) name_clashes: bool,
    /// The last fault comes before.
    pub(crate) faults_end: u64,
    /// What the clocks show at the beginning, milliseconds of the date.
    pub(crate) born: i64,
}

/// What a task asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Which of a few names, so that they collide.
    pub(crate) name: u8,
    pub(crate) image: Image,
    /// Quarters of a node's 4 cores.
    pub(crate) cores: u8,
    pub(crate) gibibytes: u8,
    pub(crate) host_port: bool,
    pub(crate) checked: bool,
    pub(crate) policy: &'static str,
    /// It may run only once.
    pub(crate) single: bool,
    pub(crate) pinned: Option<usize>,
    /// Which of a few named volumes it has.
    pub(crate) volume: Option<u8>,
}

/// Where its image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    OnEveryHost,
    InTheRegistry,
    Nowhere,
}

/// Where a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before its next write.
    BeforeWrite,
    /// After its next write, before anybody hears of it.
    AfterWrite,
}

/// Which way a cut goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Both,
    Requests,
    Answers,
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident { $($field:ident : $type:ty),* },)*) => {
        /// One thing that happens. A `wish` is a task by the number of its submission.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) enum Op { $($(#[$doc])* $name { $($field: $type),* },)* }

        impl Op {
            /// The words of all of them.
            pub(crate) const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Its word.
            pub(crate) fn name(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name)),* }
            }
        }
    };
}

ops! {
    /// A user wants a task.
    Submit { wish: usize, shape: Shape },
    /// A user wants it to stop.
    Stop { wish: usize },
    /// A user sends an accepted request again.
    Repeat { wish: usize },
    /// A user sends another request under an ID that was used.
    Reuse { wish: usize },
    /// A user wants a service to be so; a careful one only if it is what it was.
    SetService { service: u8, shape: ServiceShape, careful: bool },
    /// A user wants so many tasks of it.
    ScaleService { service: u8, replicas: u32 },
    /// A user wants it to be no more.
    RemoveService { service: u8 },
    /// A user wants what it was so many versions before, or what was good.
    RestoreService { service: u8, back: Option<u64> },
    /// A user holds its rollout, lets it go on, or promotes its canary.
    SteerService { service: u8, how: Steer },
    /// A user wants a service that runs by the clock to be so; a careful one only if it is what it was.
    SetCron { service: u8, shape: CronShape, careful: bool },
    /// A user wants a run of it now.
    AskForRun { service: u8, request: u32 },
    /// A user has its runs left out for now, or begin again.
    PaceRuns { service: u8, how: Pace },
    /// Something happens to one of its tasks.
    HarmTask { service: u8, pick: usize, how: Harm },
    /// Its container ends by itself.
    Exit { wish: usize, code: i64 },
    /// Its health checks fail from now on.
    Sicken { wish: usize },
    /// It lives, and is not ready for a while.
    Sulk { wish: usize, for_ms: u64 },
    /// A stranger removes its container.
    Vanish { wish: usize },
    /// A stranger kills it.
    Kill { wish: usize },
    /// A stranger freezes it.
    Pause { wish: usize },
    /// A stranger changes its limits.
    Squeeze { wish: usize },
    /// A stranger starts an ended container.
    Revive { wish: usize },
    /// Its container shows a state that no version of Docker has yet.
    Puzzle { wish: usize, for_ms: u64 },
    /// The engine stops and starts; its containers survive that or not.
    EngineRestart { node: usize, for_ms: u64, kills: bool },
    /// The engine takes calls and does nothing until it wakes.
    EngineFreeze { node: usize, for_ms: u64 },
    /// The engine cannot list.
    ListsFail { node: usize, for_ms: u64 },
    /// The engine starts nothing: a port is taken, its disk is full.
    StartsRefused { node: usize, for_ms: u64 },
    /// The stream of events breaks off.
    EventsBreak { node: usize },
    /// The registry is away.
    RegistryDown { for_ms: u64 },
    /// Nothing gets through between a worker and the manager.
    Cut { node: usize, for_ms: u64, way: Way },
    /// Everything between them takes seconds.
    Slow { node: usize, for_ms: u64 },
    /// A worker dies, and is started again.
    WorkerDown { node: usize, for_ms: u64 },
    /// A worker dies at its next write.
    WorkerCrash { node: usize, at: Point, for_ms: u64 },
    /// A worker dies and its database with it.
    WorkerLosesStore { node: usize, for_ms: u64 },
    /// A worker cannot write.
    WorkerStoreFull { node: usize, for_ms: u64 },
    /// The manager dies, and is started again.
    ManagerDown { for_ms: u64 },
    /// The manager dies at its next write.
    ManagerCrash { at: Point, for_ms: u64 },
    /// The manager cannot write.
    ManagerStoreFull { for_ms: u64 },
    /// A machine loses power, and comes back.
    Reboot { node: usize, for_ms: u64 },
    /// A machine is gone for good.
    NodeDeath { node: usize },
    /// An operator drains a node, pauses it, or lets it take tasks.
    SetAvailability { node: usize, to: Availability },
    /// An operator has tasks moved to where they stand better.
    Rebalance {},
    /// The manager's process stands still.
    ManagerFreezes { for_ms: u64 },
    /// Somebody sets the date of a machine; `node` = number of nodes is the manager's.
    WallJump { node: usize, minutes: i64 },
}

impl Schedule {
    /// The history of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut profile = Profile::draw(&mut random);
        let count = random.between(4, 36);
        let mut times: Vec<u64> = (0..count).map(|_| random.between(100, profile.faults_end)).collect();
        times.sort_unstable();
        let mut wishes = 0;
        let mut died = false;
        let mut draw = |at| {
            let op = draw_op(&mut random, &profile, &mut wishes, &mut died);
            (at, op)
        };
        let mut steps: Vec<(u64, Op)> = times.into_iter().map(&mut draw).collect();
        volumes::mount(seed, &mut steps);
        steps.extend(wishes::draw(seed, &profile));
        steps.extend(cron::draw(seed, &mut profile));
        steps.sort_by_key(|(at, _)| *at);
        Self { seed, profile, steps }
    }
}

impl Profile {
    fn draw(random: &mut Random) -> Self {
        let nodes = usize::try_from(random.between(1, 3)).expect("a small number");
        Self {
            nodes,
            shared_engine: nodes > 1 && random.chance(250),
            scheduler: random.pick(&SchedulerKind::ALL),
            short_retention: random.chance(250),
            message_loss: random.pick(&[0, 0, 50, 300]),
            duplicates: random.pick(&[0, 100]),
            delay: random.pick(&[2, 20, 300]),
            call_faults: random.pick(&[0, 0, 30, 150]),
            hint_loss: random.pick(&[0, 200, 1000]),
            drift: random.pick(&[0, 0, 0, 47]),
            name_clashes: random.chance(150),
            faults_end: random.pick(&[4_000, 20_000, 60_000]),
            leases: random.pick(&[&[6], &[6, 45]]),
            born: BORN,
        }
    }
}

fn draw_op(random: &mut Random, profile: &Profile, wishes: &mut usize, died: &mut bool) -> Op {
    if *wishes == 0 || random.chance(220) {
        *wishes += 1;
        return Op::Submit { wish: *wishes - 1, shape: draw_shape(random, profile) };
    }
    let wish = usize::try_from(random.next() % *wishes as u64).expect("an index");
    let node = usize::try_from(random.next() % profile.nodes as u64).expect("an index");
    let for_ms = random.pick(&[300, 2_000, 8_000, 20_000, 45_000]);
    let at = random.pick(&[Point::BeforeWrite, Point::AfterWrite]);
    match random.between(0, 50) {
        0..=4 => Op::Stop { wish },
        5 => Op::Repeat { wish },
        6 => Op::Reuse { wish },
        7..=12 => Op::Exit { wish, code: random.pick(&[0, 0, 1, 1, 137, 255]) },
        13 => Op::Sicken { wish },
        14 | 15 => Op::Vanish { wish },
        16 => Op::Kill { wish },
        17 => Op::Pause { wish },
        18 => Op::Squeeze { wish },
        19 => Op::Revive { wish },
        20 => Op::Puzzle { wish, for_ms },
        21 | 22 => Op::EngineRestart { node, for_ms, kills: random.chance(500) },
        23 => Op::EngineFreeze { node, for_ms },
        24 => Op::ListsFail { node, for_ms },
        25 => Op::StartsRefused { node, for_ms },
        26 => Op::EventsBreak { node },
        27 => Op::RegistryDown { for_ms },
        28 | 29 => Op::Cut { node, for_ms, way: random.pick(&[Way::Both, Way::Requests, Way::Answers]) },
        30 => Op::Slow { node, for_ms },
        31 | 32 => Op::WorkerDown { node, for_ms },
        33 | 34 => Op::WorkerCrash { node, at, for_ms: random.pick(&[300, 2_000]) },
        35 => Op::WorkerLosesStore { node, for_ms },
        36 => Op::WorkerStoreFull { node, for_ms },
        37 | 38 => Op::ManagerDown { for_ms },
        39 | 40 => Op::ManagerCrash { at, for_ms: random.pick(&[300, 2_000]) },
        41 => Op::ManagerStoreFull { for_ms },
        42 => Op::Reboot { node, for_ms },
        43 if !*died && random.chance(300) => {
            *died = true;
            Op::NodeDeath { node }
        }
        44 => {
            let node = usize::try_from(random.next() % (profile.nodes as u64 + 1)).expect("an index");
            Op::WallJump { node, minutes: random.pick(&[-525_600, -60, -1, 1, 60, 525_600]) }
        }
        45 | 46 => Op::SetAvailability { node, to: random.pick(&Availability::ALL) },
        47 => Op::ManagerFreezes { for_ms },
        48 | 49 => Op::Rebalance {},
        50 => Op::Sulk { wish, for_ms },
        _ => Op::Exit { wish, code: 1 },
    }
}

fn draw_shape(random: &mut Random, profile: &Profile) -> Shape {
    let pinned =
        random.chance(100).then(|| usize::try_from(random.next() % profile.nodes as u64).expect("an index"));
    Shape {
        name: random.pick(&[0, 1, 2, 3, 4, 5, 6, 7]),
        image: random.pick(&[
            Image::OnEveryHost,
            Image::OnEveryHost,
            Image::OnEveryHost,
            Image::InTheRegistry,
            Image::Nowhere,
        ]),
        cores: random.pick(&[0, 1, 1, 4, 8]),
        gibibytes: random.pick(&[0, 1, 3, 5]),
        // Workers that share an engine share its ports, and know nothing of each other.
        host_port: random.chance(150) && !profile.shared_engine,
        checked: random.chance(250),
        policy: random.pick(&["", "", "no", "on-failure", "on-failure:1", "always", "unless-stopped"]),
        single: random.chance(250),
        pinned,
        volume: None,
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {:?}", self.seed, self.profile)?;
        for (at, op) in &self.steps {
            let seconds = at / 1000;
            writeln!(f, "  {seconds:>3}.{:03} s  {op:?}", at % 1000)?;
        }
        Ok(())
    }
}
