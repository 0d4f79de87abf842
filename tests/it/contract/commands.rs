//! The four commands that must go on working letter for letter.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::http::ask;
use crate::support::orc::{COMPLETED, RUNNING, TestOrc};
use crate::support::patience::until;

const SUBMIT: &str = r#"curl --location 'http://localhost:8000/tasks' --header 'Content-Type: application/json' --data '{
    "ID": "a7aa1d44-08f6-443e-9378-f5884311019e", "State": 2,
    "Task": { "State": 1, "ID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "Name": "test-chapter-9.1",
        "Image": "timboring/echo-server:latest", "ExposedPorts": { "7777/tcp": {} },
        "PortBindings": { "7777/tcp": "7777" }, "HealthCheck": "/health" } }'"#;
const STOP: &str = "curl --location --request DELETE 'http://localhost:8000/tasks/bb1d59ef-9fc1-4e4b-a44d-db571eeed203' --data ''";
const LIST: &str = "curl --location 'http://localhost:8000/tasks'";
const STATS: &str = "curl --location 'http://localhost:8888/stats'";

const TASK: &str = "bb1d59ef-9fc1-4e4b-a44d-db571eeed203";

/// Types commands where the standard ports lead to an orc that listens elsewhere.
struct Typist {
    home: tempfile::TempDir,
}

impl Typist {
    fn before(orc: &TestOrc) -> Self {
        let home = tempfile::tempdir().unwrap();
        let settings = format!(
            "silent\nshow-error\nwrite-out = \"\\n%{{http_code}}\"\nconnect-to = \"localhost:8000:localhost:{}\"\n\
             connect-to = \"localhost:8888:localhost:{}\"\n",
            orc.manager_port, orc.worker_port
        );
        fs::write(home.path().join(".curlrc"), settings).unwrap();
        Self { home }
    }

    /// Runs a command; the status that it shows, and the body.
    fn types(&self, command: &str) -> (u16, String) {
        let home: &Path = self.home.path();
        let output = Command::new("sh").args(["-c", command]).env("CURL_HOME", home).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// The only task of the list.
    fn sees_one(&self) -> Value {
        let (status, body) = self.types(LIST);
        assert_eq!(status, 200);
        let tasks: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(tasks.as_array().unwrap().len(), 1, "{body}");
        tasks[0].clone()
    }
}

#[tokio::test]
async fn the_four_commands_work_letter_for_letter() {
    let orc = TestOrc::start().await;
    let typist = Typist::before(&orc);
    assert_eq!(typist.types(LIST), (200, "[]".to_owned()));

    let (status, body) = typist.types(SUBMIT);
    assert_eq!(status, 201, "{body}");
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(event["ID"], "a7aa1d44-08f6-443e-9378-f5884311019e");
    assert_eq!(event["State"], 2);
    assert_eq!(event["Task"]["ID"], TASK);
    assert_eq!(event["Task"]["Name"], "test-chapter-9.1");

    let see = || std::future::ready(typist.sees_one());
    let task = until("the task runs", see, |task| task["State"] == RUNNING).await;
    let port: u16 = task["HostPorts"]["7777/tcp"][0]["HostPort"].as_str().unwrap().parse().unwrap();
    assert_ne!(port, 7777, "PortBindings alone binds nothing");
    let answer = ask(port, "GET", "/health", &[], "").await.unwrap();
    assert_eq!(answer.status, 200);
    let answer = ask(port, "POST", "/", &[], "to be echoed").await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "to be echoed"));
    until("the task is healthy", see, |task| task["Health"] == "healthy").await;

    let (status, body) = typist.types(STATS);
    assert_eq!(status, 200);
    let shown: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(shown["TaskCount"], 1);

    assert_eq!(typist.types(STOP), (204, String::new()));
    let task = until("the task is stopped", see, |task| task["State"] == COMPLETED).await;
    assert_eq!(task["ID"], TASK);
    orc.until_gone(TASK).await;
    assert_eq!(typist.types(STOP), (204, String::new()), "stopping again is as good");
}
