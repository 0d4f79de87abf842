//! Templates of a service's task: what its containers find in their place.

use serde_json::json;

use super::{put, quick, until_rollout};
use crate::support::orc::{TestOrc, shell, with};
use crate::support::patience::until;

#[tokio::test]
async fn each_task_finds_its_own_service_slot_and_node() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    let env = ["WHO={{.Service.Name}} {{.Task.Slot}} {{.Task.Name}} {{.Node.Hostname}}"];
    let task = with(
        shell("echo $WHO is $(hostname); exec sleep 100000"),
        json!({ "Env": env, "Hostname": "h-{{.Slot}}", "StopSignal": "SIGKILL" }),
    );
    let service = json!({ "Replicas": 2, "Task": task, "Update": quick(json!({})) });
    let made = put(&orc, &name, None, &service).await;
    assert_eq!(made.json()["Task"]["Env"], json!(env), "it is shown as it is written");
    let service = until_rollout(&orc, &name, "settled").await;
    for task in service["Tasks"].as_array().unwrap() {
        let (slot, own, node) = (&task["Slot"], &task["Name"], &task["Node"]);
        let path = format!("/tasks/{}/logs", task["ID"].as_str().unwrap());
        let [slot, own, node] = [slot, own, node].map(|text| text.as_str().unwrap());
        let wanted = format!("{name} {slot} {own} {node} is h-{slot}\n");
        let logs = || async { orc.ask("GET", &path, "").await.text().to_owned() };
        until("it says who it is", logs, |logs: &String| *logs == wanted).await;
    }
}

#[tokio::test]
async fn an_unknown_template_is_refused_with_its_place_and_changes_nothing() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    let task = with(shell("exit 0"), json!({ "Env": ["A=1", "B=x{{.Image}}"] }));
    let refused = put(&orc, &name, None, &json!({ "Task": task })).await;
    assert_eq!(refused.status, 422);
    assert!(refused.message().contains("Task.Env[1] has \"{{.Image}}\" at character 4"), "{refused:?}");
    assert_eq!(orc.ask("GET", &format!("/services/{name}"), "").await.status, 404);
}
