//! Sending what a task wrote to whoever reads it at the manager.

use std::sync::Arc;

use futures_util::StreamExt;

use super::Worker;
use crate::client::Client;
use crate::engine::{Engine, LogOptions};
use crate::wire::sync::StreamRequest;

/// Sends a task's output as the body of one request, and ends when it ends or nobody reads it any more.
pub async fn send<E: Engine>(
    engine: Arc<E>,
    worker: Worker,
    manager: Client,
    path: String,
    request: StreamRequest,
) {
    let container = worker.container_of(request.task).await;
    let options = LogOptions {
        follow: request.follow,
        tail: request.tail,
        since: request.since,
        timestamps: request.timestamps,
    };
    let chunks = match &container {
        Some(container) => engine.logs(container, &options),
        None => futures_util::stream::empty().boxed(),
    };
    let task = request.task;
    let pieces = chunks.scan((), move |(), chunk| {
        std::future::ready(match chunk {
            Ok(chunk) => Some(chunk.bytes),
            Err(failure) => {
                tracing::warn!(task.id = %task, "its output broke off: {failure}");
                None
            }
        })
    });
    if let Err(error) = manager.upload(&path, pieces).await {
        tracing::debug!(task.id = %request.task, "an output was not sent to its end: {error}");
    }
}
