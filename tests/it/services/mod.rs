//! Services on a real engine: declared, changed, rolled back and removed, as `curl` and as `orc service` do it.

mod commands;
mod cron;
mod datagrams;
mod ports;
mod rollouts;
mod templates;
mod words;

use serde_json::{Value, json};

use crate::support::http::{Answer, ask};
use crate::support::orc::{TestOrc, with};
use crate::support::patience::until;

/// Counts after a second rather than after five, so that tests need not wait.
fn quick(more: Value) -> Value {
    with(json!({ "Monitor": "1s", "Deadline": "20s" }), more)
}

/// Sends a service with what a header says of it.
async fn put(orc: &TestOrc, name: &str, if_match: Option<&str>, service: &Value) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(if_match.map(|version| ("if-match", version)));
    ask(orc.manager_port, "PUT", &format!("/services/{name}"), &headers, service.to_string()).await.unwrap()
}

/// A service as it is.
async fn look(orc: &TestOrc, name: &str) -> Value {
    orc.get(&format!("/services/{name}")).await
}

/// Waits until a service's rollout is in this state, and gives the service.
async fn until_rollout(orc: &TestOrc, name: &str, state: &str) -> Value {
    until(&format!("{name} is {state}"), || look(orc, name), |service| service["Rollout"]["State"] == state)
        .await
}

/// The identifiers of a service's tasks.
fn ids(service: &Value) -> Vec<&str> {
    service["Tasks"].as_array().unwrap().iter().map(|task| task["ID"].as_str().unwrap()).collect()
}
