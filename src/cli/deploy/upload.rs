//! Sending an image to the manager: what `docker save` writes, as it comes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, future, stream};
use sha2::{Digest as _, Sha256};
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio_util::io::ReaderStream;

use crate::cli::api::Api;
use crate::cli::docker::{self, DockerError};
use crate::cli::progress::Progress;
use crate::cli::{output, words};
use crate::client::ClientError;
use crate::model::image::ImageName;

/// What is read of `docker save` at a time, in bytes.
const PIECE: usize = 256 << 10;

/// Why an image was not sent: the end of a sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSent {
    /// `docker` did not write it.
    #[error("cannot be read from `docker`: {0}")]
    Docker(#[from] DockerError),
    /// The manager did not take it.
    #[error("was not taken by the manager: {0}")]
    Manager(#[from] ClientError),
    /// It has something else.
    #[error("came to the manager as something else than was sent: deploy again")]
    Spoiled,
}

/// What was sent so far.
#[derive(Default)]
struct Sent {
    bytes: u64,
    sum: Sha256,
}

/// Sends an image, unless the manager has it.
pub(super) async fn send(api: &Api, name: &ImageName) -> Result<(), NotSent> {
    match api.image(name).await {
        Ok(_) => {
            output::note(&format!("the manager has {name}"));
            return Ok(());
        }
        Err(ClientError::Refused { status: 404, .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let args = ["save".to_owned(), name.reference()];
    let child = docker::begin(&args)?;
    let progress = Progress::begin();
    progress.tell(format!("sending {name} to the manager"));
    let (fail, failed) = oneshot::channel();
    let sent = Arc::new(Mutex::new(Sent::default()));
    let told = progress.clone();
    let counted = pieces(child, args, fail).inspect({
        let (sent, name) = (sent.clone(), name.clone());
        move |piece| {
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.bytes += piece.len() as u64;
            sent.sum.update(piece);
            if let Progress::Terminal(_) = told {
                told.tell(format!("sending {name} to the manager: {}", words::size(sent.bytes)));
            }
        }
    });
    let result = tokio::select! {
        // What ends the archive too early is told first, and the request is broken off by it.
        biased;
        Ok(error) = failed => Err(error.into()),
        result = api.put_image(name, counted) => result.map_err(NotSent::from),
    };
    progress.end();
    let image = result?;
    let sent = std::mem::take(&mut *sent.lock().unwrap_or_else(PoisonError::into_inner));
    let digits: Vec<String> = sent.sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if image.digest != digits.concat() {
        return Err(NotSent::Spoiled);
    }
    output::note(&format!("sent {name} to the manager: {}", words::size(sent.bytes)));
    Ok(())
}

/// What the program writes, to its good end. Where it comes to no good end, neither does this.
fn pieces(
    mut child: Child,
    args: [String; 2],
    fail: oneshot::Sender<DockerError>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let output = child.stdout.take().map(|output| ReaderStream::with_capacity(output, PIECE));
    stream::unfold((output, child, args, Some(fail)), |(mut output, mut child, args, mut fail)| async {
        let error = match output.as_mut()?.next().await {
            Some(Ok(piece)) => return Some((piece, (output, child, args, fail))),
            Some(Err(error)) => DockerError::from(error),
            None => match child.wait().await {
                Ok(status) => docker::ended(&args, status, ", and says above why").err()?,
                Err(error) => DockerError::from(error),
            },
        };
        // Whoever hears of it drops the request, so that nobody takes a half for the whole.
        fail.take().map(|fail| fail.send(error));
        future::pending().await
    })
}
