//! What runs on the three machines, as their engines say. Their sockets are files, so no cut cable is in the way.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::ListContainersOptionsBuilder;
use futures_util::future::join_all;
use orc::engine::labels;

use crate::cluster::NODES;

/// An engine that takes longer to list its containers is silent.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a watch looks.
const TEN_HERTZ: Duration = Duration::from_millis(100);

/// All engines.
pub(crate) struct Engines {
    sockets: [PathBuf; NODES.len()],
}

/// A live container of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Container {
    pub(crate) task: String,
    pub(crate) node: &'static str,
    pub(crate) id: String,
}

/// What was seen at one look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Sorted.
    pub(crate) live: Vec<Container>,
    /// Engines that did not answer: what is on them is unknown.
    pub(crate) silent: Vec<&'static str>,
}

impl Seen {
    /// On which nodes a task has a live container.
    pub(crate) fn places(&self, task: &str) -> Vec<&'static str> {
        self.live.iter().filter(|container| container.task == task).map(|container| container.node).collect()
    }
}

impl Engines {
    /// Those behind these sockets, one for each node.
    pub(crate) fn new(sockets: [PathBuf; NODES.len()]) -> Self {
        Self { sockets }
    }

    /// Asks all of them at once. Paused and restarting containers are live, too.
    pub(crate) async fn look(&self) -> Seen {
        let lists = join_all(self.sockets.iter().map(|socket| list(socket))).await;
        let mut seen = Seen::default();
        for (node, list) in NODES.into_iter().zip(lists) {
            match list {
                Some(live) => {
                    seen.live.extend(live.into_iter().map(|(task, id)| Container { task, node, id }));
                }
                None => seen.silent.push(node),
            }
        }
        seen.live.sort();
        seen
    }

    /// Looks ten times a second until `work` is done, and hands each look to `check`.
    pub(crate) async fn watch<T>(&self, work: impl Future<Output = T>, mut check: impl FnMut(Seen)) -> T {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(TEN_HERTZ);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => {}
            }
            // The work goes on while the engines are asked.
            let mut look = std::pin::pin!(self.look());
            tokio::select! {
                seen = &mut look => check(seen),
                done = &mut work => {
                    check(look.await);
                    return done;
                }
            }
        }
    }
}

/// The tasks and IDs of an engine's live containers; `None` = it does not answer.
async fn list(socket: &Path) -> Option<Vec<(String, String)>> {
    let docker =
        Docker::connect_with_unix(socket.to_str()?, PATIENCE.as_secs(), bollard::API_DEFAULT_VERSION).ok()?;
    let ours = HashMap::from([("label".to_owned(), vec![labels::TASK.to_owned()])]);
    let options = ListContainersOptionsBuilder::new().filters(&ours).build();
    let listing = tokio::time::timeout(PATIENCE, docker.list_containers(Some(options)));
    let listed = listing.await.ok()?.ok()?;
    let named = listed.into_iter().map(|container| {
        let task = container.labels.and_then(|mut labels| labels.remove(labels::TASK)).unwrap_or_default();
        (task, container.id.unwrap_or_default())
    });
    Some(named.collect())
}
