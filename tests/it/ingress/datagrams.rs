//! UDP: who asks from one address speaks with one task, until that is gone or both were silent for long.

use std::net::SocketAddr;
use std::time::Duration;

use orc::ingress::Limits;
use orc::model::ingress::Backend;
use orc::model::port::{Port, Protocol};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::rig::{Rig, backend_at, soon};
use crate::support::ports::free_ports;

/// A task that answers each datagram with its name and what was said, until it is dropped.
struct Task {
    backend: Backend,
    _end: DropGuard,
    /// Ends once the socket is closed.
    ended: TaskTracker,
}

impl Task {
    async fn named(name: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let backend = backend_at(socket.local_addr().unwrap());
        let (end, ended) = <(CancellationToken, TaskTracker)>::default();
        let answering = async move {
            let mut said = [0; 64];
            while let Ok((length, from)) = socket.recv_from(&mut said).await {
                let answer = [name.as_bytes(), &said[..length]].concat();
                socket.send_to(&answer, from).await.unwrap();
            }
        };
        ended.spawn(end.clone().run_until_cancelled_owned(answering));
        ended.close();
        Self { backend, _end: end.drop_guard(), ended }
    }

    async fn end(self) {
        let ended = self.ended.clone();
        drop(self);
        ended.wait().await;
    }
}

fn rig(limits: Limits) -> Rig {
    Rig::start_at(Port { number: free_ports(1), protocol: Protocol::Udp }, limits)
}

async fn client(address: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(address).await.unwrap();
    client
}

/// Asks until there is an answer: datagrams may be lost, and before the port is open they are.
async fn ask(client: &UdpSocket, question: &str) -> String {
    let mut answer = [0; 64];
    soon("an answer", async {
        loop {
            let _ = client.send(question.as_bytes()).await;
            let answered = timeout(Duration::from_millis(100), client.recv(&mut answer)).await;
            if let Ok(Ok(length)) = answered {
                let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
                if answer.ends_with(question) {
                    return answer;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_client_keeps_its_task_and_clients_are_dealt_out() {
    let rig = rig(Limits::default());
    let [one, two] = [Task::named("one ").await, Task::named("two ").await];
    rig.publish(&[one.backend, two.backend]);
    let [first, second] = [client(rig.address()).await, client(rig.address()).await];
    let (of_first, of_second) = (ask(&first, "0").await, ask(&second, "0").await);
    assert_ne!(of_first, of_second);
    for number in 1..20 {
        let question = number.to_string();
        assert_eq!(ask(&first, &question).await, of_first.replace('0', &question));
        assert_eq!(ask(&second, &question).await, of_second.replace('0', &question));
    }
    assert_eq!([&one, &two].map(|task| rig.ingress.connections(task.backend.task)), [1, 1]);
}

#[tokio::test]
async fn a_task_that_leaves_keeps_its_sessions_and_one_that_is_gone_loses_them() {
    let rig = rig(Limits::default());
    let [old, new] = [Task::named("old ").await, Task::named("new ").await];
    rig.publish(&[old.backend]);
    let client = client(rig.address()).await;
    assert_eq!(ask(&client, "1").await, "old 1");
    rig.publish(&[new.backend]);
    assert_eq!(ask(&client, "2").await, "old 2");
    let task = old.backend.task;
    old.end().await;
    assert_eq!(ask(&client, "3").await, "new 3");
    assert_eq!(rig.ingress.connections(task), 0);
}

#[tokio::test]
async fn a_session_in_which_nobody_says_anything_ends() {
    let rig = rig(Limits { session_idle: Duration::from_millis(500), ..Limits::default() });
    let task = Task::named("web ").await;
    rig.publish(&[task.backend]);
    let client = client(rig.address()).await;
    assert_eq!(ask(&client, "1").await, "web 1");
    soon("the end of the session", rig.ingress.drained(task.backend.task)).await;
    assert_eq!(ask(&client, "2").await, "web 2", "and begins anew when there is something to say");
}

#[tokio::test]
async fn the_session_that_was_silent_the_longest_makes_room_for_a_new_one() {
    let rig = rig(Limits { sessions: 2, ..Limits::default() });
    let task = Task::named("web ").await;
    rig.publish(&[task.backend]);
    let clients = [client(rig.address()).await, client(rig.address()).await, client(rig.address()).await];
    for (number, client) in clients.iter().enumerate() {
        let question = number.to_string();
        assert_eq!(ask(client, &question).await, format!("web {question}"));
    }
    assert_eq!(rig.ingress.connections(task.backend.task), 2);
}
