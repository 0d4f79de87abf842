//! Taking in an image that comes as an archive.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard::query_parameters::ImportImageOptionsBuilder;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::failure;
use super::pull::megabytes;
use crate::model::container::Failure;

/// Loads an archive, which has to bring `image`, and gives up when nothing moved for `idle`.
pub(super) async fn load(
    client: &bollard::Docker,
    image: &str,
    archive: BoxStream<'static, io::Result<Bytes>>,
    idle: Duration,
    progress: watch::Sender<String>,
) -> Result<(), Failure> {
    let taken = Arc::new(AtomicU64::new(0));
    let counted = archive.inspect({
        let taken = taken.clone();
        move |piece| {
            let bytes = piece.as_ref().map_or(0, |piece| piece.len() as u64);
            let sum = taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
            progress.send_replace(format!("{} MB", megabytes(i64::try_from(sum).unwrap_or(i64::MAX))));
        }
    });
    let options = ImportImageOptionsBuilder::new().quiet(false).build();
    let mut messages = Box::pin(client.import_image_stream(options, counted, None));
    let mut seen = 0;
    loop {
        match timeout(idle, messages.next()).await {
            Ok(None) => break,
            Ok(Some(message)) => _ = message.map_err(|error| failure::from_bollard(&error))?,
            // It says nothing before it has taken in all that comes: that moves as well.
            Err(_) => {
                let moved = taken.load(Ordering::Relaxed);
                if moved == seen {
                    return Err(Failure::Unknown(format!("nothing has moved for {} s", idle.as_secs())));
                }
                seen = moved;
            }
        }
    }
    match timeout(idle, client.inspect_image(image)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(match failure::from_bollard(&error) {
            Failure::Missing(_) => Failure::Refused(format!("the archive did not bring {image}")),
            failure => failure,
        }),
        Err(_) => Err(Failure::Unknown("the Docker Engine does not say whether it has the image".to_owned())),
    }
}
