//! Those who are not let in, or not to everything.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use orc::client::Client;
use orc::trust::client::{Believed, config};
use orc::trust::{ApiToken, Digest};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::house::{House, PATIENCE, own_address, refusal};

#[tokio::test]
async fn nothing_is_obeyed_from_elsewhere_without_a_token_or_a_certificate() {
    let house = House::open().await;
    let client = house.client(None);
    for path in ["/tasks", "/nodes", "/events", "/tokens", "/openapi.json"] {
        let (status, sentence) = refusal(client.get(path, PATIENCE).await);
        assert!(status == 401 && sentence.contains("Authorization: Bearer"), "{path}: {status} {sentence}");
    }
    let task = json!({ "Task": { "Name": "intruder", "Image": "x" } });
    assert_eq!(refusal(client.post("/tasks", &task, PATIENCE).await).0, 401);
    let health: Value = client.get("/healthz", PATIENCE).await.unwrap();
    assert_eq!(health["Status"], "ok");
    assert_eq!(house.ask("GET", "/tasks", &Value::Null).await.json(), json!([]), "nothing has changed");

    let (status, sentence) = refusal(client.bearing(&ApiToken::generate()).get("/tasks", PATIENCE).await);
    assert!(status == 401 && sentence.contains("none of this cluster's"), "{sentence}");
    let tasks: Value =
        house.client(None).bearing(&house.admin_token()).get("/tasks", PATIENCE).await.unwrap();
    assert_eq!(tasks, json!([]));
}

#[tokio::test]
async fn a_worker_speaks_for_its_own_node_alone() {
    let house = House::open().await;
    let (first, _second) = (house.joined("box-1").await, house.joined("box-2").await);
    let client = house.client(Some(&first.identity()));
    for path in
        ["/nodes/box-2/sync", "/nodes/box-2/certificate", "/nodes/box-2/tasks", "/nodes/box-2/streams/1"]
    {
        let (status, sentence) = refusal(client.post(path, &json!({}), PATIENCE).await);
        assert!(status == 403 && sentence.contains("worker of box-1"), "{path}: {status} {sentence}");
    }
    for (method, path) in [("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/tokens"), ("POST", "/tokens")] {
        let (status, sentence) =
            refusal(client.send(method.parse().unwrap(), path, &json!({}), PATIENCE).await);
        assert!(
            status == 403 && sentence.contains("worker of box-1"),
            "{method} {path}: {status} {sentence}"
        );
    }
}

#[tokio::test]
async fn a_client_believes_no_manager_but_its_own() {
    let house = House::open().await;
    let wrong = config(Believed::Pin(Digest::of("another")), None).unwrap();
    let client = Client::new(&house.url()).unwrap().believing(wrong);
    let error = client.get::<Value>("/healthz", PATIENCE).await.unwrap_err().to_string();
    assert!(error.contains("cannot be reached: another authority"), "{error}");
    let unknowing =
        Client::new(&house.url()).unwrap().get::<Value>("/healthz", PATIENCE).await.unwrap_err().to_string();
    assert!(unknowing.contains("`orc login`"), "{unknowing}");
    let astray = Client::new(&format!("https://127.0.0.1:{}", house.join_line().await.len())).unwrap();
    assert!(astray.get::<Value>("/healthz", PATIENCE).await.is_err());
}

#[tokio::test]
async fn plain_http_is_for_this_machine_alone() {
    let house = House::open().await;
    assert_eq!(house.ask("GET", "/tasks", &Value::Null).await.status, 200);
    let address = SocketAddr::new(own_address(), house.port);
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio_util::task::TaskTracker::new().spawn(connection);
    let request = hyper::Request::get("/healthz").header("host", address.to_string());
    let answer = send.send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 403);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let sentence = body["message"].as_str().unwrap();
    assert!(sentence.contains("https://") && sentence.contains("orc node token"), "{sentence}");
}

#[tokio::test]
async fn a_token_in_a_url_is_refused() {
    let house = House::open().await;
    let answer = house.ask("GET", "/tasks?access_token=x", &Value::Null).await;
    answer.assert_refused(400, &["in the header Authorization", "orc token revoke"]);
}
