//! The routes of secrets and configs.

use futures_util::TryStreamExt as _;

use super::{Api, DEADLINE};
use crate::client::ClientError;
use crate::model::managed_file::{FileKey, FileKind};
use crate::wire::file::{FileComparison, FileInput, FileVersionInput, ManagedFile};

impl Api {
    /// All secrets, or all configs.
    pub(in crate::cli) async fn files(&self, kind: FileKind) -> Result<Vec<ManagedFile>, ClientError> {
        self.client.get(&format!("/{}", kind.plural()), DEADLINE).await
    }

    /// One secret or config.
    pub(in crate::cli) async fn file(&self, key: &FileKey) -> Result<ManagedFile, ClientError> {
        self.client.get(&path_of(key, ""), DEADLINE).await
    }

    /// Makes a secret or a config.
    pub(in crate::cli) async fn make_file(
        &self,
        kind: FileKind,
        file: &FileInput,
    ) -> Result<ManagedFile, ClientError> {
        self.client.post(&format!("/{}", kind.plural()), file, DEADLINE).await
    }

    /// Makes a new version of a secret or a config, unless the newest is the same.
    pub(in crate::cli) async fn update_file(
        &self,
        key: &FileKey,
        version: &FileVersionInput,
    ) -> Result<ManagedFile, ClientError> {
        self.client.post::<ManagedFile>(&path_of(key, "/versions"), version, DEADLINE).await
    }

    /// Whether the newest version of a secret or a config is this.
    pub(in crate::cli) async fn compare_file(
        &self,
        key: &FileKey,
        version: &FileVersionInput,
    ) -> Result<FileComparison, ClientError> {
        self.client.post(&path_of(key, "/compare"), version, DEADLINE).await
    }

    /// Removes a secret or a config.
    pub(in crate::cli) async fn remove_file(&self, key: &FileKey) -> Result<(), ClientError> {
        self.client.delete(&path_of(key, ""), DEADLINE).await
    }

    /// What is in a version of a config.
    pub(in crate::cli) async fn config_data(
        &self,
        key: &FileKey,
        version: Option<u64>,
    ) -> Result<Vec<u8>, ClientError> {
        let version = version.map(|version| format!("?version={version}")).unwrap_or_default();
        let pieces = self.stream(&path_of(key, &format!("/data{version}"))).await?;
        pieces.try_fold(Vec::new(), async |all, piece| Ok([all.as_slice(), &piece].concat())).await
    }
}

/// Where a secret or a config is.
fn path_of(key: &FileKey, rest: &str) -> String {
    format!("/{}/{}{rest}", key.kind.plural(), key.name)
}
