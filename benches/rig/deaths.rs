//! A client that hears which containers die: the quickest way to learn that one needs a replacement.

use std::time::Duration;

use anyhow::Context;
use futures_util::TryStreamExt;
use orc::clock::Clock;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::bare::Bare;

/// The engine tells of a death within so long, or something is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// Listens all the time.
pub(crate) struct Deaths {
    ids: mpsc::UnboundedReceiver<String>,
    _listener: JoinSet<()>,
}

impl Deaths {
    /// Listens from now on; returns once a first death was heard, which it causes itself.
    pub(crate) async fn listen(bare: &Bare) -> anyhow::Result<Self> {
        let since = Clock.now().wall.millis() / 1000 - 1;
        let mut events = bare.deaths(since);
        let (send, ids) = mpsc::unbounded_channel();
        let mut listener = JoinSet::new();
        listener.spawn(async move {
            while let Ok(Some(event)) = events.try_next().await {
                let id = event.actor.and_then(|actor| actor.id).unwrap_or_default();
                if send.send(id).is_err() {
                    return;
                }
            }
        });
        let mut deaths = Self { ids, _listener: listener };
        let canary = bare.start().await?;
        bare.kill(&canary).await?;
        deaths.of(&canary).await?;
        bare.remove(&canary).await?;
        Ok(deaths)
    }

    /// Returns as soon as this container has died.
    pub(crate) async fn of(&mut self, id: &str) -> anyhow::Result<()> {
        let heard = async {
            while self.ids.recv().await.context("the engine's events ended")? != id {}
            Ok(())
        };
        tokio::time::timeout(PATIENCE, heard)
            .await
            .with_context(|| format!("nobody said that {id} has died"))?
    }
}
