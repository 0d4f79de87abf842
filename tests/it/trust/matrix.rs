//! Every route times everybody who may knock: a table of what is to be, beside the gate's own.

use std::time::Duration;

use expect_test::expect;
use orc::client::{Client, ClientError};
use orc::clock::Clock;
use orc::manager::http::gate::{Access, TABLE};
use orc::model::access::Role;
use orc::model::time::Timestamp;
use orc::trust::authority::SigningRequest;
use orc::trust::{Authority, Identity, NodeCertificate};
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::{Value, json};

use super::house::{House, PATIENCE, Worker};

const DAY: Duration = Duration::from_hours(24);

/// Whoever may knock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// By TLS, with nothing to show.
    Nobody,
    /// Over loopback, without a token.
    Local,
    Read,
    Operate,
    Admin,
    /// With a token for an hour that has passed.
    Expired,
    /// With a token that was revoked.
    Revoked,
    /// With a token to join, where one for people belongs.
    Joiner,
    /// The worker of the node in the path.
    Own,
    /// A worker of another node.
    Other,
    /// A worker of a node of this name in another cluster.
    Stranger,
    /// The worker of the node in the path, by a certificate that it signed itself.
    SelfSigned,
    /// That, by one that an authority of its own making signed under the cluster's name.
    Forged,
    /// That, by a genuine one that has ended.
    Ended,
    /// That, by a genuine one that begins tomorrow.
    Early,
}

const EVERYBODY: [Who; 15] = [
    Who::Nobody,
    Who::Local,
    Who::Read,
    Who::Operate,
    Who::Admin,
    Who::Expired,
    Who::Revoked,
    Who::Joiner,
    Who::Own,
    Who::Other,
    Who::Stranger,
    Who::SelfSigned,
    Who::Forged,
    Who::Ended,
    Who::Early,
];

/// What is to become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The handler answers, whatever it says.
    In,
    /// 401.
    Unknown,
    /// 403.
    Forbidden,
}

/// The same rules once more, in other words than the gate's.
#[expect(clippy::match_same_arms, reason = "a rule on each line")]
fn fate(who: Who, access: Access) -> Fate {
    use Fate::{Forbidden, In, Unknown};
    match (access, who) {
        (Access::Public | Access::Join, _) | (_, Who::Local) => In,
        (_, Who::Nobody | Who::Expired | Who::Revoked | Who::Joiner | Who::Stranger) => Unknown,
        (_, Who::SelfSigned | Who::Forged | Who::Ended | Who::Early) => Unknown,
        (Access::Role(Role::Read), Who::Read | Who::Operate | Who::Admin) => In,
        (Access::Role(Role::Operate) | Access::NodeOr(Role::Operate), Who::Operate | Who::Admin) => In,
        (Access::Role(Role::Admin), Who::Admin) => In,
        (Access::Node | Access::NodeOr(_), Who::Own) => In,
        _ => Forbidden,
    }
}

/// What each of them knocks with.
struct Visitors {
    house: House,
    read: Client,
    operate: Client,
    admin: Client,
    expired: Client,
    revoked: Client,
    own: Client,
    other: Client,
    stranger: Client,
    self_signed: Client,
    forged: Client,
    ended: Client,
    early: Client,
    _workers: [Worker; 2],
    _elsewhere: House,
}

impl Visitors {
    async fn gather() -> Self {
        let (house, elsewhere) = (House::open().await, House::open().await);
        let workers = [house.joined("box-1").await, house.joined("box-2").await];
        let stranger = elsewhere.joined("box-1").await.identity();
        let shown = |identity: &Identity| house.client(Some(identity));
        let (own, other, stranger) =
            (shown(&workers[0].identity()), shown(&workers[1].identity()), shown(&stranger));
        let now = Clock.now().wall;
        let revoked = house.token(json!({ "Role": "admin" })).await;
        let expired = bearer(&house, json!({ "Role": "admin", "TTL": 1 })).await;
        let visitors = Self {
            read: bearer(&house, json!({ "Role": "read" })).await,
            operate: bearer(&house, json!({ "Role": "operate" })).await,
            admin: house.client(None).bearing(&house.admin_token()),
            revoked: house.client(None).bearing(&revoked["Secret"].as_str().unwrap().parse().unwrap()),
            expired,
            own,
            other,
            stranger,
            self_signed: shown(&false_papers(&workers[0], Signer::Itself)),
            forged: shown(&false_papers(&workers[0], Signer::AnotherAuthority)),
            ended: shown(&false_papers(&workers[0], Signer::Genuine(&house, now.before(2 * DAY)))),
            early: shown(&false_papers(&workers[0], Signer::Genuine(&house, now.after(DAY)))),
            house,
            _workers: workers,
            _elsewhere: elsewhere,
        };
        let id = revoked["ID"].as_str().unwrap();
        let answer = visitors.house.ask("DELETE", &format!("/tokens/{id}"), &Value::Null).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        let is_over = || visitors.expired.get::<Value>("/tasks", PATIENCE);
        let over = crate::support::patience::until("a token expires", is_over, Result::is_err).await;
        assert!(super::house::refusal(over).1.contains("expired at"));
        visitors
    }

    /// What becomes of a request.
    async fn fate(&self, who: Who, method: &str, path: &str) -> Fate {
        let body = json!({});
        let client = match who {
            Who::Local => {
                let status = self
                    .house
                    .ask(method, path, if method == "GET" { &Value::Null } else { &body })
                    .await
                    .status;
                return fate_of(status);
            }
            Who::Joiner => return self.joiner(method, path).await,
            Who::Nobody => &self.house.client(None),
            Who::Read => &self.read,
            Who::Operate => &self.operate,
            Who::Admin => &self.admin,
            Who::Expired => &self.expired,
            Who::Revoked => &self.revoked,
            Who::Own => &self.own,
            Who::Other => &self.other,
            Who::Stranger => &self.stranger,
            Who::SelfSigned => &self.self_signed,
            Who::Forged => &self.forged,
            Who::Ended => &self.ended,
            Who::Early => &self.early,
        };
        let answer = match method {
            "GET" => client.get::<Value>(path, PATIENCE).await,
            _ => client.send(method.parse().unwrap(), path, &body, PATIENCE).await,
        };
        match answer {
            Ok(_) | Err(ClientError::Garbled { .. }) => Fate::In,
            Err(ClientError::Refused { status, message }) => {
                assert!(!message.contains("is a bug in orc"), "{who:?} {method} {path}: {message}");
                fate_of(status)
            }
            Err(error) => panic!("{who:?} {method} {path}: {error}"),
        }
    }

    /// Over loopback, so that it is the token that counts and not where it comes from.
    async fn joiner(&self, method: &str, path: &str) -> Fate {
        let secret = self.house.join_line().await;
        let header = format!("Bearer {}", secret.split_once('@').unwrap().0);
        let headers = [("content-type", "application/json"), ("authorization", header.as_str())];
        let body = if method == "GET" { "" } else { "{}" };
        fate_of(
            crate::support::http::ask(self.house.port, method, path, &headers, body).await.unwrap().status,
        )
    }
}

/// Who signs a certificate that is not to count.
#[derive(Clone, Copy)]
enum Signer<'a> {
    Itself,
    AnotherAuthority,
    /// The cluster's own, at another time.
    Genuine(&'a House, Timestamp),
}

/// A certificate for a worker's own key and under its own name, so that nothing but its signature or its dates is wrong.
fn false_papers(worker: &Worker, signer: Signer<'_>) -> Identity {
    let identity = worker.identity();
    let (cluster, node) = (identity.node.cluster, &identity.node.node);
    let dir = tempfile::tempdir().unwrap();
    let (kept, key) = (dir.path().join("trust"), worker.data_dir().join("trust").join("node-key.pem"));
    std::fs::create_dir(&kept).unwrap();
    std::fs::copy(&key, kept.join("node-key.pem")).unwrap();
    let sign = |authority: &Authority, at| {
        let request = SigningRequest::read(&identity.signing_request().unwrap()).unwrap();
        (authority.sign_node(&request, node, at).unwrap(), authority.pem().to_owned())
    };
    let (certificate, authority) = match signer {
        Signer::Itself => {
            let key = KeyPair::from_pem(&std::fs::read_to_string(&key).unwrap()).unwrap();
            let mut params = CertificateParams::default();
            let uri = NodeCertificate::uri(cluster, node).as_str().try_into().unwrap();
            params.subject_alt_names = vec![SanType::URI(uri)];
            let pem = params.self_signed(&key).unwrap().pem();
            (pem.clone(), pem)
        }
        Signer::AnotherAuthority => {
            let elsewhere = tempfile::tempdir().unwrap();
            sign(&Authority::create(elsewhere.path(), cluster, Clock.now().wall).unwrap(), Clock.now().wall)
        }
        Signer::Genuine(house, at) => {
            sign(&Authority::open(&house.data_dir(), cluster).unwrap().unwrap(), at)
        }
    };
    Identity::keep(dir.path(), "https://localhost:1", &certificate, &authority).unwrap()
}

async fn bearer(house: &House, wish: Value) -> Client {
    let made = house.token(wish).await;
    house.client(None).bearing(&made["Secret"].as_str().unwrap().parse().unwrap())
}

fn fate_of(status: u16) -> Fate {
    match status {
        401 => Fate::Unknown,
        403 => Fate::Forbidden,
        _ => Fate::In,
    }
}

/// A path of this route, with things in it that are not there; events end.
fn path_of(route: &str) -> String {
    let path = route.replace("{name}", "box-1").replace("{id}", "0193e4a0-0000-7000-8000-000000000000");
    let path = path
        .replace("{secret}", "key")
        .replace("{config}", "site")
        .replace("{image}", "web:1a2b3c4d5e6f")
        .replace("{version}", "1");
    if route == "/events" { format!("{path}?follow=false") } else { path }
}

#[tokio::test]
async fn every_route_is_for_whom_it_should_be_and_for_nobody_else() {
    let visitors = Visitors::gather().await;
    let mut wrong = Vec::new();
    for (method, route, access) in TABLE {
        for who in EVERYBODY {
            let found = visitors.fate(who, method.as_str(), &path_of(route)).await;
            let wanted = fate(who, *access);
            if found != wanted {
                wrong.push(format!("{who:?} {method} {route}: {wanted:?} is wanted, {found:?} found"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong:\n{}",
        wrong.len(),
        TABLE.len() * EVERYBODY.len(),
        wrong.join("\n")
    );
}

/// C02: what is said to each worker whose certificate does not count, and that nothing comes of what it says.
#[tokio::test]
async fn a_certificate_that_does_not_count_is_refused_in_a_sentence_and_changes_nothing() {
    let visitors = Visitors::gather().await;
    let house = &visitors.house;
    let facts = json!({ "Ip": "203.0.113.66" });
    for (client, words) in [
        (&visitors.self_signed, "The certificate of box-1"),
        (&visitors.forged, "its authority is not the one that is believed here"),
        (&visitors.stranger, "of another cluster"),
        (&visitors.ended, "box-1 ended 1day"),
        (&visitors.early, "box-1 begins only in 22h 5"),
        (&visitors.other, "may speak for that node alone"),
    ] {
        let said = client.post("/nodes/box-1/sync", &json!({ "Facts": facts }), PATIENCE).await;
        let (status, sentence) = super::house::refusal(said);
        assert!(
            (401..=403).contains(&status) && sentence.contains(words),
            "{words:?} is not in {sentence:?}"
        );
        let renewed = client.post("/nodes/box-1/certificate", &json!({ "CSR": "x" }), PATIENCE).await;
        assert_eq!(super::house::refusal(renewed).0, status, "{words}");
    }
    assert_eq!(house.until_ready("box-1").await["Ip"], "127.0.0.1");
    assert_eq!(house.nodes().await, ["box-1", "box-2"]);
}

/// Whoever changes who may do what changes it here, too.
#[test]
fn the_table_says_what_was_decided() {
    let rows: Vec<String> =
        TABLE.iter().map(|(method, route, access)| format!("{method} {route}: {access:?}")).collect();
    expect![[r"
        GET /tasks: Role(Read)
        POST /tasks: Role(Operate)
        GET /tasks/{id}: Role(Read)
        DELETE /tasks/{id}: Role(Operate)
        GET /tasks/{id}/events: Role(Read)
        GET /tasks/{id}/logs: Role(Read)
        GET /tasks/{id}/why: Role(Read)
        GET /events: Role(Read)
        GET /nodes: Role(Read)
        GET /nodes/{name}: Role(Read)
        PATCH /nodes/{name}: Role(Admin)
        DELETE /nodes/{name}: Role(Admin)
        GET /rebalance: Role(Read)
        POST /rebalance: Role(Admin)
        GET /services: Role(Read)
        POST /services: Role(Operate)
        GET /services/{name}: Role(Read)
        PUT /services/{name}: Role(Operate)
        DELETE /services/{name}: Role(Operate)
        GET /services/{name}/versions: Role(Read)
        GET /services/{name}/endpoints: Role(Read)
        POST /services/{name}/scale: Role(Operate)
        POST /services/{name}/rollback: Role(Operate)
        POST /services/{name}/rollout: Role(Operate)
        GET /services/{name}/runs: Role(Read)
        POST /services/{name}/runs: Role(Operate)
        POST /services/{name}/schedule: Role(Operate)
        GET /secrets: Role(Read)
        POST /secrets: Role(Operate)
        GET /secrets/{name}: Role(Read)
        DELETE /secrets/{name}: Role(Operate)
        POST /secrets/{name}/versions: Role(Operate)
        POST /secrets/{name}/compare: Role(Operate)
        GET /configs: Role(Read)
        POST /configs: Role(Operate)
        GET /configs/{name}: Role(Read)
        DELETE /configs/{name}: Role(Operate)
        GET /configs/{name}/data: Role(Read)
        POST /configs/{name}/versions: Role(Operate)
        POST /configs/{name}/compare: Role(Operate)
        GET /images: Role(Read)
        GET /images/{image}: Role(Read)
        PUT /images/{image}: Role(Operate)
        GET /nodes/{name}/images/{image}: Node
        GET /nodes/{name}/secrets/{secret}/{version}: Node
        GET /nodes/{name}/configs/{config}/{version}: Node
        POST /nodes/{name}/tasks: NodeOr(Operate)
        DELETE /nodes/{name}/tasks/{id}: NodeOr(Operate)
        POST /nodes/{name}/sync: Node
        POST /nodes/{name}/streams/{id}: Node
        POST /nodes/{name}/certificate: Node
        POST /join: Join
        GET /tokens: Role(Admin)
        POST /tokens: Role(Admin)
        DELETE /tokens/{id}: Role(Admin)
        GET /ca: Role(Read)
        POST /ca/rotate: Role(Admin)
        GET /state: Role(Read)
        POST /state/accept: Role(Admin)
        GET /healthz: Public
        GET /readyz: Public
        GET /openapi.json: Role(Read)"]]
    .assert_eq(&rows.join("\n"));
}

#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route() {
    let house = House::open().await;
    let document = house.ask("GET", "/openapi.json", &Value::Null).await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let has_row = TABLE
                .iter()
                .any(|(known, route, _)| route == path && known.as_str().eq_ignore_ascii_case(method));
            assert!(has_row, "{method} {path} is in the document and in no row of the gate's table");
        }
    }
    for (method, route, _) in TABLE {
        let body = if method.as_str() == "GET" { Value::Null } else { json!({}) };
        let answer = house.ask(method.as_str(), &path_of(route), &body).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status != 405 && !text.contains("There is nothing at"), "{method} {route}: {text}");
    }
}

#[tokio::test]
async fn a_revoked_token_ends_at_once_even_on_a_connection_that_is_open() {
    let house = House::open().await;
    let made = house.token(json!({ "Role": "read" })).await;
    let client = house.client(None).bearing(&made["Secret"].as_str().unwrap().parse().unwrap());
    let _: Value = client.get("/tasks", PATIENCE).await.unwrap();
    let begin = std::time::Instant::now();
    house.ask("DELETE", &format!("/tokens/{}", made["ID"].as_str().unwrap()), &Value::Null).await;
    let (status, sentence) = super::house::refusal(client.get("/tasks", PATIENCE).await);
    assert!(status == 401 && sentence.contains("made void"), "{sentence}");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}
