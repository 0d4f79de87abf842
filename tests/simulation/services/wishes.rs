//! What users want of services, drawn beforehand like all that happens in a history, but from numbers of its own: so that
//! the histories are what they would be without any.

use std::collections::BTreeMap;
use std::sync::Arc;

use orc::model::node::Availability;
use orc::model::port::Port;
use orc::model::service::{Job, Mode, OnFailure, Order, ServiceName, ServicePort, ServiceSpec, UpdatePolicy};
use orc::model::spec::Protocol;
use orc::plan::cluster::change::Steer;
use serde_json::json;

use crate::random::Random;
use crate::schedule::{Op, Profile};

/// What a user wants a service to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServiceShape {
    pub(crate) kind: Kind,
    pub(crate) goods: Goods,
    /// Counted up so that its tasks are others than before.
    pub(crate) release: u8,
    /// Quarters of a node's 4 cores.
    cores: u8,
    checked: bool,
    policy: &'static str,
    single: bool,
    host_port: bool,
    /// The port that stays, whatever its tasks do.
    port: Option<u16>,
    update: Way,
    rollback: Way,
}

/// How many tasks, and of what kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Replicated(u32),
    Global,
    Job { completions: u32, parallelism: u32 },
}

/// What its image is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goods {
    OnEveryHost,
    InTheRegistry,
    /// There is none: the version can never run.
    Nowhere,
    /// It exits with 1 soon after it began.
    Crashing,
}

/// An update policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    parallelism: u32,
    delay_ms: u64,
    order: Option<Order>,
    monitor_ms: u64,
    deadline_ms: u64,
    /// Whether half of the slots may fail; else none may.
    half_may_fail: bool,
    on_failure: OnFailure,
    canary: u32,
}

/// What is done to a task of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    Exit(i64),
    Sicken,
    Sulk(u64),
    Vanish,
    Kill,
}

/// The images of every host: what runs until it is stopped, what ends by itself, and what does not work.
pub(crate) const IMAGES: [&str; 4] = ["present:1", "job:1", "batch:1", "crashing:1"];

pub(crate) fn name(of: u8) -> ServiceName {
    format!("service-{of}").parse().expect("a service's name")
}

/// When an image ends by itself after it began, milliseconds, and how; nothing of one that goes on.
pub(crate) fn ends_by_itself(image: &str, quiet: bool, random: &mut Random) -> Option<(u64, i64)> {
    match image {
        "job:1" => Some((random.pick(&[20, 400, 3_000, 9_000]), i64::from(!quiet && random.chance(100)))),
        "batch:1" => {
            Some((random.pick(&[400, 9_000, 30_000, 70_000]), i64::from(!quiet && random.chance(100))))
        }
        "crashing:1" => Some((random.pick(&[5, 300, 1_500]), 1)),
        _ => None,
    }
}

impl ServiceShape {
    fn image(self) -> &'static str {
        match (self.goods, self.kind) {
            (Goods::Nowhere, _) => "nowhere:1",
            (Goods::Crashing, _) => "crashing:1",
            (_, Kind::Job { .. }) => "job:1",
            (Goods::OnEveryHost, _) => "present:1",
            (Goods::InTheRegistry, _) => "pulled:1",
        }
    }

    /// The specification of a service of that name.
    pub(crate) fn spec(self, name: &ServiceName) -> ServiceSpec {
        let probe = json!({ "IntervalMs": 3000, "TimeoutMs": 1000, "Retries": 2, "StartPeriodMs": 0 });
        let mut task = json!({
            "Name": name,
            "Image": self.image(),
            "CPU": f64::from(self.cores) / 4.0,
            "ExposedPorts": { "80/tcp": {} },
            "RestartPolicy": self.policy,
            "Env": [format!("RELEASE={}", self.release)],
        });
        if self.checked {
            for (kind, test) in
                [("Readiness", json!({ "Exec": ["check"] })), ("Liveness", json!({ "Tcp": 80 }))]
            {
                task[kind] = probe.clone();
                task[kind]["Test"] = test;
            }
        }
        if self.single {
            task["Failover"] = json!("single");
        }
        if self.host_port {
            task["PortBindings"] = json!({ "80/tcp": "8090" });
            task["PublishMode"] = json!("host");
        }
        let tcp = |number| Port { number, protocol: Protocol::Tcp };
        let port =
            |published| ServicePort { published: tcp(published), target: tcp(80), proxy_protocol: false };
        ServiceSpec {
            mode: match self.kind {
                Kind::Replicated(replicas) => Mode::Replicated(replicas),
                Kind::Global => Mode::Global,
                Kind::Job { completions, parallelism } => Mode::Job(Job { completions, parallelism }),
            },
            task: Arc::new(serde_json::from_value(task).expect("a specification")),
            update: self.update.policy(),
            rollback: self.rollback.policy(),
            ports: self.port.map(port).into_iter().collect(),
            labels: BTreeMap::new(),
        }
    }
}

impl Way {
    fn draw(random: &mut Random) -> Self {
        Self {
            parallelism: random.pick(&[0, 1, 1, 2]),
            delay_ms: random.pick(&[0, 0, 500, 2_000]),
            order: random.pick(&[None, Some(Order::StartFirst), Some(Order::StopFirst)]),
            monitor_ms: random.pick(&[0, 500, 2_000]),
            deadline_ms: random.pick(&[5_000, 10_000, 15_000]),
            half_may_fail: random.chance(250),
            on_failure: random.pick(&[
                OnFailure::Rollback,
                OnFailure::Rollback,
                OnFailure::Rollback,
                OnFailure::Pause,
                OnFailure::Continue,
            ]),
            canary: random.pick(&[0, 0, 0, 1]),
        }
    }

    fn policy(self) -> UpdatePolicy {
        UpdatePolicy {
            parallelism: self.parallelism,
            delay_ms: self.delay_ms,
            order: self.order,
            monitor_ms: self.monitor_ms,
            deadline_ms: self.deadline_ms,
            max_failure_ratio: if self.half_may_fail { 0.5 } else { 0.0 },
            on_failure: self.on_failure,
            canary: self.canary,
        }
    }
}

/// What users do with services in the history of a seed, in order; nothing in about half of them.
pub(crate) fn draw(seed: u64, profile: &Profile) -> Vec<(u64, Op)> {
    let mut random = Random::new(seed ^ 0x5e_5e5e_5e5e);
    if !random.chance(500) {
        return Vec::new();
    }
    let count = random.between(2, 12);
    let mut times: Vec<u64> = (0..count).map(|_| random.between(100, profile.faults_end)).collect();
    times.sort_unstable();
    let mut shapes: BTreeMap<u8, ServiceShape> = BTreeMap::new();
    let mut op = |at: u64| (at, draw_op(&mut random, profile, &mut shapes));
    times.into_iter().map(&mut op).collect()
}

fn draw_op(random: &mut Random, profile: &Profile, shapes: &mut BTreeMap<u8, ServiceShape>) -> Op {
    let service = random.pick(&[0, 0, 1]);
    let Some(before) = shapes.get(&service).copied() else {
        let shape = draw_shape(random, profile, service);
        shapes.insert(service, shape);
        return Op::SetService { service, shape, careful: random.chance(200) };
    };
    let node = usize::try_from(random.next() % profile.nodes as u64).expect("an index");
    match random.between(0, 19) {
        0..=6 => {
            let another = random.chance(200);
            let fresh = draw_shape(random, profile, service);
            let (release, goods) = (before.release + 1, draw_goods(random));
            // Mostly only what it runs is another than before.
            let shape = if another {
                ServiceShape { release, ..fresh }
            } else {
                ServiceShape { goods, release, ..before }
            };
            shapes.insert(service, shape);
            Op::SetService { service, shape, careful: random.chance(200) }
        }
        7 | 8 => Op::ScaleService { service, replicas: u32::try_from(random.between(0, 3)).expect("a few") },
        9 => Op::RemoveService { service },
        10 => Op::RestoreService { service, back: random.pick(&[None, Some(1), Some(2)]) },
        11 => Op::SteerService { service, how: Steer::Pause },
        12 => Op::SteerService { service, how: Steer::Resume },
        13 => Op::SteerService { service, how: Steer::Promote },
        14 => Op::SetAvailability { node, to: Availability::Drain },
        15 => Op::SetAvailability { node, to: Availability::Active },
        _ => {
            let pick = usize::try_from(random.between(0, 5)).expect("an index");
            let how = random.pick(&[
                Harm::Exit(0),
                Harm::Exit(1),
                Harm::Sicken,
                Harm::Sulk(2_000),
                Harm::Sulk(8_000),
                Harm::Vanish,
                Harm::Kill,
            ]);
            Op::HarmTask { service, pick, how }
        }
    }
}

fn draw_goods(random: &mut Random) -> Goods {
    use Goods::{Crashing, InTheRegistry, Nowhere, OnEveryHost};
    random.pick(&[
        OnEveryHost,
        OnEveryHost,
        OnEveryHost,
        OnEveryHost,
        InTheRegistry,
        Nowhere,
        Nowhere,
        Crashing,
    ])
}

/// A service of any kind that does not run by the clock.
pub(crate) fn draw_shape(random: &mut Random, profile: &Profile, service: u8) -> ServiceShape {
    let replicas = u32::try_from(random.between(1, 3)).expect("a few");
    let kind = match random.between(0, 9) {
        0 | 1 => Kind::Global,
        2 | 3 => Kind::Job {
            completions: replicas,
            parallelism: u32::try_from(random.between(0, 2)).expect("a few"),
        },
        _ => Kind::Replicated(replicas),
    };
    let policy = if matches!(kind, Kind::Job { .. }) {
        random.pick(&["no", "on-failure:1", "on-failure"])
    } else {
        random.pick(&[
            "always",
            "always",
            "always",
            "always",
            "always",
            "unless-stopped",
            "no",
            "on-failure:1",
        ])
    };
    ServiceShape {
        kind,
        // Mostly a good one first, so that there is something to go back to.
        goods: if random.chance(700) { Goods::OnEveryHost } else { draw_goods(random) },
        release: 0,
        cores: random.pick(&[0, 0, 0, 1, 2, 4, 20]),
        checked: random.chance(300),
        policy,
        single: random.chance(150),
        // Workers that share an engine share its ports, and know nothing of each other.
        host_port: random.chance(100) && !profile.shared_engine,
        port: random.chance(500).then(|| if random.chance(900) { 9_000 + u16::from(service) } else { 9_000 }),
        update: Way::draw(random),
        rollback: Way::draw(random),
    }
}
