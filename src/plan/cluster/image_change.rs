//! Every change that can come over an image that this manager hands out. What each means is in `images`.

use crate::model::image::{ImageName, StoredImage};
use crate::model::time::Timestamp;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageChange {
    /// A user has sent an image, whose archive is kept by now; one of that name is replaced.
    Put(StoredImage),
    /// The planner finds that something names an image again.
    Used(ImageName),
    /// The planner finds that nothing names an image any more.
    Unused(ImageName),
    /// The planner lets go of an image that nothing has named for long, or whose archive is gone.
    Remove {
        /// Which.
        image: ImageName,
        /// Why, in words.
        why: String,
        /// When.
        at: Timestamp,
    },
}

impl ImageChange {
    /// Whether it is a user's word.
    pub const fn is_of_user(&self) -> bool {
        matches!(self, Self::Put(_))
    }
}
