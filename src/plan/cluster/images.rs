//! The images that this manager hands out: which there are, who names them, and when one goes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Cluster;
use super::change::Applied;
use super::image_change::ImageChange;
use crate::model::event::{Event, EventKind};
use crate::model::id::NodeName;
use crate::model::image::{ImageName, StoredImage};
use crate::model::state::Desired;
use crate::model::task::Task;
use crate::model::time::{Now, Timestamp};

/// Every image by its name.
pub(super) type Images = BTreeMap<ImageName, StoredImage>;

/// An image that nothing names is kept so long: somebody may be about to deploy it, or to bring it back.
pub const KEPT_UNUSED: Duration = Duration::from_hours(24);

impl Cluster {
    /// The images, by name.
    pub fn images(&self) -> impl Iterator<Item = &StoredImage> {
        self.images.values()
    }

    /// An image that there is.
    pub fn image(&self, name: &ImageName) -> Option<&StoredImage> {
        self.images.get(name)
    }

    /// Whether the worker of a node may have an image: a task that is to run there names it.
    pub fn may_fetch(&self, node: &NodeName, image: &ImageName) -> bool {
        let Some(member) = self.nodes.get(node) else { return false };
        let wants = |task: &Task| {
            task.desired == Desired::Run
                && !task.state.is_final()
                && name_in(&task.spec.image).as_ref() == Some(image)
        };
        member.assigned.values().chain(&member.leaving).filter_map(|id| self.tasks.get(id)).any(wants)
    }

    /// What is to be noted of who names which image, and which have not been named for long. A look at every task and at
    /// every version: for now and then.
    pub fn tend_images(&self, now: Now) -> Vec<ImageChange> {
        // Where the history may be an old one, nothing is let go of.
        if self.images.is_empty() || self.safe_mode().is_some() {
            return Vec::new();
        }
        let (named, lived) = (self.named_images(), self.lived(now.moment));
        let tended = |image: &StoredImage| match (image.unused_since, named.contains(&image.name)) {
            (Some(_), true) => Some(ImageChange::Used(image.name.clone())),
            (None, false) => Some(ImageChange::Unused(image.name.clone())),
            (Some(since), false) if lived.saturating_sub(since) >= KEPT_UNUSED => Some(ImageChange::Remove {
                image: image.name.clone(),
                why: "nothing has named it for a day".to_owned(),
                at: now.wall,
            }),
            _ => None,
        };
        self.images.values().filter_map(tended).collect()
    }

    /// Images that a kept version of a service or a live task names.
    fn named_images(&self) -> BTreeSet<ImageName> {
        let versions = self.services().flat_map(|service| service.versions.values());
        let of_services = versions.map(|version| &version.spec.task);
        let live = self.tasks.values().filter(|task| !task.state.is_final()).map(|task| &task.spec);
        of_services.chain(live).filter_map(|spec| name_in(&spec.image)).collect()
    }

    pub(super) fn change_image(&mut self, change: &ImageChange, now: Now) -> Applied {
        let lived = self.lived(now.moment);
        match change {
            ImageChange::Put(image) => {
                let message = format!("the image {} was sent, by {}", image.name, image.by);
                let event = of_image(image.at, message);
                // Nothing names it before a service does.
                let image = StoredImage { unused_since: Some(lived), ..image.clone() };
                self.dirty.images.insert(image.name.clone());
                self.images.insert(image.name.clone(), image);
                Applied::Changed(vec![event])
            }
            ImageChange::Used(name) => self.note_use(name, None),
            ImageChange::Unused(name) => self.note_use(name, Some(lived)),
            ImageChange::Remove { image, why, at } => {
                if self.images.remove(image).is_none() {
                    return Applied::Ignored;
                }
                self.dirty.images.remove(image);
                self.dirty.images_gone.insert(image.clone());
                Applied::Changed(vec![of_image(*at, format!("the image {image} is let go of: {why}"))])
            }
        }
    }

    fn note_use(&mut self, name: &ImageName, unused_since: Option<Duration>) -> Applied {
        let Some(image) = self.images.get_mut(name) else { return Applied::Ignored };
        image.unused_since = unused_since;
        self.dirty.images.insert(name.clone());
        Applied::Changed(Vec::new())
    }
}

/// The name of an image that managers hand out, in a reference.
fn name_in(reference: &str) -> Option<ImageName> {
    ImageName::in_reference(reference).and_then(Result::ok)
}

fn of_image(at: Timestamp, message: String) -> Event {
    Event { at, task: None, node: None, attempt: 0, kind: EventKind::ImageChanged, exit_code: None, message }
}
