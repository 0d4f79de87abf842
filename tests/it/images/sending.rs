//! What becomes of archives that do not come to their end, or should not have begun.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Archived, files, listed, send};
use crate::support::orc::{Setup, TestOrc};
use crate::support::patience::until;

/// Sends the head of a request and a part of its body; the rest does not come.
async fn send_half(orc: &TestOrc, archived: &Archived) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", orc.manager_port)).await.unwrap();
    let (name, port, whole) = (&archived.name, orc.manager_port, archived.bytes.len());
    let head =
        format!("PUT /images/{name} HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-length: {whole}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&archived.bytes[..whole / 2]).await.unwrap();
    let is_half =
        |names: &Vec<String>| names.iter().any(|name| Path::new(name).extension() == Some("part".as_ref()));
    until("a half is there", || async { files(orc) }, is_half).await;
    stream
}

#[tokio::test]
async fn nothing_is_left_of_an_archive_that_breaks_off_whoever_breaks_it_off() {
    let mut orc = TestOrc::start().await;
    let archived = Archived::new(&orc).await;
    let stream = send_half(&orc, &archived).await;
    drop(stream);
    until("the half is gone", || async { files(&orc) }, Vec::is_empty).await;

    let _stream = send_half(&orc, &archived).await;
    orc.restart().await;
    assert_eq!(
        files(&orc),
        Vec::<String>::new(),
        "a kill leaves nothing that the next start does not remove"
    );
    assert!(listed(&orc).await.is_empty());

    assert_eq!(archived.send(&orc).await.status, 201);
    orc.restart().await;
    assert_eq!((files(&orc).len(), listed(&orc).await.len()), (1, 1), "what was answered with 201 survives");
}

#[tokio::test]
async fn what_is_too_large_something_else_or_nobodys_name_is_refused() {
    let envs = vec![("ORC_IMAGE_LIMIT", "1m".to_owned())];
    let orc = TestOrc::start_with(Setup { workers: 1, envs, ..Setup::default() }).await;
    let archived = Archived::new(&orc).await;
    archived.send(&orc).await.assert_refused(413, &["larger than 1048576 bytes", "ORC_IMAGE_LIMIT"]);
    send(&orc, &archived.name, b"something else").await.assert_refused(422, &["`docker save`"]);
    send(&orc, "web:latest", b"x").await.assert_refused(400, &["\"web:latest\"", "shop-web:1a2b3c4d5e6f"]);
    send(&orc, "..%2F..%2Fpasswd:1a2b3c4d5e6f", b"x").await.assert_refused(400, &["is no name"]);
    assert_eq!((files(&orc), listed(&orc).await), (Vec::new(), Vec::new()));
    let path = format!("/images/{}", archived.name);
    orc.ask("GET", &path, "").await.assert_refused(404, &["This manager has no image", "`orc deploy`"]);
}

#[tokio::test]
async fn an_archive_of_another_image_beside_its_own_is_refused() {
    let orc = TestOrc::start().await;
    let archived = Archived::new(&orc).await;
    let other = archived.name.replace("1a2b3c4d5e6f", "aaaaaaaaaaaa");
    let refused = send(&orc, &other, &archived.bytes).await;
    refused.assert_refused(422, &["is not of orc.local/", "alone"]);
    assert_eq!(files(&orc), Vec::<String>::new());
}

#[tokio::test]
async fn a_full_disk_takes_no_archive_and_the_database_goes_on() {
    let orc = TestOrc::start_with(Setup { workers: 1, tmpfs: Some("16m"), ..Setup::default() }).await;
    let archived = Archived::new(&orc).await;
    let filler = orc.data_dir().join("filler");
    let mut file = OpenOptions::new().create(true).append(true).open(&filler).unwrap();
    let free = || {
        let disk = rustix::fs::statvfs(orc.data_dir()).unwrap();
        disk.f_bavail * disk.f_frsize
    };
    while free() > 3 << 20 {
        file.write_all(&vec![0; 64 << 10]).unwrap();
    }
    archived.send(&orc).await.assert_refused(507, &["The disk of the manager is full", "images"]);
    assert_eq!(files(&orc), Vec::<String>::new());
    std::fs::remove_file(&filler).unwrap();
    drop(file);
    assert_eq!(archived.send(&orc).await.status, 201);
}
