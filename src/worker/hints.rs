//! Listening to the engine: what it calls out saves time, and nothing depends on it (rule R9).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::{Said, Worker};
use crate::engine::{Engine, EngineEvent};
use crate::model::container::Owner;
use crate::plan::host::hint::{Hint, HintKind};

/// The engine is listened to again so long after it went away.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Signals that are sent to end a process: SIGHUP, which asks many to read their settings anew, is none.
const ENDING_SIGNALS: [u32; 3] = [2, 3, 15];

/// The one that no process can answer.
const SIGKILL: u32 = 9;

/// Listens until `stop`.
pub async fn listen<E: Engine>(engine: Arc<E>, worker: Worker, stop: CancellationToken) {
    let mut owner = worker.owner.clone();
    let listening = async {
        loop {
            let known = owner.wait_for(Option::is_some).await.map(|owner| owner.clone());
            let Ok(Some(owner)) = known else { return };
            listen_once(&*engine, &owner, &worker).await;
            worker.say(Said::EngineMayBeGone).await;
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    };
    stop.run_until_cancelled(listening).await;
}

async fn listen_once<E: Engine>(engine: &E, owner: &Owner, worker: &Worker) {
    let mut events = engine.events(owner);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if let Some(hint) = hint(event) {
                    worker.say(Said::Hint(hint)).await;
                }
            }
            Err(failure) => {
                tracing::debug!("the engine's events broke off: {failure}");
                return;
            }
        }
    }
}

/// What an event is worth. What orc itself asks for is known from the answers.
fn hint(event: EngineEvent) -> Option<Hint> {
    let kind = match event.action.as_str() {
        "kill" if event.signal == Some(SIGKILL) => HintKind::Killed,
        "kill" if event.signal.is_none_or(|signal| ENDING_SIGNALS.contains(&signal)) => HintKind::AskedToEnd,
        "die" => event.exit.map_or(HintKind::Changed, HintKind::Died),
        "destroy" => HintKind::Destroyed,
        "oom" | "pause" | "unpause" | "update" | "stop" | "restart" => HintKind::Changed,
        action if action.starts_with("health_status") => HintKind::Changed,
        _ => return None,
    };
    Some(Hint { task: event.task, container: event.container, kind })
}
