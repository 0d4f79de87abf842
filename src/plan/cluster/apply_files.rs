//! What the changes mean that come over secrets and configs.

use std::collections::BTreeMap;

use super::Cluster;
use super::change::{Applied, Refusal};
use super::file_change::{FileChange, Means, Put};
use crate::model::event::{Event, EventKind};
use crate::model::managed_file::{FileKey, FileVersion, ManagedFile};
use crate::model::time::Timestamp;

/// So many users of a file are named in a sentence.
const NAMED: usize = 5;

impl Cluster {
    pub(super) fn change_file(&mut self, change: &FileChange) -> Result<Applied, Refusal> {
        match change {
            FileChange::Put(put) => self.put_file(put),
            FileChange::Remove { key, by, at } => self.remove_file(key, by, *at),
        }
    }

    fn put_file(&mut self, put: &Put) -> Result<Applied, Refusal> {
        let key = &put.key;
        let newest = self.file(key).and_then(ManagedFile::newest);
        let is_same = newest.is_some_and(|newest| newest.digest == put.digest);
        match (put.means, newest) {
            (Means::First, Some(_)) if !is_same => return Err(Refusal::FileExists(key.clone())),
            (Means::Next, None) => return Err(Refusal::UnknownFile(key.clone())),
            _ => {}
        }
        let labels = put.labels.as_ref().filter(|labels| {
            self.files.get(key).is_none_or(|file| file.newest().is_none() || file.labels != **labels)
        });
        if is_same && labels.is_none() {
            return Ok(Applied::Ignored);
        }
        let file = self.files.entry(key.clone()).or_insert_with(|| ManagedFile {
            key: key.clone(),
            versions: BTreeMap::new(),
            last: 0,
            labels: BTreeMap::new(),
            created_at: put.at,
            updated_at: put.at,
        });
        if file.versions.is_empty() {
            (file.created_at, file.labels) = (put.at, BTreeMap::new());
        }
        if let Some(labels) = labels {
            file.labels.clone_from(labels);
        }
        file.updated_at = put.at;
        self.dirty.files.insert(key.clone());
        if is_same {
            return Ok(Applied::Changed(Vec::new()));
        }
        file.last += 1;
        let number = file.last;
        let version = FileVersion {
            number,
            size: put.size,
            digest: put.digest.clone(),
            by: put.by.clone(),
            at: put.at,
        };
        file.versions.insert(number, version);
        self.prune_file(key);
        let message = format!("version {number} of {key} was made, by {}", put.by);
        Ok(Applied::Changed(vec![of_file(put.at, message)]))
    }

    /// Forgets the oldest versions that nobody uses, beyond those that are kept.
    fn prune_file(&mut self, key: &FileKey) {
        let Some(file) = self.files.get(key) else { return };
        let surplus = file.versions.len().saturating_sub(ManagedFile::KEPT + 1);
        if surplus == 0 {
            return;
        }
        let users = self.users_of(key);
        let is_spare = |number: &u64| users.iter().all(|user| user.version != *number);
        let numbers = file.versions.keys().copied();
        let spare: Vec<u64> = numbers.take(surplus).filter(is_spare).collect();
        let Some(file) = self.files.get_mut(key) else { return };
        for number in spare {
            file.versions.remove(&number);
            self.dirty.file_pruned.insert((key.clone(), number));
        }
    }

    fn remove_file(&mut self, key: &FileKey, by: &str, at: Timestamp) -> Result<Applied, Refusal> {
        if self.file(key).is_none() {
            return Err(Refusal::UnknownFile(key.clone()));
        }
        let users = self.users_of(key);
        if !users.is_empty() {
            let mut names: Vec<String> = users.iter().map(|user| user.who.to_string()).collect();
            names.dedup();
            let more = names.len().saturating_sub(NAMED);
            names.truncate(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Err(Refusal::FileInUse { key: key.clone(), by: names.join(", ") + &more });
        }
        let Some(file) = self.files.get_mut(key) else { return Ok(Applied::Ignored) };
        file.updated_at = at;
        let versions = std::mem::take(&mut file.versions);
        self.dirty.files.insert(key.clone());
        self.dirty.file_pruned.extend(versions.into_keys().map(|number| (key.clone(), number)));
        Ok(Applied::Changed(vec![of_file(at, format!("{key} was removed, by {by}"))]))
    }
}

fn of_file(at: Timestamp, message: String) -> Event {
    Event { at, task: None, node: None, attempt: 0, kind: EventKind::FileChanged, exit_code: None, message }
}
