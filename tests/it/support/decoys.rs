//! Containers that are nobody's business: every test looks whether orc has touched them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use orc::engine::labels;
use orc::model::id::{ClusterId, TaskId};

use super::docker::{RawDocker, is_live, started_at};

/// Two decoys on one engine: one without labels, and one that another cluster's worker of the same name runs.
#[derive(Debug)]
pub(crate) struct Decoys {
    docker: RawDocker,
    ids: Vec<String>,
    /// When they were started.
    started_at: Vec<String>,
}

impl Decoys {
    /// Those of the engine for tests. All tests that run at one time share them: they cost time.
    pub(crate) async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Decoys>> = Mutex::new(Weak::new());
        let living = SHARED.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(living) = living {
            return living;
        }
        let made = Arc::new(Self::make(RawDocker::of_tests()).await);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        // Another test may have made some at the same time: these then have one user only.
        if shared.strong_count() == 0 {
            *shared = Arc::downgrade(&made);
        }
        made
    }

    /// Those of an engine that one test has for itself.
    pub(crate) async fn make(docker: RawDocker) -> Self {
        let unique = TaskId::generate();
        let plain = docker.create(&format!("orc-it-decoy-{unique}"), HashMap::new()).await;
        let others = [
            (labels::CLUSTER, ClusterId::generate().to_string()),
            (labels::NODE, "worker-1".to_owned()),
            (labels::TASK, unique.to_string()),
            (labels::ATTEMPT, "1".to_owned()),
            (labels::SPEC, "0123abcd".to_owned()),
        ];
        let others = others.map(|(name, value)| (name.to_owned(), value)).into();
        let foreign = docker.create(&format!("orc-it-decoy-{unique}.of-another-cluster"), others).await;
        let ids = vec![plain, foreign];
        let mut started = Vec::new();
        for id in &ids {
            docker.start(id).await;
            started.push(started_at(&docker.inspect(id).await));
        }
        Self { docker, ids, started_at: started }
    }

    /// What has happened to them, in a sentence; `None` when nothing has.
    pub(crate) async fn damage(&self, docker: &RawDocker) -> Option<String> {
        for (id, started) in self.ids.iter().zip(&self.started_at) {
            match docker.find(id).await {
                None => return Some(format!("the foreign container {id} was removed")),
                Some(found) if !is_live(&found) => {
                    return Some(format!("the foreign container {id} was stopped"));
                }
                Some(found) if started_at(&found) != *started => {
                    return Some(format!("the foreign container {id} was restarted"));
                }
                Some(_) => {}
            }
        }
        None
    }
}

impl Drop for Decoys {
    fn drop(&mut self) {
        let (host, ids) = (self.docker.host.clone(), std::mem::take(&mut self.ids));
        super::aside(async move {
            let docker = RawDocker::at(&host);
            for id in ids {
                docker.remove(&id).await;
            }
        });
    }
}
