//! Handshakes between a manager's door and all kinds of clients, and what each side makes of the other.

mod year;

use std::path::Path;

use rustls::{ClientConnection, ServerConnection};

use super::super::authority::SigningRequest;
use super::super::rotation::RotationError;
use super::super::server::{Door, Visitor};
use super::super::{Authority, Identity, identity};
use super::*;
use crate::clock::Clock;
use crate::model::id::ClusterId;
use crate::model::time::Timestamp;

const YEAR: Duration = Duration::from_hours(365 * 24);

/// A cluster's authority and the door of its manager.
struct Cluster {
    authority: Arc<Authority>,
    door: Door,
    _dir: tempfile::TempDir,
}

impl Cluster {
    fn at(now: Timestamp) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Arc::new(Authority::create(dir.path(), ClusterId::generate(), now).unwrap());
        let door = Door::new(authority.clone(), &["localhost".to_owned()], now).unwrap();
        Self { authority, door, _dir: dir }
    }

    fn identity(&self, dir: &Path, now: Timestamp) -> Identity {
        let request = SigningRequest::read(&identity::first_request(dir).unwrap()).unwrap();
        let certificate = self.authority.sign_node(&request, &"box-1".parse().unwrap(), now).unwrap();
        Identity::keep(dir, "https://localhost:1", &certificate, self.authority.pem()).unwrap()
    }

    /// What the door makes of a client, once the client has taken the door for genuine.
    fn meets(&self, believed: Believed, identity: Option<&Identity>) -> Result<Visitor, Error> {
        let shown =
            identity.map(|identity| watch::Sender::new(identity.certified_key().unwrap()).subscribe());
        let name = ServerName::try_from("not-its-name").unwrap();
        let mut client = ClientConnection::new(config(believed, shown).unwrap(), name).unwrap();
        let mut server = ServerConnection::new(self.door.config()).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let (mut there, mut back) = (Vec::new(), Vec::new());
            client.write_tls(&mut there).unwrap();
            server.read_tls(&mut &*there).unwrap();
            server.process_new_packets()?;
            server.write_tls(&mut back).unwrap();
            client.read_tls(&mut &*back).unwrap();
            client.process_new_packets()?;
        }
        Ok(self.door.judge(server.peer_certificates().unwrap_or_default(), Clock.now().wall))
    }

    fn believed(&self) -> Believed {
        Believed::Authority(self.authority.certificate().clone())
    }
}

fn now() -> Timestamp {
    Clock.now().wall
}

#[track_caller]
fn assert_unfit(visitor: &Visitor, words: &[&str]) {
    let Visitor::Unfit(sentence) = visitor else { panic!("{visitor:?}") };
    for word in words {
        assert!(sentence.contains(word), "{word:?} is not in {sentence:?}");
    }
}

#[test]
fn a_client_that_has_the_pin_or_the_authority_is_let_in() {
    let cluster = Cluster::at(now());
    assert_eq!(cluster.meets(Believed::Pin(cluster.authority.pin()), None), Ok(Visitor::Unnamed));
    assert_eq!(cluster.meets(cluster.believed(), None), Ok(Visitor::Unnamed));
    let dir = tempfile::tempdir().unwrap();
    let identity = cluster.identity(dir.path(), now());
    assert_eq!(
        cluster.meets(cluster.believed(), Some(&identity)),
        Ok(Visitor::Node(identity.node.clone(), cluster.authority.pin()))
    );
}

#[test]
fn a_client_believes_no_server_of_another_authority() {
    let (cluster, other) = (Cluster::at(now()), Cluster::at(now()));
    let error = cluster.meets(Believed::Pin(other.authority.pin()), None).unwrap_err();
    let sentence = explain(&error);
    assert!(sentence.contains(&format!("Expected {}", other.authority.pin())), "{sentence}");
    let error = cluster.meets(other.believed(), None).unwrap_err();
    assert!(explain(&error).contains("another cluster"), "{error}");
}

#[test]
fn a_worker_is_no_server_even_of_its_own_cluster() {
    let cluster = Cluster::at(now());
    let dir = tempfile::tempdir().unwrap();
    let certificate = cluster.identity(dir.path(), now()).certified_key().unwrap().cert[0].clone();
    for believed in [cluster.believed(), Believed::Pin(cluster.authority.pin())] {
        let verifier = Servers { believed, algorithms: provider().signature_verification_algorithms };
        let sent = [cluster.authority.certificate().clone()];
        let name = ServerName::try_from("localhost").unwrap();
        let seconds = Duration::from_millis(u64::try_from(now().millis()).unwrap());
        let result =
            verifier.verify_server_cert(&certificate, &sent, &name, &[], UnixTime::since_unix_epoch(seconds));
        assert!(explain(&result.unwrap_err()).contains("for something else"));
    }
}

#[test]
fn a_worker_of_another_cluster_is_told_so() {
    let (cluster, other) = (Cluster::at(now()), Cluster::at(now()));
    let dir = tempfile::tempdir().unwrap();
    let stranger = other.identity(dir.path(), now());
    let visitor = cluster.meets(cluster.believed(), Some(&stranger)).unwrap();
    let (theirs, ours) = (other.authority.cluster().to_string(), cluster.authority.cluster().to_string());
    assert_unfit(&visitor, &["of another cluster", &theirs, &ours, "orc node token"]);
}

#[test]
fn a_forged_certificate_with_the_right_names_is_unfit() {
    let cluster = Cluster::at(now());
    let forgery = tempfile::tempdir().unwrap();
    let forged = Arc::new(Authority::create(forgery.path(), cluster.authority.cluster(), now()).unwrap());
    let impostor = Cluster { door: cluster.door.clone(), authority: forged, _dir: forgery };
    let dir = tempfile::tempdir().unwrap();
    let identity = impostor.identity(dir.path(), now());
    assert_unfit(
        &cluster.meets(cluster.believed(), Some(&identity)).unwrap(),
        &["its authority is not the one"],
    );
}

#[test]
fn clocks_that_are_a_year_apart_are_named_with_how_far() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::at(now());
    let past = cluster.identity(dir.path(), now().before(YEAR));
    assert_unfit(
        &cluster.meets(cluster.believed(), Some(&past)).unwrap(),
        &["box-1", "ended 11months", "by the clock of the manager's machine", "orc node token"],
    );
    let future = cluster.identity(dir.path(), now().after(YEAR));
    assert_unfit(
        &cluster.meets(cluster.believed(), Some(&future)).unwrap(),
        &["box-1", "begins only in 11months"],
    );

    let of_the_past = Cluster::at(now().before(YEAR));
    let sentence = explain(&of_the_past.meets(of_the_past.believed(), None).unwrap_err());
    assert!(sentence.contains("the certificate of the server ended 11months"), "{sentence}");
    // What the manager's clock said when it made the certificate is known to the second from its dates.
    let then = &now().before(YEAR).to_string()[..10];
    for words in
        [format!("this machine's clock says {}", &now().to_string()[..10]), format!("the manager's {then}")]
    {
        assert!(sentence.contains(&words), "{words:?} is not in {sentence}");
    }
    let of_the_future = Cluster::at(now().after(YEAR));
    let sentence = explain(&of_the_future.meets(of_the_future.believed(), None).unwrap_err());
    let then = format!("the manager's {}", &now().after(YEAR).to_string()[..10]);
    assert!(sentence.contains("begins only in 11months") && sentence.contains(&then), "{sentence}");
    of_the_past.door.renew(&["localhost".to_owned()], now()).unwrap();
    assert_eq!(
        of_the_past.meets(of_the_past.believed(), None),
        Ok(Visitor::Unnamed),
        "a renewed one is shown at once"
    );
}

#[test]
fn nothing_older_than_tls_1_3_is_spoken() {
    // A hello of TLS 1.2, as an old client says it: no extension names a newer version.
    let mut hello = vec![0x16, 3, 1, 0, 0x2d, 1, 0, 0, 0x29, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let mut server = ServerConnection::new(Cluster::at(now()).door.config()).unwrap();
    server.read_tls(&mut &*hello).unwrap();
    let error = server.process_new_packets().unwrap_err();
    assert!(matches!(error, Error::PeerIncompatible(_)), "{error:?}");
}

#[test]
fn during_a_rotation_old_and_new_clients_and_workers_are_let_in_and_afterwards_the_new_alone() {
    let mut cluster = Cluster::at(now());
    let (dir, next_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (former, worker) = (cluster.authority.clone(), cluster.identity(dir.path(), now()));
    cluster.door.rotate(now()).unwrap();
    assert!(matches!(cluster.door.rotate(now()), Err(RotationError::UnderWay)));
    let by_former = cluster.authority.pin();
    assert_eq!(
        cluster.meets(cluster.believed(), Some(&worker)),
        Ok(Visitor::Node(worker.node.clone(), by_former))
    );
    assert!(cluster.door.seen().is_empty());

    cluster.authority = cluster.door.authority();
    let renewed = cluster.identity(next_dir.path(), now());
    let by_next = cluster.authority.pin();
    for believed in [
        Believed::Authority(former.certificate().clone()),
        Believed::Pin(former.pin()),
        cluster.believed(),
        Believed::Pin(by_next),
    ] {
        assert_eq!(cluster.meets(believed, Some(&renewed)), Ok(Visitor::Node(renewed.node.clone(), by_next)));
    }
    assert!(cluster.door.seen().iter().eq([&renewed.node.node]));
    assert!(cluster.door.believes(by_former) && cluster.door.believes(by_next));

    cluster.door.finish(now()).unwrap();
    assert!(matches!(cluster.door.finish(now()), Err(RotationError::NoneUnderWay)));
    assert!(!cluster.door.believes(by_former));
    assert_eq!(cluster.meets(cluster.believed(), None), Ok(Visitor::Unnamed));
    for believed in [Believed::Authority(former.certificate().clone()), Believed::Pin(former.pin())] {
        let sentence = explain(&cluster.meets(believed, None).unwrap_err());
        for word in ["authority was rotated", "`orc login`", "`orc node token`", "`orc ca`"] {
            assert!(sentence.contains(word), "{word:?} is not in {sentence:?}");
        }
    }
    let of_former = cluster.meets(cluster.believed(), Some(&worker)).unwrap();
    assert_unfit(&of_former, &["box-1", "before its authority was rotated", "orc node token"]);
}

#[test]
fn a_worker_notes_which_authority_is_the_newest_as_soon_as_it_connects() {
    let cluster = Cluster::at(now());
    let (_believed, authority) = watch::channel(cluster.authority.certificate().clone());
    let (telling, newest) = watch::channel(None);
    let current = Current { authority, newest: Arc::new(telling) };
    cluster.meets(Believed::Current(current.clone()), None).unwrap();
    assert_eq!(*newest.borrow(), Some(cluster.authority.pin()));
    cluster.door.rotate(now()).unwrap();
    cluster.meets(Believed::Current(current), None).unwrap();
    assert_eq!(*newest.borrow(), Some(cluster.door.authority().pin()));
}
