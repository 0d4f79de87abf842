//! What users do with secrets and configs, and what workers are given of them.

use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use super::{Manager, Trouble};
use crate::model::id::NodeName;
use crate::model::managed_file::{Contents, FileKey, FileKind};
use crate::model::time::Now;
use crate::plan::cluster::change::{Change, FileChange, Put, Refusal};
use crate::plan::cluster::{FileUser, Using};
use crate::trust::SealError;
use crate::wire::file::{FileUse, ManagedFile};

/// Why a version is not handed out.
#[derive(Debug, thiserror::Error)]
pub enum NotGiven {
    /// It is none of whoever asks, or not there.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// It cannot be read from the database.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// It cannot be decrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Manager {
    /// What tells contents from others.
    pub fn digest(&self, kind: FileKind, contents: &Contents) -> Result<String, SealError> {
        self.seal.digest(kind, contents)
    }

    /// Writes down a secret or a config; whether that made a version.
    pub async fn put_file(&self, put: Put, contents: Contents) -> Result<bool, Trouble> {
        let answer = self.ask(Message::PutFile { put: Box::new(put), contents }).await?;
        Ok(!matches!(answer, Answer::Repeated))
    }

    /// Removes a secret or a config.
    pub async fn remove_file(&self, key: FileKey, by: String) -> Result<(), Trouble> {
        self.ask(Message::RemoveFile { key, by }).await.map(drop)
    }

    /// The secrets, or the configs, by name.
    pub async fn files(&self, kind: FileKind) -> Result<Vec<ManagedFile>, Trouble> {
        match self.ask(Message::Files { kind }).await? {
            Answer::Files(files) => Ok(files),
            _ => Err(Trouble::Stopping),
        }
    }

    /// A secret or a config, and who uses it.
    pub async fn file(&self, key: FileKey) -> Result<ManagedFile, Trouble> {
        match self.ask(Message::FileOf { key }).await? {
            Answer::File(file) => Ok(*file),
            _ => Err(Trouble::Stopping),
        }
    }

    /// What is in a version of a config: the newest where none is said.
    pub async fn config_data(&self, key: FileKey, version: Option<u64>) -> Result<Contents, NotGiven> {
        let file = self.file(key.clone()).await?;
        self.contents(key, version.unwrap_or(file.version), &file).await
    }

    /// What is in a version that a task on this node names.
    pub async fn contents_for(
        &self,
        node: NodeName,
        key: FileKey,
        version: u64,
    ) -> Result<Contents, NotGiven> {
        self.ask(Message::MayHave { node, key: key.clone(), version }).await?;
        let file = self.file(key.clone()).await?;
        self.contents(key, version, &file).await
    }

    async fn contents(&self, key: FileKey, version: u64, file: &ManagedFile) -> Result<Contents, NotGiven> {
        let known = file.versions.iter().find(|known| known.version == version);
        let kept = self.reader.contents(&key, version).await?;
        let (Some(known), Some(kept)) = (known, kept) else {
            let refusal = Refusal::UnknownFileVersion { key, version };
            return Err(Trouble::Refused(Refused::Rule(refusal)).into());
        };
        Ok(self.seal.open_version(&key, version, &known.digest, kept)?)
    }
}

impl Keeper {
    pub(super) fn put_file(&mut self, put: &Put, contents: &Contents, now: Now) -> Answer {
        if self.store.is_tight() {
            return Answer::Refused(Refused::OutOfSpace(format!(
                "the disk of the manager's database is full: no {} is taken until there is room",
                put.key.kind
            )));
        }
        // Before anything changes: the number is the next, whatever becomes of it.
        let next = self.cluster.kept_file(&put.key).map_or(0, |file| file.last) + 1;
        let kept = match self.seal.close(&put.key, next, contents) {
            Ok(kept) => kept,
            Err(error) => return Answer::Refused(Refused::Sealed(error)),
        };
        match self.decide(&Change::File(FileChange::Put(put.clone())), now) {
            Ok(false) => Answer::Repeated,
            Ok(true) => {
                let made = self.cluster.file(&put.key).and_then(|file| file.versions.get(&next)).cloned();
                let is_new = made.is_some();
                self.draft.contents.extend(made.map(|version| (put.key.clone(), version, kept)));
                if is_new { Answer::Done } else { Answer::Repeated }
            }
            Err(refusal) => Answer::Refused(Refused::Rule(refusal)),
        }
    }

    pub(super) fn remove_file(&mut self, key: &FileKey, by: &str, now: Now) -> Answer {
        let change = FileChange::Remove { key: key.clone(), by: by.to_owned(), at: now.wall };
        match self.decide(&Change::File(change), now) {
            Ok(_) => Answer::Done,
            Err(refusal) => Answer::Refused(Refused::Rule(refusal)),
        }
    }

    pub(super) fn files(&self, kind: FileKind) -> Answer {
        Answer::Files(self.cluster.files(kind).filter_map(|file| ManagedFile::new(file, None)).collect())
    }

    pub(super) fn file(&self, key: &FileKey) -> Answer {
        let used_by = || self.cluster.users_of(key).into_iter().map(file_use).collect();
        let view = self.cluster.file(key).and_then(|file| ManagedFile::new(file, Some(used_by())));
        view.map_or_else(
            || Answer::Refused(Refused::Rule(Refusal::UnknownFile(key.clone()))),
            |view| Answer::File(Box::new(view)),
        )
    }

    pub(super) fn may_have(&self, node: &NodeName, key: &FileKey, version: u64) -> Answer {
        if self.cluster.may_have(node, key, version) {
            return Answer::Done;
        }
        let (node, key) = (node.clone(), key.clone());
        Answer::Refused(Refused::Rule(Refusal::NotAssigned { node, key, version }))
    }
}

fn file_use(user: FileUser) -> FileUse {
    let version = user.version;
    match user.who {
        Using::Service(service) => {
            FileUse { service: Some(service.to_string()), task: None, task_id: None, version }
        }
        Using::Task { id, name } => {
            FileUse { service: None, task: Some(name), task_id: Some(id.to_string()), version }
        }
    }
}
