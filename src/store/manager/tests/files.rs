//! Secrets and configs and their versions, on real files.

use super::*;
use crate::model::managed_file::{AtRest, FileKey, FileKind, FileVersion};

fn file(kind: FileKind, versions: &[u64]) -> ManagedFile {
    let version = |number: &u64| {
        let (by, at) = ("ada".to_owned(), samples::time(1));
        (*number, FileVersion { number: *number, size: 7, digest: format!("digest {number}"), by, at })
    };
    ManagedFile {
        key: FileKey { kind, name: "db".parse().unwrap() },
        versions: versions.iter().map(version).collect(),
        last: 3,
        labels: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
        created_at: samples::time(1),
        updated_at: samples::time(2),
    }
}

fn kept(file: &ManagedFile, text: &str) -> AtRest {
    let sealed_by = (file.key.kind == FileKind::Secret).then(|| "some key".to_owned());
    AtRest { sealed_by, bytes: text.as_bytes().to_vec() }
}

fn whole(file: &ManagedFile) -> Batch {
    let versions = file.versions.values();
    let made = versions.map(|version| {
        (file.key.clone(), version.clone(), kept(file, &format!("contents {}", version.number)))
    });
    Batch { files: vec![file.clone()], file_versions: made.collect(), ..Batch::default() }
}

#[tokio::test]
async fn files_come_back_as_they_were_and_what_is_in_them_is_read_when_it_is_asked_for() {
    let mut fixture = Fixture::new().await;
    let (secret, config) = (file(FileKind::Secret, &[1, 3]), file(FileKind::Config, &[2]));
    fixture.store.commit(&whole(&secret)).await.unwrap();
    fixture.store.commit(&whole(&config)).await.unwrap();
    let mut fixture = fixture.reopen().await;
    let state = fixture.store.load().await.unwrap();
    assert_eq!(state.files, [secret.clone(), config.clone()]);
    assert_eq!(state.seals, ["some key"]);
    let reader = fixture.store.reader();
    assert_eq!(reader.contents(&secret.key, 3).await.unwrap(), Some(kept(&secret, "contents 3")));
    assert_eq!(reader.contents(&config.key, 2).await.unwrap(), Some(kept(&config, "contents 2")));
    assert_eq!(reader.contents(&config.key, 3).await.unwrap(), None);
}

#[tokio::test]
async fn one_that_was_removed_is_remembered_for_its_numbers_and_nothing_else() {
    let mut fixture = Fixture::new().await;
    let mut secret = file(FileKind::Secret, &[1, 3]);
    fixture.store.commit(&whole(&secret)).await.unwrap();
    let gone = secret.versions.keys().map(|number| (secret.key.clone(), *number)).collect();
    secret.versions.clear();
    let batch = Batch { files: vec![secret.clone()], file_pruned: gone, ..Batch::default() };
    assert!(!batch.is_empty());
    fixture.store.commit(&batch).await.unwrap();
    let state = fixture.store.load().await.unwrap();
    assert_eq!((state.files, state.seals), (vec![secret.clone()], Vec::new()));
    assert_eq!(fixture.store.reader().contents(&secret.key, 3).await.unwrap(), None);
}

#[tokio::test]
async fn a_version_is_never_written_over() {
    let mut fixture = Fixture::new().await;
    let secret = file(FileKind::Secret, &[1]);
    fixture.store.commit(&whole(&secret)).await.unwrap();
    let version = secret.versions[&1].clone();
    let other = vec![(secret.key.clone(), version, kept(&secret, "other"))];
    assert!(
        fixture
            .store
            .commit(&Batch { file_versions: other, files: vec![secret.clone()], ..Batch::default() })
            .await
            .is_err()
    );
    let first = fixture.store.reader().contents(&secret.key, 1).await.unwrap();
    assert_eq!(first, Some(kept(&secret, "contents 1")));
}
