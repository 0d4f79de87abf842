//! Images that managers hand out, in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::image::StoredImage;

/// The header with the SHA-256 of an archive, in hexadecimal digits.
pub const DIGEST: &str = "orc-archive-sha256";

/// An image that was built for a service, and that workers fetch from the manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct BuiltImage {
    /// As in `shop-web:1a2b3c4d5e6f`: the tag is the beginning of the image's ID.
    pub name: String,
    /// As tasks name it.
    pub reference: String,
    /// Bytes of its archive, as `docker save` makes it.
    pub size: u64,
    /// SHA-256 of that, in hexadecimal digits.
    pub digest: String,
    /// Who sent it, in words.
    pub by: String,
    /// When; RFC 3339.
    pub at: String,
}

impl From<&StoredImage> for BuiltImage {
    fn from(image: &StoredImage) -> Self {
        Self {
            name: image.name.to_string(),
            reference: image.name.reference(),
            size: image.size,
            digest: image.digest.clone(),
            by: image.by.clone(),
            at: image.at.to_string(),
        }
    }
}
