//! Images that were built for services: fetched from the manager and given to the engine, piece by piece. No registry is ever
//! asked for them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::client::{Client, ClientError, segment};
use crate::engine::Engine;
use crate::model::container::{Failure, Owner};
use crate::model::image::ImageName;
use crate::wire::built_image::DIGEST;

/// A manager that does not begin within this is away.
const DEADLINE: Duration = Duration::from_secs(10);

/// One that sends nothing for so long does not go on.
const IDLE: Duration = Duration::from_mins(1);

/// Fetches an image from wherever it is: the manager, or a registry.
pub(super) async fn fetch<E: Engine>(
    engine: &E,
    manager: Option<&Client>,
    owner: &Owner,
    image: &str,
    progress: watch::Sender<String>,
) -> Result<(), Failure> {
    match ImageName::in_reference(image) {
        None => engine.pull(image, progress).await,
        Some(Err(why)) => Err(Failure::Refused(why)),
        Some(Ok(name)) => of_manager(engine, manager, owner, &name, progress).await,
    }
}

async fn of_manager<E: Engine>(
    engine: &E,
    manager: Option<&Client>,
    owner: &Owner,
    name: &ImageName,
    progress: watch::Sender<String>,
) -> Result<(), Failure> {
    let manager = manager.ok_or_else(|| Failure::Unknown("the manager was not reached yet".to_owned()))?;
    progress.send_replace("asking the manager".to_owned());
    let path = format!("/nodes/{}/images/{}", owner.node, segment(name.as_str()));
    let (headers, pieces) = manager.download(&path, DEADLINE).await.map_err(not_given)?;
    let digest = headers.get(DIGEST).and_then(|digest| digest.to_str().ok()).unwrap_or_default().to_owned();
    let broken = Arc::new(Mutex::new(None));
    let archive = checked(pieces, digest, broken.clone());
    let loaded = engine.load(&name.reference(), archive, progress).await;
    // What kept the archive from coming says more than that the engine got a half.
    match broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(why) => Err(Failure::Unknown(why)),
        None => loaded,
    }
}

fn not_given(error: ClientError) -> Failure {
    match error {
        ClientError::Refused { status: 404, message } => Failure::Missing(message),
        error => Failure::Unknown(format!("the manager does not give it: {error}")),
    }
}

/// The pieces, but the last only once all of them are what the digest says: an engine takes in no half of an archive.
fn checked(
    pieces: impl Stream<Item = Result<Bytes, ClientError>> + Send + 'static,
    digest: String,
    broken: Arc<Mutex<Option<String>>>,
) -> BoxStream<'static, io::Result<Bytes>> {
    let checking = Checking { pieces: pieces.boxed(), held: None, sum: Sha256::new(), digest, broken };
    stream::unfold(Some(checking), |checking| async {
        let mut checking = checking?;
        match checking.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(checking))),
            Ok(None) => None,
            Err(why) => {
                *checking.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
                Some((Err(io::Error::other(why)), None))
            }
        }
    })
    .boxed()
}

struct Checking {
    pieces: BoxStream<'static, Result<Bytes, ClientError>>,
    /// Came, and was not given on yet.
    held: Option<Bytes>,
    sum: Sha256,
    digest: String,
    /// Why it came to no good end.
    broken: Arc<Mutex<Option<String>>>,
}

impl Checking {
    async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            let next = timeout(IDLE, self.pieces.next()).await;
            let next =
                next.map_err(|_| format!("nothing of it came from the manager for {} s", IDLE.as_secs()))?;
            let Some(piece) = next else { return self.end() };
            let piece = piece.map_err(|error| format!("the manager's sending broke off: {error}"))?;
            self.sum.update(&piece);
            if let Some(held) = self.held.replace(piece) {
                return Ok(Some(held));
            }
        }
    }

    fn end(&mut self) -> Result<Option<Bytes>, String> {
        let Some(held) = self.held.take() else { return Ok(None) };
        let digits: Vec<String> =
            std::mem::take(&mut self.sum).finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if digits.concat() == self.digest {
            return Ok(Some(held));
        }
        Err("what came from the manager is not what it had: its digest differs".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// What the engine is given of two pieces whose digest is this, and what is told of it.
    async fn given(digest: &str) -> (Vec<Option<Bytes>>, Option<String>) {
        let broken = Arc::new(Mutex::new(None));
        let pieces = stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"c"))]);
        let given = checked(pieces, digest.to_owned(), broken.clone());
        let given = given.map(Result::ok).collect().await;
        let broken = broken.lock().unwrap().take();
        (given, broken)
    }

    #[tokio::test]
    async fn an_engine_gets_the_end_of_an_archive_only_when_all_of_it_is_what_it_was() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let whole = [Some(Bytes::from_static(b"ab")), Some(Bytes::from_static(b"c"))];
        assert_eq!(given(abc).await, (whole.to_vec(), None));
        let (given, told) = given(EMPTY).await;
        assert_eq!(given, [Some(Bytes::from_static(b"ab")), None], "and not the end");
        assert!(told.unwrap().contains("its digest differs"));
    }
}
