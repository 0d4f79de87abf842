//! Asking the engine now and then what it is.
//!
//! That is told of the node, and it shows whether the whole engine answers: lists come from its memory, and go on coming
//! when what runs the containers hangs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Said, Worker};
use crate::engine::Engine;
use crate::model::node::NodeFacts;

/// Each time costs an engine three short processes.
const EVERY: Duration = Duration::from_secs(10);

/// An engine that did not answer is asked again so soon.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Keeps what is said of the engine up to date, and tells the worker whether it answers.
pub async fn describe<E: Engine>(engine: Arc<E>, worker: Worker, facts: watch::Sender<NodeFacts>) {
    loop {
        let answer = engine.info().await;
        let wait = if answer.is_ok() { EVERY } else { AGAIN_AFTER };
        let result = answer.map(|info| {
            facts.send_modify(|facts| {
                facts.engine = info.version;
                facts.cores = info.cores;
                facts.memory = info.memory;
                facts.volumes = info.volumes.or(facts.volumes.take());
            });
        });
        worker.say(Said::Described(result)).await;
        tokio::time::sleep(wait).await;
    }
}
