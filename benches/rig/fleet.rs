//! Workers without machines: they speak the one conversation with the manager as real ones do, and start nothing.

use std::time::Duration;

use anyhow::Context;
use orc::clock::Clock;
use orc::model::id::InstanceId;
use orc::model::node::{Life, NodeFacts, NodeLoad};
use orc::wire::stats::Stats;
use orc::wire::sync::{Known, SyncRequest};
use orc::worker::machine;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::http::Connection;

const GIB: u64 = 1 << 30;

/// One of them.
pub(crate) struct SimulatedWorker {
    path: String,
    life: Life,
    known: Option<Known>,
    facts: NodeFacts,
    stats: Stats,
}

/// What it was told by one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// How many tasks that were news to it.
    pub(crate) assignments: usize,
    /// Of the answer's body.
    pub(crate) bytes: usize,
}

/// What is read of an answer: all of it is parsed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Heard {
    known: Known,
    assignments: Vec<IgnoredAny>,
}

/// So many, as they are before any has spoken.
pub(crate) fn fleet(size: usize) -> Vec<SimulatedWorker> {
    let stats = machine::stats(0);
    (0..size).map(|number| SimulatedWorker::new(number, stats.clone())).collect()
}

impl SimulatedWorker {
    fn new(number: usize, stats: Stats) -> Self {
        let life = Life { instance: InstanceId::generate(), database: Clock.now().wall, starts: 1 };
        let facts = NodeFacts {
            ip: format!("10.0.{}.{}", number / 250, number % 250),
            cores: 64,
            memory: 256 * GIB,
            disk: 4_096 * GIB,
            engine: "20.10.24".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..NodeFacts::default()
        };
        Self { path: format!("/nodes/simulated-{number:04}/sync"), life, known: None, facts, stats }
    }

    /// Asks what is wanted of it, and waits up to `wait` for news. `None` = the manager hears another life of it.
    pub(crate) async fn ask(
        &mut self,
        connection: &mut Connection,
        wait: Duration,
    ) -> anyhow::Result<Option<Told>> {
        let request = serde_json::to_string(&self.question(wait)?)?;
        let answer = connection.post(&self.path, request).await?;
        if answer.status == 409 {
            return Ok(None);
        }
        let answer = answer.expect(200).context("POST /nodes/{name}/sync")?;
        let heard: Heard = serde_json::from_slice(&answer.body)?;
        self.known = Some(heard.known);
        Ok(Some(Told { assignments: heard.assignments.len(), bytes: answer.body.len() }))
    }

    fn question(&self, wait: Duration) -> anyhow::Result<SyncRequest> {
        Ok(SyncRequest {
            life: self.life,
            known: self.known,
            clock: Some(Clock.now().wall),
            facts: self.facts.clone(),
            load: NodeLoad { cpu: 0.1, memory: 8 * GIB, disk: 100 * GIB },
            engine_trouble: None,
            stats: Some(self.stats.clone()),
            leftovers: Some(Vec::new()),
            reports: Vec::new(),
            events: Vec::new(),
            routed: None,
            open: Vec::new(),
            wait_ms: u64::try_from(wait.as_millis())?,
        })
    }

    /// Begins another life, which knows nothing.
    pub(crate) fn restart(&mut self) {
        let starts = self.life.starts + 1;
        self.life = Life { instance: InstanceId::generate(), starts, ..self.life };
        self.known = None;
    }
}
