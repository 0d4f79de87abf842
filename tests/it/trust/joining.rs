//! A worker joins, comes back, and is refused with a sentence when it should be.

use std::os::unix::fs::PermissionsExt as _;

use orc::trust::Authority;
use orc::trust::authority::SigningRequest;
use orc::trust::identity::{self, Identity};
use serde_json::{Value, json};

use super::house::{House, PATIENCE, Worker, name, refusal};
use crate::support::http::ask;

#[tokio::test]
async fn a_worker_joins_with_one_line_and_comes_back_without_it() {
    let house = House::open().await;
    let mut worker = house.joined("box-1").await;
    let node = house.until_ready("box-1").await;
    assert_eq!(node["Ip"], "127.0.0.1");
    let before = worker.identity();
    assert_eq!(before.node.node, name("box-1"));

    assert!(worker.process.terminate().await.success());
    for args in [
        &["worker"][..],
        &["worker", "--manager", &house.url()],
        &["worker", "--join", &house.join_line().await],
    ] {
        let mut again = worker.again(args);
        again.process.spawn();
        again.process.printed(1).await;
        house.until_ready("box-1").await;
        assert_eq!(again.identity().node, before.node, "what is kept decides");
        assert!(again.process.terminate().await.success(), "{}", again.process.log());
    }
    let tokens = house.ask("GET", "/tokens", &Value::Null).await.json();
    let unused =
        tokens.as_array().unwrap().iter().filter(|token| token["Role"] == "join" && token["UsesLeft"] == 1);
    assert_eq!(unused.count(), 2, "the one of the first start, and the one that was not needed: {tokens}");
}

#[tokio::test]
async fn the_first_start_prints_how_to_join_and_later_ones_do_not() {
    let mut house = House::open().await;
    let text = house.manager.stdout();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("Starting Orc manager at 0.0.0.0:{}", house.port));
    assert!(
        lines[2].trim().starts_with("orc worker --join ORCJOIN-")
            && lines[2].ends_with(&format!(":{}", house.port))
    );
    for file in ["ca-key.pem", "admin-token"] {
        let path = house.data_dir().join("trust").join(file);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let token = house.admin_token();
    assert!(house.manager.terminate().await.success());
    assert_eq!(house.start().await.len(), 1);
    assert_eq!(house.admin_token(), token);
    let tokens: Value = house.client(None).bearing(&token).get("/tokens", PATIENCE).await.unwrap();
    assert_eq!(tokens.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_line_that_does_not_count_is_refused_with_what_to_do() {
    let house = House::open().await;
    let (used, other) = (house.join_line().await, House::open().await);
    let _first = {
        let mut worker = Worker::joining("box-1", &used);
        worker.process.spawn();
        worker.process.printed(1).await;
        worker
    };
    Worker::joining("box-2", &used)
        .assert_refused(&["used as often as it may be", "orc node token", "--uses"])
        .await;

    let rotated = house.join_line().await;
    let good =
        house.token(json!({ "Role": "join", "Rotate": true })).await["Secret"].as_str().unwrap().to_owned();
    Worker::joining("box-2", &rotated).assert_refused(&["was made void at", "orc node token"]).await;

    let (revoked, _) = rotated.split_once('@').unwrap();
    let of_elsewhere = other.join_line().await;
    let (foreign, _) = of_elsewhere.split_once('@').unwrap();
    let here = format!("127.0.0.1:{}", house.port);
    assert_ne!(revoked, foreign);
    Worker::joining("box-2", &format!("{foreign}@{here}"))
        .assert_refused(&["another authority", "Expected", "right manager"])
        .await;

    let short = house.token(json!({ "Role": "join", "TTL": 1 })).await["Secret"].as_str().unwrap().to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    Worker::joining("box-2", &format!("{short}@{here}"))
        .assert_refused(&["expired at", "orc node token"])
        .await;

    let (code, stderr) =
        Worker::joining("box-2", &format!("{}@{here}", &good[..good.len() - 1])).process.run().await;
    assert!(code == Some(2) && stderr.contains("mistyped or cut off"), "{code:?} {stderr}");
    assert_eq!(house.nodes().await, ["box-1"]);

    Worker::joining("box-1", &format!("{good}@{here}"))
        .assert_refused(&["Another worker", "box-1", "--name"])
        .await;
    let mut last = Worker::joining("box-2", &format!("{good}@{here}"));
    last.process.spawn();
    house.until_ready("box-2").await;
}

#[tokio::test]
async fn a_joined_worker_goes_to_no_other_cluster() {
    let (house, other) = (House::open().await, House::open().await);
    let mut worker = house.joined("box-1").await;
    assert!(worker.process.terminate().await.success());
    let mut elsewhere = worker.again(&["worker", "--join", &other.join_line().await]);
    elsewhere.assert_refused(&["has joined another cluster", "node.pem", "ORC_DATA_DIR"]).await;
    let mut astray = worker.again(&["worker", "--manager", &other.url()]);
    astray.process.spawn();
    astray.process.printed(1).await;
    let port = astray.port;
    let event = json!({ "Task": { "Name": "astray", "Image": "x" } }).to_string();
    let answer = ask(port, "POST", "/tasks", &[("content-type", "application/json")], event).await.unwrap();
    answer.assert_refused(503, &["of another cluster"]);
    assert_eq!(other.nodes().await, [""; 0]);
}

#[tokio::test]
async fn a_worker_whose_certificate_has_ended_joins_again_under_its_name() {
    let house = House::open().await;
    let mut worker = house.joined("box-1").await;
    assert!(worker.process.terminate().await.success());
    let cluster = worker.identity().node.cluster;
    let authority = Authority::open(&house.data_dir(), cluster).unwrap().unwrap();
    let request = SigningRequest::read(&identity::first_request(&worker.data_dir()).unwrap()).unwrap();
    let long_ago = worker.identity().node.not_before.before(std::time::Duration::from_hours(48));
    let ended = authority.sign_node(&request, &name("box-1"), long_ago).unwrap();
    Identity::keep(&worker.data_dir(), &house.url(), &ended, authority.pem()).unwrap();

    let answer = house.client(Some(&worker.identity())).post("/nodes/box-1/sync", &json!({}), PATIENCE).await;
    let (status, sentence) = refusal(answer);
    assert!(status == 401 && sentence.contains("box-1 ended"), "{sentence}");

    let mut again = worker.again(&["worker", "--join", &house.join_line().await]);
    again.process.spawn();
    again.process.printed(1).await;
    house.until_ready("box-1").await;
    assert_eq!(again.identity().node.key, worker.identity().node.key);
}

#[tokio::test]
async fn a_certificate_that_is_due_is_renewed_at_the_next_start() {
    let house = House::open().await;
    let mut worker = house.joined("box-1").await;
    assert!(worker.process.terminate().await.success());
    let authority = Authority::open(&house.data_dir(), worker.identity().node.cluster).unwrap().unwrap();
    let request = SigningRequest::read(&identity::first_request(&worker.data_dir()).unwrap()).unwrap();
    // Of its 25 hours 22 are over: that is beyond 80 %, so it is due wherever its point of renewal is.
    let then = worker.identity().node.not_before.before(std::time::Duration::from_hours(20));
    let due = authority.sign_node(&request, &name("box-1"), then).unwrap();
    let due = Identity::keep(&worker.data_dir(), &house.url(), &due, authority.pem()).unwrap();

    let mut again = worker.again(&["worker"]);
    again.process.spawn();
    again.process.printed(1).await;
    let look = || std::future::ready(again.identity().node.not_after);
    crate::support::patience::until("the certificate is renewed", look, |end| *end > due.node.not_after)
        .await;
    house.until_ready("box-1").await;
}

#[tokio::test]
async fn nobody_joins_a_manager_that_this_machine_alone_can_reach() {
    let dir = tempfile::tempdir().unwrap();
    let port = crate::support::ports::free_ports(1);
    let text = port.to_string();
    let mut manager = crate::support::process::Process::new(
        "manager",
        dir.path(),
        &["manager"],
        &[("ORC_MANAGER_PORT", &text)],
    );
    manager.spawn();
    manager.printed(1).await;
    let wish = json!({ "Role": "join" }).to_string();
    let answer = ask(port, "POST", "/tokens", &[("content-type", "application/json")], wish).await.unwrap();
    answer.assert_refused(422, &["this machine alone", "ORC_MANAGER_HOST", "0.0.0.0"]);
    let answer = ask(port, "GET", "/ca", &[], "").await.unwrap();
    answer.assert_refused(422, &["this machine alone", "no authority", "ORC_MANAGER_HOST"]);
    assert!(!dir.path().join("data").join("trust").exists(), "it has no use for keys");
}

#[tokio::test]
async fn a_worker_that_speaks_plainly_with_a_manager_elsewhere_is_told_of_tls() {
    let house = House::open().await;
    let url = format!("http://{}:{}", super::house::own_address(), house.port);
    let mut worker = Worker::new(&["worker", "--manager", &url, "--name", "box-1"]);
    worker.process.spawn();
    worker.process.printed(1).await;
    let log = || std::future::ready(worker.process.log());
    crate::support::patience::until("the worker says why", log, |log| {
        log.contains("by TLS only") && log.contains("orc node token")
    })
    .await;
    assert_eq!(house.nodes().await, [""; 0]);
}
