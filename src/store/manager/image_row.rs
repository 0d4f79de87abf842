//! Images that the manager hands out as their table holds them.

use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;

use crate::model::image::StoredImage;
use crate::store::column::{time, word};
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// One row of `images`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct ImageRow {
    name: String,
    file: String,
    size: u64,
    digest: String,
    made_by: String,
    made_at: String,
    unused_since_ms: Option<u64>,
}

pub(super) const UPSERT: Insert = Insert {
    table: "images",
    columns: "name, file, size, digest, made_by, made_at, unused_since_ms",
    on_conflict: "\
        ON CONFLICT (name) DO UPDATE SET file = excluded.file, size = excluded.size, digest = excluded.digest, \
        made_by = excluded.made_by, made_at = excluded.made_at, unused_since_ms = excluded.unused_since_ms",
};

/// Takes an array of names.
pub(super) const FORGET: &str = "DELETE FROM images WHERE name IN (SELECT value FROM json_each(?))";

impl From<&StoredImage> for ImageRow {
    fn from(image: &StoredImage) -> Self {
        let millis = |lived: Duration| u64::try_from(lived.as_millis()).unwrap_or(u64::MAX);
        Self {
            name: image.name.to_string(),
            file: image.file.clone(),
            size: image.size,
            digest: image.digest.clone(),
            made_by: image.by.clone(),
            made_at: image.at.to_string(),
            unused_since_ms: image.unused_since.map(millis),
        }
    }
}

impl Stored for ImageRow {
    type Item = StoredImage;

    fn decode(self) -> Result<StoredImage, String> {
        Ok(StoredImage {
            name: word("name", &self.name)?,
            file: self.file,
            size: self.size,
            digest: self.digest,
            by: self.made_by,
            at: time("made_at", &self.made_at)?,
            unused_since: self.unused_since_ms.map(Duration::from_millis),
        })
    }
}
