//! The routes of images that managers hand out.

use bytes::Bytes;
use futures_util::Stream;

use super::{Api, DEADLINE};
use crate::client::{ClientError, segment};
use crate::model::image::ImageName;
use crate::wire::built_image::BuiltImage;

impl Api {
    /// All images.
    pub(in crate::cli) async fn images(&self) -> Result<Vec<BuiltImage>, ClientError> {
        self.client.get("/images", DEADLINE).await
    }

    /// One image; refused with 404 where the manager does not have it.
    pub(in crate::cli) async fn image(&self, name: &ImageName) -> Result<BuiltImage, ClientError> {
        self.client.get(&path_of(name), DEADLINE).await
    }

    /// Sends an image, as `docker save` writes it. Dropping the future breaks it off.
    pub(in crate::cli) async fn put_image(
        &self,
        name: &ImageName,
        pieces: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<BuiltImage, ClientError> {
        self.client.put(&path_of(name), "application/x-tar", pieces).await
    }
}

fn path_of(name: &ImageName) -> String {
    format!("/images/{}", segment(name.as_str()))
}
