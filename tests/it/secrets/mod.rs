//! Secrets and configs on a real engine: in containers as files, and nowhere else.

mod deployed;
mod silence;
mod states;

use orc::model::managed_file::Contents;
use orc::wire::file::FileData;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::orc::TestOrc;

/// What must be read nowhere but in containers.
const HUNTER2: &str = "hunter2-is-nobody-s-business";

/// Base64, as the API has it.
fn data(text: &str) -> Value {
    serde_json::to_value(FileData(Contents::from(text.as_bytes().to_vec()))).unwrap()
}

async fn make(orc: &TestOrc, kinds: &str, name: &str, text: &str) -> Answer {
    let body = json!({ "Name": name, "Data": data(text) });
    orc.ask("POST", &format!("/{kinds}"), &body.to_string()).await
}

async fn update(orc: &TestOrc, kinds: &str, name: &str, text: &str) -> Answer {
    let body = json!({ "Data": data(text) });
    orc.ask("POST", &format!("/{kinds}/{name}/versions"), &body.to_string()).await
}

/// What a program in a task's container writes and how it ends.
async fn in_container(orc: &TestOrc, task: &Value, line: &str) -> String {
    let id = task["ContainerID"].as_str().unwrap();
    orc.docker.exec(id, &["sh", "-c", line]).await
}
