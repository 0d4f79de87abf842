//! Everything that an engine did with containers of orc while the tests ran, as it called it out itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use orc::engine::labels;

use super::docker::RawDocker;

/// One line of it.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) cluster: String,
    pub(crate) task: String,
    pub(crate) attempt: String,
    pub(crate) container: String,
    /// Docker's word: `create`, `start`, `die`, `kill` …
    pub(crate) action: String,
    /// In milliseconds since 1970, by the engine's clock.
    pub(crate) at: i64,
}

/// What is known of one engine. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Mutex<Vec<Happened>>>);

impl History {
    /// The history of the engine for tests, from the first call on.
    pub(crate) fn of_tests() -> Self {
        static SHARED: Mutex<Option<History>> = Mutex::new(None);
        SHARED.lock().unwrap().get_or_insert_with(|| Self::begin(super::real_rig::docker_host())).clone()
    }

    /// Listens from now on, as long as the process lives or the engine does.
    pub(crate) fn begin(host: String) -> Self {
        let history = Self::default();
        let (listened, begun) = std::sync::mpsc::channel();
        let written = history.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(written.listen(&RawDocker::at(&host), listened));
        });
        begun.recv().unwrap();
        history
    }

    async fn listen(&self, docker: &RawDocker, listened: std::sync::mpsc::Sender<()>) {
        let filters = HashMap::from([
            ("type".to_owned(), vec!["container".to_owned()]),
            ("label".to_owned(), vec![labels::CLUSTER.to_owned()]),
        ]);
        let now = docker.api.info().await.unwrap().system_time.unwrap();
        let seconds = orc::model::time::Timestamp::parse(&now).unwrap().millis() / 1000;
        let options = EventsOptionsBuilder::new().since(&seconds.to_string()).filters(&filters).build();
        let mut events = docker.api.events(Some(options));
        listened.send(()).unwrap();
        while let Some(Ok(event)) = events.next().await {
            let Some((action, actor)) = event.action.zip(event.actor) else { continue };
            let attributes = actor.attributes.unwrap_or_default();
            let label = |name: &str| attributes.get(name).cloned().unwrap_or_default();
            self.0.lock().unwrap().push(Happened {
                cluster: label(labels::CLUSTER),
                task: label(labels::TASK),
                attempt: label(labels::ATTEMPT),
                container: actor.id.unwrap_or_default(),
                action,
                at: event.time_nano.unwrap_or_default() / 1_000_000,
            });
        }
    }

    /// What happened to the containers of a cluster.
    pub(crate) fn of(&self, cluster: &str) -> Vec<Happened> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|happened| happened.cluster == cluster).cloned().collect()
    }

    /// What must never happen and did: two containers of one task at one time, or two of one attempt.
    pub(crate) fn crime(&self, cluster: &str) -> Option<String> {
        let mut live: BTreeMap<String, String> = BTreeMap::new();
        let mut started: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for Happened { task, attempt, container, action, .. } in self.of(cluster) {
            match action.as_str() {
                "start" => {
                    let of_attempt = started.entry((task.clone(), attempt.clone())).or_default();
                    of_attempt.insert(container.clone());
                    if of_attempt.len() > 1 {
                        return Some(format!("attempt {attempt} of the task {task} had {of_attempt:?}"));
                    }
                    let before = live.insert(task.clone(), container.clone());
                    if let Some(other) = before.filter(|other| *other != container) {
                        return Some(format!("{other} and {container} of the task {task} lived at one time"));
                    }
                }
                "die" if live.get(&task) == Some(&container) => drop(live.remove(&task)),
                _ => {}
            }
        }
        None
    }
}
