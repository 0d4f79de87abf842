//! What a rotation leaves behind, also where it was cut off.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::model::id::ClusterId;

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_332_379_000)
}

fn key(data_dir: &Path) -> String {
    fs::read_to_string(Authority::key_path(data_dir)).unwrap()
}

fn reopened(authority: &Authority) -> Authority {
    Authority::open(&authority.dir, authority.cluster()).unwrap().unwrap()
}

#[test]
fn what_follows_is_kept_with_what_it_follows_until_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let first = Authority::create(dir.path(), ClusterId::generate(), now()).unwrap();
    let first_key = key(dir.path());
    let later = now().after(std::time::Duration::from_hours(1));
    let next = first.rotate(later).unwrap();
    assert_ne!(next.pin(), first.pin());
    for next in [&reopened(&next), &next] {
        assert_eq!((next.cluster(), next.since()), (first.cluster(), Some(later)));
        assert_eq!(next.former().map(|former| &former.certificate), Some(first.certificate()));
        let chain = next.sign_server(&["localhost".to_owned()], later).unwrap().chain;
        assert_eq!((&chain[2], &chain[3]), (first.certificate(), next.certificate()));
    }
    let trust = dir.path().join(DIR);
    let files: Vec<_> = fs::read_dir(&trust).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(&file).unwrap().contains(&first_key), "the former key is gone");
    }
    let alone = reopened(&next).finish().unwrap();
    assert!(alone.former().is_none() && alone.pin() == next.pin() && alone.since() == Some(later));
    assert_eq!(alone.pem(), next.pem());
}

#[test]
fn an_authority_of_an_orc_that_knew_of_no_rotation_is_read_and_followed() {
    let dir = tempfile::tempdir().unwrap();
    let first = Authority::create(dir.path(), ClusterId::generate(), now()).unwrap();
    files::write(&Authority::certificate_path(dir.path()), first.pem()).unwrap();
    let read = reopened(&first);
    assert_eq!((read.pin(), read.since()), (first.pin(), None));
    assert_eq!(reopened(&read.rotate(now()).unwrap()).former().unwrap().certificate, *first.certificate());
}

#[test]
fn a_rotation_that_was_cut_off_anywhere_has_happened_or_has_not() {
    let dir = tempfile::tempdir().unwrap();
    let first = Authority::create(dir.path(), ClusterId::generate(), now()).unwrap();
    let (certificates, first_key) = (Authority::certificate_path(dir.path()), key(dir.path()));
    let first_file = fs::read_to_string(&certificates).unwrap();
    let next = first.rotate(now()).unwrap();
    let (next_key, next_file) = (key(dir.path()), fs::read_to_string(&certificates).unwrap());
    for (written, expected) in [(&first_file, &first), (&next_file, &next)] {
        // The new key was written beside the former one; the file of the certificates was replaced, or not.
        files::write(&Authority::key_path(dir.path()), &first_key).unwrap();
        files::write(&next_key_path(dir.path()), &next_key).unwrap();
        files::write(&certificates, written).unwrap();
        let found = reopened(&first);
        assert_eq!(found.pin(), expected.pin());
        assert_eq!(found.former().is_some(), expected.former().is_some());
        assert!(!next_key_path(dir.path()).exists(), "one key is left");
        assert_eq!(reopened(&first).pin(), expected.pin());
    }
}

#[test]
fn a_key_that_fits_no_certificate_is_refused_with_where_it_should_be() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cluster = ClusterId::generate();
    Authority::create(here.path(), cluster, now()).unwrap();
    Authority::create(there.path(), cluster, now()).unwrap();
    fs::copy(Authority::key_path(there.path()), Authority::key_path(here.path())).unwrap();
    let error = Authority::open(here.path(), cluster).unwrap_err().to_string();
    assert!(error.contains("its key is missing") && error.contains("ca-key.pem"), "{error}");
}
