//! A follower of `GET /events`: how a client of orc learns that a task runs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use orc::model::id::TaskId;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::http::Connection;

/// What is awaited comes within so long, or something is broken.
const PATIENCE: Duration = Duration::from_mins(3);

/// Reads all the time, so that each event has the moment when it came.
pub(crate) struct Follower {
    events: mpsc::UnboundedReceiver<Seen>,
    _reader: JoinSet<()>,
}

/// An event that came.
struct Seen {
    at: Instant,
    event: Event,
}

/// What is read of an event.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    kind: String,
    #[serde(rename = "TaskID")]
    task: Option<TaskId>,
    message: String,
}

impl Follower {
    /// Follows what happens from now on.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(address).await?;
        let answer = connection.send(Method::GET, "/events", String::new()).await?;
        ensure!(answer.status().is_success(), "GET /events was answered {}", answer.status());
        let (send, events) = mpsc::unbounded_channel();
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            // An end shows in the channel's end.
            _ = read(answer.into_body(), &send).await;
            drop(connection);
        });
        Ok(Self { events, _reader: reader })
    }

    /// When the last of `tasks` had an event of this kind.
    pub(crate) async fn all(&mut self, kind: &str, tasks: &BTreeSet<TaskId>) -> anyhow::Result<Instant> {
        let mut missing = tasks.clone();
        let wait = tokio::time::timeout(PATIENCE, async {
            loop {
                let seen = self.events.recv().await.context("GET /events ended")?;
                let Some(task) = seen.event.task.filter(|task| missing.contains(task)) else { continue };
                if seen.event.kind == kind {
                    missing.remove(&task);
                } else if seen.event.kind == "failed" {
                    bail!("the task {task} failed: {}", seen.event.message);
                }
                if missing.is_empty() {
                    return Ok(seen.at);
                }
            }
        });
        wait.await.with_context(|| format!("within {PATIENCE:?} not every task was {kind}"))?
    }
}

/// Cuts a stream of server-sent events into its events.
async fn read(mut body: Incoming, events: &mpsc::UnboundedSender<Seen>) -> anyhow::Result<()> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let at = Instant::now();
        let Ok(data) = frame?.into_data() else { continue };
        text.extend_from_slice(&data);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            if let Some(json) = line.strip_prefix(b"data: ") {
                events.send(Seen { at, event: serde_json::from_slice(json)? })?;
            }
        }
    }
    Ok(())
}
