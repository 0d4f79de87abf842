//! The stable UDP port of a service: who answers its clients while tasks come and go.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use super::{look, put, quick, until_rollout};
use crate::support::orc::{TestOrc, echo, with};
use crate::support::patience::until;
use crate::support::ports::free_ports;

/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn service(port: u16, colour: &str) -> Value {
    let task = with(echo(&["ECHO_UDP=1", &format!("COLOUR={colour}")]), json!({ "ExposedPorts": {} }));
    json!({
        "Replicas": 2, "Task": task, "Ports": [{ "Published": port, "Target": 7777, "Protocol": "udp" }],
        "Update": quick(json!({ "Parallelism": 2 })),
    })
}

async fn client(port: u16) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(("127.0.0.1", port)).await.unwrap();
    client
}

/// Who answers one datagram: the host name of a container.
async fn asked(client: &UdpSocket) -> String {
    client.send(b"who?").await.unwrap();
    let mut answer = [0; 64];
    let length = timeout(PATIENCE, client.recv(&mut answer)).await.expect("it is answered").unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    answer.strip_suffix(" who?").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[tokio::test]
async fn a_client_keeps_its_task_and_a_change_leaves_no_new_one_without_an_answer() {
    let orc = TestOrc::start().await;
    let (name, port) = (orc.name("dns"), free_ports(1));
    let made = put(&orc, &name, None, &service(port, "green")).await;
    assert_eq!(made.status, 200, "{made:?}");
    until_rollout(&orc, &name, "settled").await;
    let mut before = BTreeSet::new();
    for _ in 0..8 {
        let client = client(port).await;
        let first = asked(&client).await;
        for _ in 0..5 {
            assert_eq!(asked(&client).await, first, "one client, one task");
        }
        before.insert(first);
    }
    assert_eq!(before.len(), 2, "clients are dealt out: {before:?}");

    put(&orc, &name, Some("1"), &service(port, "blue")).await;
    let coming = async {
        let mut seen = BTreeSet::new();
        loop {
            seen.insert(asked(&client(port).await).await);
            let settled = look(&orc, &name).await["Stable"] == 2;
            if settled && !before.contains(&asked(&client(port).await).await) {
                return seen;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let seen = timeout(Duration::from_mins(1), coming).await.expect("it is changed");
    assert!(seen.len() >= 3, "old and new ones answered: {seen:?}");
    let gone = || async { orc.containers().await.len() };
    until("the old ones are gone", gone, |left| *left == 2).await;
    assert!(!before.contains(&asked(&client(port).await).await));
}
