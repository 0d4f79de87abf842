//! A service's port beside Docker's proxy and HAProxy: connections with one request each, and bytes.

use std::fmt::Write as _;
use std::time::Instant;

use futures_util::future::try_join_all;

use crate::progress;
use crate::report::ratio::{Trials, median};
use crate::report::row::{Row, by_floor};
use crate::rig::exchange::fetch;
use crate::rig::forward::Forwarder;

const ROUNDS: usize = 12;

/// A kind of work, of which each measurement does so much.
#[derive(Debug, Clone, Copy)]
struct Work {
    /// The beginning of its rows' names.
    name: &'static str,
    /// Of what the figures are.
    unit: &'static str,
    /// How many of these one measurement takes.
    units: f64,
    /// Connections, one after the other, of each client.
    connections: usize,
    clients: usize,
    /// For which each connection asks.
    bytes: usize,
}

const WORKS: [Work; 2] = [
    Work {
        name: "port-connections",
        unit: "1,000 connections",
        units: 8.0,
        connections: 250,
        clients: 32,
        bytes: 200,
    },
    Work {
        name: "port-stream",
        unit: "GiB",
        units: 1.0,
        connections: 1,
        clients: 4,
        bytes: 256 * 1_024 * 1_024,
    },
];

/// Who hands on, in the order in which [`run`] starts them.
const NAMES: [&str; 4] = ["directly", "docker-proxy", "HAProxy", "orc"];
const DIRECTLY: usize = 0;
const DOCKER_PROXY: usize = 1;
const HAPROXY: usize = 2;
const ORC: usize = 3;

/// The order of a round before it is rotated: docker-proxy and HAProxy twice, to show what noise alone does.
const ORDER: [usize; 6] = [DIRECTLY, DOCKER_PROXY, HAPROXY, ORC, DOCKER_PROXY, HAPROXY];

/// What was measured of one kind of work: seconds for one unit, and of them the forwarder's CPU.
#[derive(Default)]
struct Measured {
    times: [Vec<f64>; 4],
    again: [Vec<f64>; 4],
    cpu: [Vec<f64>; 4],
}

/// All rows.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let server = Forwarder::server().await?;
    let docker_proxy = Forwarder::docker_proxy(&server).await?;
    let haproxy = Forwarder::haproxy(&server).await?;
    let orc = Forwarder::ingress(&server).await?;
    let forwarders = [server, docker_proxy, haproxy, orc];
    let mut rows = Vec::new();
    for work in WORKS {
        let mut measured = Measured::default();
        for round in 0..ROUNDS {
            progress!("{}: round {} of {ROUNDS}", work.name, round + 1);
            let mut order = ORDER;
            order.rotate_left(round % ORDER.len());
            for index in order {
                measured.add(index, round, work, &forwarders[index]).await?;
            }
        }
        rows.extend(measured.rows(work));
    }
    Ok(rows)
}

impl Measured {
    async fn add(&mut self, index: usize, round: usize, work: Work, by: &Forwarder) -> anyhow::Result<()> {
        let (begin, cpu) = (Instant::now(), by.cpu_seconds()?);
        try_join_all((0..work.clients).map(|_| client(work, by))).await?;
        let seconds = begin.elapsed().as_secs_f64() / work.units;
        self.cpu[index].push((by.cpu_seconds()? - cpu) / work.units);
        let is_first = self.times[index].len() == round;
        let times = if is_first { &mut self.times } else { &mut self.again };
        times[index].push(seconds);
        Ok(())
    }

    fn rows(&self, work: Work) -> [Row; 2] {
        let Work { name, unit, .. } = work;
        let mut others = format!(
            "; a unit is {unit}; directly {:.1} ms; CPU of each:",
            median(&self.times[DIRECTLY]) * 1e3
        );
        for index in [DOCKER_PROXY, HAPROXY, ORC] {
            _ = write!(others, " {} {:.1} ms", NAMES[index], median(&self.cpu[index]) * 1e3);
        }
        let beside = |floor: usize, suffix: &str, what, target| {
            let trials = Trials {
                floor: self.times[floor].clone(),
                orc: self.times[ORC].clone(),
                again: self.again[floor].clone(),
            };
            let mut row = by_floor(&format!("{name}-{suffix}"), what, target, &trials, NAMES[floor]);
            row.beside += &others;
            row
        };
        let whats = if work.bytes < 1_024 {
            ["time for new connections, by docker-proxy's", "time for new connections, by HAProxy's"]
        } else {
            ["time for much data, by docker-proxy's", "time for much data, by HAProxy's"]
        };
        [
            beside(DOCKER_PROXY, "docker-proxy", whats[0], 1.0),
            // Seven tenths of its rate.
            beside(HAPROXY, "haproxy", whats[1], 1.43),
        ]
    }
}

async fn client(work: Work, by: &Forwarder) -> anyhow::Result<()> {
    for _ in 0..work.connections {
        fetch(by.address, work.bytes).await?;
    }
    Ok(())
}
