//! The stable port of a service: what clients see of it while tasks come and go.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{look, put, quick, until_rollout};
use crate::support::clients::{self, Clients};
use crate::support::orc::{TestOrc, echo, with};
use crate::support::patience::until;
use crate::support::ports::free_ports;

/// Where this machine listens on a port.
fn here(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

async fn asked(port: u16) -> std::io::Result<String> {
    clients::environment(here(port)).await
}

fn service(port: u16, replicas: u32, colour: &str) -> Value {
    let task = with(echo(&[&format!("COLOUR={colour}")]), json!({ "ExposedPorts": {} }));
    json!({
        "Replicas": replicas, "Task": task, "Ports": [{ "Published": port, "Target": 7777 }],
        "Update": quick(json!({})),
    })
}

#[tokio::test]
async fn a_change_of_a_service_fails_no_request_to_its_port() {
    let orc = TestOrc::start().await;
    for replicas in [2, 1] {
        let (name, port) = (orc.name(&format!("web-{replicas}")), free_ports(1));
        let made = put(&orc, &name, None, &service(port, replicas, "green")).await;
        assert_eq!(made.status, 200, "{made:?}");
        until_rollout(&orc, &name, "settled").await;
        assert!(asked(port).await.unwrap().contains("COLOUR=green"));

        let clients = Clients::begin(&[here(port)]);
        put(&orc, &name, Some("1"), &service(port, replicas, "blue")).await;
        until("it is changed", || look(&orc, &name), |service| service["Stable"] == 2).await;
        let seen = clients.end().await;
        assert!(seen.failures.is_empty(), "{replicas} replicas: {:?}", seen.failures);
        assert!(seen.answers > 100, "{} answers", seen.answers);
        assert!(asked(port).await.unwrap().contains("COLOUR=blue"));
    }
}

#[tokio::test]
async fn a_scale_and_a_bad_version_fail_no_request_either() {
    let orc = TestOrc::start().await;
    let (name, port) = (orc.name("web"), free_ports(1));
    put(&orc, &name, None, &service(port, 1, "green")).await;
    until_rollout(&orc, &name, "settled").await;
    let clients = Clients::begin(&[here(port)]);
    for replicas in [3, 1] {
        let scale = json!({ "Replicas": replicas }).to_string();
        assert_eq!(orc.ask("POST", &format!("/services/{name}/scale"), &scale).await.status, 200);
        let is_there = |service: &Value| {
            service["Rollout"]["State"] == "settled" && service["Tasks"].as_array().unwrap().len() == replicas
        };
        until("it has as many tasks", || look(&orc, &name), is_there).await;
    }
    let mut bad = service(port, 1, "red");
    bad["Task"]["Env"] = json!(["ECHO_EXIT_AFTER_MS=200", "ECHO_EXIT_CODE=3"]);
    put(&orc, &name, Some("*"), &bad).await;
    let is_back = |service: &Value| service["Stable"].as_u64().unwrap() >= 5;
    until("it is back", || look(&orc, &name), is_back).await;
    let seen = clients.end().await;
    let failed = seen.failures.len();
    // The bad one answers while it lives, and counts as ready as long as nothing else is said of it: what it had accepted
    // when it ended is lost.
    assert!(failed * 20 < seen.answers, "{failed} of {} failed: {:?}", seen.answers, seen.failures);
    assert!(asked(port).await.unwrap().contains("COLOUR=green"));
}

#[tokio::test]
async fn who_is_behind_a_port_can_be_followed() {
    let orc = TestOrc::start().await;
    let (name, port) = (orc.name("web"), free_ports(1));
    put(&orc, &name, None, &service(port, 1, "green")).await;
    until_rollout(&orc, &name, "settled").await;
    let endpoints = orc.get(&format!("/services/{name}/endpoints")).await;
    let behind = &endpoints["Ports"][0];
    assert_eq!((&behind["Published"], &behind["Target"]), (&json!(port), &json!(7777)));
    let task = &behind["Tasks"][0];
    assert_eq!(task["Name"], format!("{name}.1.v1"));
    assert!(task["Address"].as_str().unwrap().starts_with("127.0.0.1:"), "{task}");

    let revision = endpoints["Revision"].as_u64().unwrap();
    let path = format!("/services/{name}/endpoints?after={revision}&wait=10s");
    let (later, _) = tokio::join!(orc.get(&path), async {
        orc.ask("POST", &format!("/services/{name}/scale"), &json!({ "Replicas": 2 }).to_string()).await
    });
    assert!(later["Revision"].as_u64().unwrap() > revision);
    assert_eq!(later["Ports"][0]["Tasks"].as_array().unwrap().len(), 2);
    let holder = put(&orc, &orc.name("other"), None, &service(port, 1, "red")).await;
    assert_eq!(holder.status, 409);
    assert!(holder.message().contains(&format!("is the service {name}'s")), "{}", holder.message());
}

#[tokio::test]
async fn a_task_is_told_who_its_client_is_where_the_port_says_so() {
    let orc = TestOrc::start().await;
    let (name, port) = (orc.name("web"), free_ports(1));
    let mut proxied = service(port, 1, "green");
    proxied["Ports"][0]["ProxyProtocol"] = json!(true);
    proxied["Task"]["Env"] = json!(["ECHO_PROXY_PROTOCOL=2"]);
    put(&orc, &name, None, &proxied).await;
    until_rollout(&orc, &name, "settled").await;
    let mut client = TcpStream::connect(here(port)).await.unwrap();
    let address = client.local_addr().unwrap();
    client.write_all(b"GET /client HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&format!("\r\n\r\n{address}\n")), "{answer:?}, and it was {address}");
}
