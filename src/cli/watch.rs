//! Waiting for something to happen to tasks.

use std::time::Duration;

use tokio::time::timeout;

use super::api::Api;
use super::sse::{EventStream, Told};

/// A task is looked at so often even when no event says that anything has changed.
const PERIOD: Duration = Duration::from_millis(500);

/// A watch on history. Its events are hints: they save time, and one that is lost costs no more than a period.
pub(super) struct Watch {
    stream: Option<EventStream>,
}

impl Watch {
    /// Begins to watch now. Where there is no stream to be had, the period is all there is.
    pub(super) async fn begin(api: &Api) -> Self {
        Self { stream: api.events_from_now().await.ok() }
    }

    /// Waits until something has happened to a task that `concerns` picks, or a period is over.
    pub(super) async fn changed(&mut self, concerns: impl Fn(&str) -> bool) {
        drop(timeout(PERIOD, self.hint(concerns)).await);
    }

    async fn hint(&mut self, concerns: impl Fn(&str) -> bool) {
        while let Some(stream) = &mut self.stream {
            match stream.next().await {
                Ok(Some(Told::Gap(_))) => return,
                Ok(Some(Told::Event(event))) if event.task_id.as_deref().is_some_and(&concerns) => return,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => self.stream = None,
            }
        }
        std::future::pending::<()>().await;
    }
}
