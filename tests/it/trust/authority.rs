//! C03: the cluster's authority is followed by another, while workers and people come and go.

use orc::clock::Clock;
use orc::trust::authority::SigningRequest;
use orc::trust::{Authority, Digest, Identity};
use serde_json::{Value, json};

use super::clocks::{go_by, until_said};
use super::house::{House, PATIENCE, Worker, name, refusal};
use super::people::{Person, here, pin};
use crate::support::faketime::WallClock;
use crate::support::http::Answer;
use crate::support::patience::until;

/// What the manager says of its authority.
async fn authority(house: &House) -> Value {
    house.ask("GET", "/ca", &Value::Null).await.json()
}

async fn rotate(house: &House, finish: bool) -> Answer {
    house.ask("POST", "/ca/rotate", &json!({ "Finish": finish })).await
}

/// The digest of the authority that follows the present one from now on.
async fn rotated(house: &House) -> Digest {
    let answer = rotate(house, false).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    digest(&answer.json())
}

async fn finished(house: &House) {
    let answer = rotate(house, true).await;
    assert!(answer.status == 200 && answer.json()["Rotation"].is_null(), "{answer:?}");
}

fn digest(authority: &Value) -> Digest {
    authority["Digest"].as_str().unwrap().parse().unwrap()
}

/// Waits until so many nodes have renewed, and none that has joined is missed meanwhile.
async fn until_renewed(house: &House, nodes: u64) {
    let look = || async {
        let nodes = house.ask("GET", "/nodes", &Value::Null).await.json();
        let missed = nodes.as_array().unwrap().iter().find(|node| node["State"] == "unreachable").cloned();
        (authority(house).await, missed)
    };
    let (_, missed) = until("workers renew their certificates", look, |(authority, missed)| {
        missed.is_some() || authority["Rotation"]["Renewed"] == nodes
    })
    .await;
    assert_eq!(missed, None);
}

async fn until_heard_of(house: &House, node: &str) {
    let look = || house.ask("GET", "/nodes", &Value::Null);
    let is_heard_of = |answer: &Answer| {
        let nodes = answer.json();
        let mut nodes = nodes.as_array().unwrap().iter();
        nodes.any(|known| known["Name"] == node && known["Message"].to_string().contains("heard of 0 s ago"))
    };
    until(&format!("{node} is heard of"), look, is_heard_of).await;
}

#[tokio::test]
async fn workers_renew_by_themselves_and_none_is_missed_nor_its_task_touched() {
    let house = House::open().await;
    let line = house.join_line().await;
    let mut worker = Worker::joining("box-1", &line);
    worker.process.spawn();
    worker.process.printed(1).await;
    house.until_ready("box-1").await;
    let event = json!({ "Task": { "Name": "web", "Image": "x" } });
    let task = house.ask("POST", "/nodes/box-1/tasks", &event).await.json();
    let path = format!("/tasks/{}/events", task["Task"]["ID"].as_str().unwrap());
    let before = house.ask("GET", &path, &Value::Null).await.json();

    let former = worker.identity();
    assert_eq!(digest(&authority(&house).await), former.pin());
    let next = rotated(&house).await;
    assert_ne!(next, former.pin());
    rotate(&house, false).await.assert_refused(409, &["under way already", "orc ca rotate --finish"]);
    assert_eq!(authority(&house).await["Rotation"]["Former"], former.pin().to_string());
    until_renewed(&house, 1).await;
    let renewed = worker.identity();
    assert_eq!((renewed.pin(), renewed.node.key), (next, former.node.key));
    finished(&house).await;
    rotate(&house, true).await.assert_refused(409, &["No rotation is under way", "orc ca rotate"]);
    until_heard_of(&house, "box-1").await;

    assert_eq!(house.ask("GET", &path, &Value::Null).await.json(), before);
    let history = house.ask("GET", "/events?since=0&follow=false", &Value::Null).await;
    assert!(!history.text().contains("unreachable"), "{}", history.text());
    // A line that names the former authority is still one of its own cluster.
    assert!(worker.process.terminate().await.success());
    let mut again = worker.again(&["worker", "--join", &line]);
    again.process.spawn();
    again.process.printed(1).await;
    until_heard_of(&house, "box-1").await;
}

#[tokio::test]
async fn a_worker_that_was_away_comes_back_before_the_end_and_afterwards_by_a_new_line_only() {
    let house = House::open().await;
    let (mut early, mut late) = (house.joined("box-1").await, house.joined("box-2").await);
    assert!(early.process.terminate().await.success() && late.process.terminate().await.success());
    let next = rotated(&house).await;
    assert_eq!(authority(&house).await["Rotation"]["Waiting"], json!(["box-1", "box-2"]));

    let mut early = early.again(&["worker"]);
    early.process.spawn();
    let look = || authority(&house);
    until("one renews", look, |authority| authority["Rotation"]["Waiting"] == json!(["box-2"])).await;
    assert_eq!(early.identity().pin(), next);
    finished(&house).await;

    let before = late.identity();
    let mut astray = late.again(&["worker"]);
    astray.process.spawn();
    until_said(&astray, &["goes on by itself", "its authority was rotated", "orc node token"]).await;
    assert!(astray.process.terminate().await.success());
    let mut again = late.again(&["worker", "--join", &house.join_line().await]);
    again.process.spawn();
    until_heard_of(&house, "box-2").await;
    assert_eq!((again.identity().pin(), again.identity().node.key), (next, before.node.key));
}

#[tokio::test]
async fn logins_and_lines_to_join_with_count_until_the_end_and_then_say_what_to_do() {
    let (house, person) = (House::open().await, Person::new());
    let (former, token) = (pin(&house).await, house.admin_token().to_string());
    let login = person.run(&["login", &house.url(), "--pin", &former], &token).await;
    assert_eq!(login.code, Some(0), "{login:?}");
    let (during, after) = (house.join_line().await, house.join_line().await);

    let begun = person.run(&["ca", "rotate"], "").await;
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let next = pin(&house).await;
    assert_ne!(next, former);
    assert!(begun.stdout.contains(&format!("--pin {next}")) && begun.stdout.contains(&former), "{begun:?}");
    let shown = person.run(&["ca"], "").await;
    assert!(shown.code == Some(0) && shown.stdout.contains("0 of 0 have renewed"), "{shown:?}");
    let mut worker = Worker::joining("box-1", &during);
    worker.process.spawn();
    house.until_ready("box-1").await;
    assert_eq!(worker.identity().pin().to_string(), next);

    let ended = person.run(&["ca", "rotate", "--finish", "--manager", &here(&house)], "").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let refused = person.run(&["ps"], "").await;
    Person::assert_failed(&refused, &["another authority", "was rotated", "`orc login`", &next]);
    Worker::joining("box-2", &after).assert_refused(&["another authority", "`orc node token`", &next]).await;
    let login = person.run(&["login", &house.url(), "--pin", &next], &token).await;
    assert_eq!(login.code, Some(0), "{login:?}");
    assert_eq!(person.run(&["ps", "--manager", &here(&house)], "").await.code, Some(0));
    assert_eq!(person.run(&["ps"], "").await.code, Some(0));
}

#[tokio::test]
async fn a_rotation_survives_a_manager_that_is_killed_right_after_it() {
    let mut house = House::open().await;
    let worker = house.joined("box-1").await;
    let former = worker.identity().pin();
    let next = rotated(&house).await;
    house.manager.kill9();
    house.start().await;
    let found = authority(&house).await;
    assert_eq!((digest(&found), &found["Rotation"]["Former"]), (next, &json!(former.to_string())));
    until_renewed(&house, 1).await;
    assert_eq!(worker.identity().pin(), next);
    finished(&house).await;
    house.manager.kill9();
    house.start().await;
    assert!(authority(&house).await["Rotation"].is_null());
    until_heard_of(&house, "box-1").await;
}

#[tokio::test]
async fn whoever_has_the_former_key_makes_no_certificate_that_counts_after_the_end() {
    let house = House::open().await;
    let worker = house.joined("box-1").await;
    let identity = worker.identity();
    let former = Authority::open(&house.data_dir(), identity.node.cluster).unwrap().unwrap();
    rotated(&house).await;
    until_renewed(&house, 1).await;
    let forge = || {
        let request = SigningRequest::read(&identity.signing_request().unwrap()).unwrap();
        let certificate = former.sign_node(&request, &name("box-1"), Clock.now().wall).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (kept, key) = (dir.path().join("trust"), "node-key.pem");
        std::fs::create_dir(&kept).unwrap();
        std::fs::copy(worker.data_dir().join("trust").join(key), kept.join(key)).unwrap();
        Identity::keep(dir.path(), &house.url(), &certificate, former.pem()).unwrap()
    };
    let renew = async |identity: Identity| {
        let body = json!({ "CSR": "x" });
        refusal(house.client(Some(&identity)).post("/nodes/box-1/certificate", &body, PATIENCE).await)
    };
    let (status, sentence) = renew(forge()).await;
    assert!(status == 400 && sentence.contains("CSR"), "until the end it counts: {sentence}");
    finished(&house).await;
    let (status, sentence) = renew(forge()).await;
    assert!(status == 401 && sentence.contains("before its authority was rotated"), "{sentence}");
    assert!(sentence.contains("orc node token"), "{sentence}");
}

#[tokio::test]
async fn a_rotation_ends_by_itself_when_all_have_renewed_and_a_day_is_over() {
    let clock = WallClock::new();
    let mut house = House::open().await;
    house.manager.kill9();
    for (name, value) in clock.envs() {
        house.manager.set(name, &value);
    }
    house.start().await;
    let mut worker = Worker::joining("box-1", &house.join_line().await);
    go_by(&mut worker, &clock);
    worker.process.spawn();
    house.until_ready("box-1").await;
    let next = rotated(&house).await;
    until_renewed(&house, 1).await;
    assert!(worker.process.terminate().await.success());

    // Its certificate is due by then, and renewed at a start.
    clock.set("+20h");
    let first = worker.identity().node.not_after;
    let mut again = worker.again(&["worker"]);
    go_by(&mut again, &clock);
    again.process.spawn();
    let look = || std::future::ready(again.identity().node.not_after);
    until("it is renewed", look, |end| *end > first).await;
    assert!(!authority(&house).await["Rotation"].is_null(), "the day is not over");
    clock.set("+25h");
    let look = || authority(&house);
    let found = until("the rotation ends", look, |authority| authority["Rotation"].is_null()).await;
    assert_eq!(digest(&found), next);
    until_heard_of(&house, "box-1").await;
}
