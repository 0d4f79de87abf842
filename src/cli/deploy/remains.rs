//! What tasks that did not work wrote last: asked for while their containers are there, since those of a version that is
//! taken back go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::cli::api::{Api, LogQuery};
use crate::wire::service::{Service, ServiceTask};

/// So many of the last lines are kept.
const LAST_LINES: u64 = 10;

/// No output is waited for longer: the wait for the services goes on behind it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last lines of one task of each service.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// By service: the task's name, and its lines.
    lines: BTreeMap<String, (String, Vec<String>)>,
    /// Tasks in the states in which they were asked.
    asked: BTreeSet<(String, String, String)>,
}

impl Remains {
    /// Keeps what a task of this version wrote that is not well.
    pub(super) async fn look(&mut self, api: &Api, service: &Service, version: u64) {
        let is_unwell =
            |task: &&ServiceTask| task.version == version && !task.ready && !task.message.is_empty();
        for task in service.tasks.iter().filter(is_unwell) {
            let state = (task.id.clone(), task.state.clone(), task.message.clone());
            if self.asked.insert(state)
                && let Ok(lines) = timeout(PATIENCE, lines(api, &task.id)).await
                && !lines.is_empty()
            {
                self.lines.insert(service.name.clone(), (task.name.clone(), lines));
            }
        }
    }

    /// The task of a service that wrote last, and its lines.
    pub(super) fn of(&self, service: &str) -> Option<(&str, &[String])> {
        self.lines.get(service).map(|(task, lines)| (task.as_str(), lines.as_slice()))
    }
}

async fn lines(api: &Api, task: &str) -> Vec<String> {
    let query = LogQuery { tail: Some(LAST_LINES), ..LogQuery::default() };
    let Ok(mut pieces) = api.logs(task, &query).await else { return Vec::new() };
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = pieces.next().await {
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8_lossy(&bytes).lines().map(ToOwned::to_owned).collect()
}
