//! Images that the manager hands out: sent by users, fetched by workers, and let go of when nothing names them.

use tokio::fs::File;

use super::archives::NotKept;
use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use super::{Manager, Trouble};
use crate::model::id::NodeName;
use crate::model::image::{ImageName, StoredImage};
use crate::model::time::Now;
use crate::plan::cluster::change::{Change, ImageChange, Refusal};

/// Why an image is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Its archive could not be kept.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// It could not be written down.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// The archive of an image.
#[derive(Debug)]
pub struct Archive {
    /// Which.
    pub image: StoredImage,
    /// To read.
    pub file: File,
}

impl Manager {
    /// Takes an image that comes in pieces: durable when this returns.
    pub async fn put_image<E: std::fmt::Display>(
        &self,
        name: ImageName,
        by: String,
        pieces: impl futures_util::Stream<Item = Result<bytes::Bytes, E>>,
    ) -> Result<StoredImage, NotTaken> {
        let received = self.archives.receive(&name, self.image_limit, pieces).await?;
        let at = self.clock.now().wall;
        let (size, digest, file) = (received.size, received.digest, received.file);
        let image = StoredImage { name, file, size, digest, by, at, unused_since: None };
        match self.ask(Message::PutImage { image: Box::new(image.clone()) }).await {
            Ok(_) => Ok(image),
            Err(trouble) => {
                // Refused, it is not written down. Where that is not known, the next start finds out.
                if matches!(trouble, Trouble::Refused(_)) {
                    self.archives.remove(&image.file);
                }
                Err(trouble.into())
            }
        }
    }

    /// The images, by name.
    pub async fn images(&self) -> Result<Vec<StoredImage>, Trouble> {
        match self.ask(Message::Images).await? {
            Answer::Images(images) => Ok(images),
            _ => Err(Trouble::Stopping),
        }
    }

    /// An image whose archive is there.
    pub async fn image(&self, name: &ImageName) -> Result<StoredImage, Trouble> {
        let found = self.images().await?.into_iter().find(|image| image.name == *name);
        found.filter(|image| self.archives.has(image)).ok_or_else(|| unknown(name))
    }

    /// The archive of an image that a task on this node names.
    pub async fn archive_for(&self, node: NodeName, name: ImageName) -> Result<Archive, Trouble> {
        self.ask(Message::MayFetch { node, image: name.clone() }).await?;
        let image = self.image(&name).await?;
        let file = self.archives.open(&image).await.ok_or_else(|| unknown(&name))?;
        Ok(Archive { image, file })
    }
}

fn unknown(name: &ImageName) -> Trouble {
    Trouble::Refused(Refused::Rule(Refusal::UnknownImage(name.clone())))
}

impl Keeper {
    pub(super) fn put_image(&mut self, image: &StoredImage, now: Now) -> Answer {
        if self.store.is_tight() {
            return Answer::Refused(Refused::OutOfSpace(
                "the disk of the manager's database is full: no image is taken until there is room"
                    .to_owned(),
            ));
        }
        let former = self.cluster.image(&image.name).map(|former| former.file.clone());
        match self.decide(&Change::Image(ImageChange::Put(image.clone())), now) {
            Ok(_) => {
                self.draft.archives_gone.extend(former);
                Answer::Done
            }
            Err(refusal) => Answer::Refused(Refused::Rule(refusal)),
        }
    }

    pub(super) fn images(&self) -> Answer {
        Answer::Images(self.cluster.images().cloned().collect())
    }

    pub(super) fn may_fetch(&self, node: &NodeName, image: &ImageName) -> Answer {
        if self.cluster.may_fetch(node, image) {
            return Answer::Done;
        }
        let (node, image) = (node.clone(), image.clone());
        Answer::Refused(Refused::Rule(Refusal::ImageNotNamed { node, image }))
    }

    /// Notes which images nothing names, and lets go of those that nothing has named for long; whether there was any.
    pub(super) fn tend_images(&mut self) -> bool {
        let now = self.clock.now();
        let changes = self.cluster.tend_images(now);
        for change in &changes {
            if let ImageChange::Remove { image, .. } = change {
                self.draft.archives_gone.extend(self.cluster.image(image).map(|image| image.file.clone()));
            }
            self.carry_out(&Change::Image(change.clone()), now);
        }
        !changes.is_empty()
    }
}
