//! Names and ports that are somebody else's (F60, F61, F62).

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};

use crate::support::docker::{is_live, name};
use crate::support::orc::{COMPLETED, FAILED, RUNNING, TestOrc, echo, sleeper, with};
use crate::support::ports::free_ports;

#[tokio::test]
async fn a_name_that_a_foreign_container_has_is_left_to_it() {
    let orc = TestOrc::start().await;
    let labels = HashMap::from([
        ("orc.cluster".to_owned(), orc::model::id::ClusterId::generate().to_string()),
        ("orc.node".to_owned(), "worker-1".to_owned()),
        ("orc.task".to_owned(), orc::model::id::TaskId::generate().to_string()),
        ("orc.attempt".to_owned(), "1".to_owned()),
    ]);
    let strangers = [
        ("plain", orc.docker.create(&orc.name("plain"), HashMap::new()).await),
        ("other", orc.docker.create(&orc.name("other"), labels).await),
    ];
    for (base, stranger) in &strangers {
        orc.docker.start(stranger).await;
        let task = with(sleeper(), json!({ "RestartPolicy": "no" }));
        let task = orc.run(base, task).await;
        assert_eq!((&task["Attempt"], &task["RestartCount"]), (&json!(2), &json!(0)), "{task}");
        let ours = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
        assert_eq!(name(&ours), format!("{}.2", orc.name(base)));
        let told = orc.events(task["ID"].as_str().unwrap()).await;
        let says = |event: &Value| {
            let message = event["Message"].as_str().unwrap();
            message.contains(&orc.name(base)) && message.contains("is taken")
        };
        assert!(told.iter().any(says), "{told:#?}");
        orc.delete(task["ID"].as_str().unwrap()).await;
        orc.until_gone(task["ID"].as_str().unwrap()).await;
        assert!(is_live(&orc.docker.inspect(stranger).await), "it is not touched");
        orc.docker.remove(stranger).await;
    }
}

#[tokio::test]
async fn a_host_port_that_somebody_has_is_waited_for_and_nothing_is_left_lying_about() {
    let orc = TestOrc::start().await;
    let port = free_ports(1);
    let occupied = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    let fixed = json!({ "PublishMode": "host", "PortBindings": { "7777/tcp": port.to_string() } });
    let stubborn = with(with(echo(&[]), fixed.clone()), json!({ "RestartPolicy": "on-failure" }));
    let waits = orc.submit("stubborn", stubborn).await;
    let says_why = |task: &Value| {
        let message = task["Message"].as_str().unwrap();
        message.contains("address already in use") && message.contains(&port.to_string())
    };
    orc.until(&waits, "it says what is wrong", |task| says_why(task) && task["RestartCount"] == 2).await;
    assert!(orc.containers_of(&waits).await.len() <= 1);
    drop(occupied);
    let runs = orc.until_state(&waits, RUNNING).await;
    assert_eq!(runs["HostPorts"]["7777/tcp"][0]["HostPort"], port.to_string());
    assert_eq!(orc.containers_of(&waits).await.len(), 1);
    orc.delete(&waits).await;
    orc.until_state(&waits, COMPLETED).await;

    let occupied = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    let once = with(with(echo(&[]), fixed), json!({ "RestartPolicy": "no" }));
    let fails = orc.submit("once", once).await;
    let failed = orc.until_state(&fails, FAILED).await;
    assert!(says_why(&failed), "{failed}");
    orc.until_gone(&fails).await;
    drop(occupied);
}
