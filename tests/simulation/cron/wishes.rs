//! What users want of services that run by the clock, drawn from numbers of their own: so that the other histories are what
//! they would be without any.

use std::collections::BTreeMap;
use std::sync::Arc;

use orc::model::cron::{CronLine, Missed, Overlap};
use orc::model::service::{Cron, Mode, ServiceName, ServiceSpec, UpdatePolicy};
use orc::plan::cluster::change::Pace;
use serde_json::json;

use super::calendar::{LINES, ZONES};
use crate::random::Random;
use crate::schedule::{Op, Point, Profile};
use crate::services::wishes::{self as services, Harm};

/// What a user wants such a service to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CronShape {
    line: &'static str,
    zone: &'static str,
    overlap: Overlap,
    missed: Missed,
    image: &'static str,
    /// Quarters of a node's 4 cores.
    cores: u8,
    policy: &'static str,
    single: bool,
    /// Counted up so that its tasks are others than before.
    release: u8,
}

/// The numbers of these services; those below are of services that do not run by the clock.
pub(crate) const NUMBERS: [u8; 3] = [10, 10, 11];

/// When worlds begin, RFC 3339: a little before the clocks of some zone are set, a leap day, or a year begins.
const BIRTHS: [&str; 8] = [
    "2027-03-28T00:59:40Z",
    "2027-10-31T00:59:40Z",
    "2027-03-14T06:59:40Z",
    "2027-11-07T05:59:40Z",
    "2027-10-02T15:29:40Z",
    "2027-04-03T14:59:40Z",
    "2028-02-28T23:59:40Z",
    "2026-12-31T23:58:40Z",
];

impl CronShape {
    /// A month of minutes at once is a hundred containers, which tell no more than some that are soon over.
    fn without_floods(self) -> Self {
        if (self.overlap, self.missed) == (Overlap::Allow, Missed::All) {
            Self { line: "0 9 * * MON", image: "job:1", cores: 0, ..self }
        } else {
            self
        }
    }

    /// The specification of a service of that name.
    pub(crate) fn spec(self, name: &ServiceName) -> ServiceSpec {
        let mut task = json!({
            "Name": name,
            "Image": self.image,
            "CPU": f64::from(self.cores) / 4.0,
            "RestartPolicy": self.policy,
            "Env": [format!("RELEASE={}", self.release)],
        });
        if self.single {
            task["Failover"] = json!("single");
        }
        let line = CronLine::parse(self.line, self.zone).expect("a cron line");
        ServiceSpec {
            mode: Mode::Cron(Cron { line, overlap: self.overlap, missed: self.missed }),
            task: Arc::new(serde_json::from_value(task).expect("a specification")),
            update: UpdatePolicy::default(),
            rollback: UpdatePolicy::default(),
            ports: Vec::new(),
            labels: BTreeMap::new(),
        }
    }
}

/// What happens in the history of a seed because something runs by the clock, in order: nothing in most of them.
pub(crate) fn draw(seed: u64, profile: &mut Profile) -> Vec<(u64, Op)> {
    let mut random = Random::new(seed ^ 0xc10c_c10c_c10c);
    if !random.chance(60) {
        return Vec::new();
    }
    profile.born = draw_birth(&mut random);
    let mut steps = Vec::new();
    let mut shapes = BTreeMap::new();
    let mut requests = 0;
    let mut times: Vec<u64> =
        (0..random.between(6, 18)).map(|_| random.between(100, profile.faults_end)).collect();
    times.sort_unstable();
    for at in times {
        if shapes.is_empty() || random.chance(600) {
            steps.push((at, draw_op(&mut random, profile, &mut shapes, &mut requests)));
        } else {
            steps.extend(draw_jump(&mut random, profile, at));
        }
    }
    steps
}

fn draw_birth(random: &mut Random) -> i64 {
    let birth = chrono::DateTime::parse_from_rfc3339(random.pick(&BIRTHS)).expect("a time");
    let before = random.pick(&[0, 0, 20_000, 40 * 60_000, 150 * 60_000, 20 * 3_600_000]);
    birth.timestamp_millis() - before
}

/// The manager's clock is set, with or without the manager: one that was off finds it elsewhere.
fn draw_jump(random: &mut Random, profile: &Profile, at: u64) -> Vec<(u64, Op)> {
    let day = 24 * 60;
    let minutes = random.pick(&[
        1,
        1,
        1,
        2,
        5,
        30,
        60,
        61,
        120,
        179,
        day,
        3 * day,
        40 * day,
        -1,
        -2,
        -30,
        -60,
        -150,
        -185,
        -240,
        -day,
    ]);
    let jump = Op::WallJump { node: profile.nodes, minutes };
    match random.between(0, 3) {
        0 => vec![(at, Op::ManagerDown { for_ms: 1_000 }), (at + 500, jump)],
        1 => vec![(at, Op::ManagerFreezes { for_ms: 2_500 }), (at + 500, jump)],
        _ => vec![(at, jump)],
    }
}

fn draw_op(
    random: &mut Random,
    profile: &Profile,
    shapes: &mut BTreeMap<u8, CronShape>,
    requests: &mut u32,
) -> Op {
    let service = random.pick(&NUMBERS);
    let Some(before) = shapes.get(&service).copied() else {
        let shape = draw_shape(random).without_floods();
        shapes.insert(service, shape);
        return Op::SetCron { service, shape, careful: random.chance(200) };
    };
    match random.between(0, 16) {
        0..=3 => {
            let (fresh, release) = (draw_shape(random), before.release + 1);
            let shape = match random.between(0, 3) {
                0 => CronShape { release, ..fresh },
                1 => CronShape { overlap: fresh.overlap, missed: fresh.missed, ..before },
                2 => CronShape { line: fresh.line, zone: fresh.zone, ..before },
                _ => CronShape { image: fresh.image, release, ..before },
            };
            let shape = shape.without_floods();
            shapes.insert(service, shape);
            Op::SetCron { service, shape, careful: random.chance(200) }
        }
        4 => Op::RemoveService { service },
        5 => Op::RestoreService { service, back: random.pick(&[None, Some(1)]) },
        // It runs by the clock no more, until it is set again.
        14 => Op::SetService {
            service,
            shape: services::draw_shape(random, profile, service),
            careful: random.chance(200),
        },
        6..=8 => Op::PaceRuns { service, how: random.pick(&[Pace::Suspend, Pace::Resume, Pace::Resume]) },
        9..=12 => {
            *requests += 1;
            Op::AskForRun { service, request: *requests }
        }
        13 => Op::ManagerCrash { at: random.pick(&[Point::BeforeWrite, Point::AfterWrite]), for_ms: 300 },
        _ => {
            let pick = usize::try_from(random.between(0, 5)).expect("an index");
            let how = random.pick(&[Harm::Exit(0), Harm::Exit(1), Harm::Vanish, Harm::Kill]);
            Op::HarmTask { service, pick, how }
        }
    }
}

fn draw_shape(random: &mut Random) -> CronShape {
    let overlap = random.pick(&[Overlap::Allow, Overlap::Forbid, Overlap::Forbid, Overlap::Replace]);
    let missed = random.pick(&[Missed::Skip, Missed::Once, Missed::All]);
    let lines = if random.chance(400) { &LINES[..1] } else { &LINES };
    let (line, _) = random.pick(lines);
    CronShape {
        line,
        zone: random.pick(&ZONES),
        overlap,
        missed,
        image: random.pick(&["job:1", "batch:1", "batch:1", "batch:1", "crashing:1", "nowhere:1"]),
        cores: random.pick(&[0, 0, 1, 6]),
        policy: random.pick(&["no", "no", "on-failure:1"]),
        single: random.chance(200),
        release: 0,
    }
}
