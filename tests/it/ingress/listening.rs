//! Getting hold of published ports, and saying why not.

use std::net::IpAddr;
use std::sync::Arc;

use orc::ingress::{Limits, Troubles};
use orc::model::port::{Port, Protocol};
use tokio::net::TcpListener;

use super::rig::{Rig, Task, soon};
use crate::support::ports::free_ports;

#[tokio::test]
async fn a_busy_port_is_named_with_its_remedy_and_taken_as_soon_as_it_is_free() {
    let port = Port { number: free_ports(1), protocol: Protocol::Tcp };
    let busy = TcpListener::bind(("127.0.0.1", port.number)).await.unwrap();
    let rig = Rig::start_at(port, Limits::default());
    let task = Task::named("web").await;
    rig.publish(&[task.backend]);
    let mut troubles = rig.ingress.troubles();
    let seen = soon("words", troubles.wait_for(|troubles| !troubles.is_empty())).await.unwrap().clone();
    let here: IpAddr = [127, 0, 0, 1].into();
    let words = format!(
        "{port} is in use by another program at 127.0.0.1:{} of this node: end that program, or publish another port; it \
         is taken as soon as it is free",
        port.number
    );
    assert_eq!(seen, Troubles::from([((port, here), words)]));
    drop(busy);
    soon("the port", troubles.wait_for(Troubles::is_empty)).await.unwrap();
    assert_eq!(rig.ask().await, "web");
}

#[tokio::test]
async fn a_trouble_goes_with_its_port() {
    let port = Port { number: free_ports(1), protocol: Protocol::Sctp };
    let rig = Rig::start_at(port, Limits::default());
    rig.publish(&[]);
    let mut troubles = rig.ingress.troubles();
    let seen = soon("words", troubles.wait_for(|troubles| !troubles.is_empty())).await.unwrap().clone();
    assert!(seen.values().all(|words| words.contains("publish SCTP in mode host")), "{seen:?}");
    rig.table.send_replace(Arc::default());
    soon("the end of the trouble", troubles.wait_for(Troubles::is_empty)).await.unwrap();
}
