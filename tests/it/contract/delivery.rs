//! What the network does to requests and answers: it loses them, doubles them, and lets them overtake one another.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::doubling::Doubling;
use crate::support::http::ask;
use crate::support::orc::{COMPLETED, RUNNING, Setup, TestOrc, sleeper, with};
use crate::support::patience::until;

/// An event for a task of this name, with every ID given.
fn event(orc: &TestOrc, name: &str) -> Value {
    let id = || orc::model::id::TaskId::generate().to_string();
    json!({ "ID": id(), "State": 2, "Task": with(sleeper(), json!({ "ID": id(), "Name": orc.name(name) })) })
}

#[tokio::test]
async fn whoever_lost_the_answer_of_a_submission_sends_it_again_and_has_one_task() {
    let orc = TestOrc::start().await;
    let event = event(&orc, "lost");
    let body = event.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", orc.manager_port)).await.unwrap();
    let head = format!(
        "POST /tasks HTTP/1.1\r\nhost: localhost:{}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        orc.manager_port,
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let tasks = || orc.get("/tasks");
    until("it is accepted", tasks, |tasks| tasks.as_array().unwrap().len() == 1).await;
    // The answer is on its way, and nobody reads it.
    drop(stream);

    let again = orc.ask("POST", "/tasks", &body).await;
    assert_eq!((again.status, &again.json()["ID"]), (201, &event["ID"]));
    let id = event["Task"]["ID"].as_str().unwrap();
    orc.until_state(id, RUNNING).await;
    assert_eq!((orc.get("/tasks").await.as_array().unwrap().len(), orc.containers().await.len()), (1, 1));
}

#[tokio::test]
async fn what_arrives_twice_and_late_has_one_effect_be_it_from_a_person_or_from_a_worker() {
    let proxy = Doubling::start().await;
    let orc = TestOrc::start_with(Setup { via: Some(proxy.port), ..Setup::default() }).await;
    proxy.lead_to(orc.manager_port);
    let json = [("content-type", "application/json")];
    let send = async |method: &str, path: &str, body: String| {
        ask(proxy.port, method, path, &json, body).await.unwrap()
    };

    let events: Vec<Value> = ["one", "two", "three"].map(|name| event(&orc, name)).into();
    for event in &events {
        let answer = send("POST", "/tasks", event.to_string()).await;
        assert_eq!((answer.status, &answer.json()["ID"]), (201, &event["ID"]));
    }
    for event in &events {
        orc.until_state(event["Task"]["ID"].as_str().unwrap(), RUNNING).await;
    }
    assert_eq!(orc.containers().await.len(), events.len());
    for event in &events {
        let id = event["Task"]["ID"].as_str().unwrap();
        assert_eq!(send("DELETE", &format!("/tasks/{id}"), String::new()).await.status, 204);
        orc.until_state(id, COMPLETED).await;
        orc.until_gone(id).await;
        let mut kinds = orc.kinds(id).await;
        let all = kinds.len();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), all, "each line of its history is there once: {kinds:?}");
    }
    let creates = orc.happened().into_iter().filter(|happened| happened.action == "create").count();
    assert_eq!(creates, events.len(), "one container each in all");
}
