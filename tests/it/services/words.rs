//! What is refused, in which words, and that nothing changes by it.

use serde_json::{Value, json};

use super::{put, quick};
use crate::support::orc::{TestOrc, sleeper, with};

#[tokio::test]
async fn a_version_that_was_made_meanwhile_is_never_undone_unseen() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    let service = |replicas: u32| json!({ "Replicas": replicas, "Task": sleeper() });
    put(&orc, &name, None, &service(1)).await;
    let same = put(&orc, &name, None, &service(1)).await;
    assert_eq!((same.status, same.header("etag")), (200, Some("\"1\"")), "sent again");
    let blind = put(&orc, &name, None, &service(2)).await;
    assert_eq!(blind.status, 428);
    assert!(blind.message().contains("add the header If-Match: \"1\""), "{}", blind.message());
    assert_eq!(put(&orc, &name, Some("\"1\""), &service(2)).await.status, 200);
    let late = put(&orc, &name, Some("\"1\""), &service(3)).await;
    assert_eq!(late.status, 412);
    assert!(late.message().contains("version 2 was made meanwhile"), "{}", late.message());
    assert_eq!(put(&orc, &name, Some("*"), &service(4)).await.header("etag"), Some("\"3\""));
    let what_get_gave = orc.get(&format!("/services/{name}")).await;
    let back = put(&orc, &name, Some("3"), &what_get_gave).await;
    assert_eq!((back.status, back.header("etag")), (200, Some("\"3\"")), "{back:?}");
    let made = orc.ask("POST", "/services", &with(service(1), json!({ "Name": name })).to_string()).await;
    assert_eq!(made.status, 409, "{made:?}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_a_sentence_and_nothing_changes() {
    let orc = TestOrc::start().await;
    let task = sleeper();
    let cases: &[(Value, u16, &str)] = &[
        (json!({ "Task": task }), 422, "Name is missing"),
        (json!({ "Name": "a b", "Task": task }), 422, "is not a service name"),
        (json!({ "Name": "web", "Task": {} }), 422, "Task.Image is missing"),
        (
            json!({ "Name": "web", "Task": task, "Mode": "cronn" }),
            422,
            "\"replicated\", \"global\", \"job\" and \"cron\"",
        ),
        (json!({ "Name": "web", "Task": task, "Replicas": 100_000 }), 422, "from 0 to 10000"),
        (json!({ "Name": "web", "Task": task, "Mode": "global", "Replicas": 2 }), 422, "has no such field"),
        (
            json!({ "Name": "web", "Task": with(task.clone(), json!({ "Name": "x1" })) }),
            422,
            "Task.Name is \"x1\"",
        ),
        (
            json!({ "Name": "web", "Task": task, "Update": { "MaxFailureRatio": 2 } }),
            422,
            "a share from 0 to 1",
        ),
        (json!({ "Name": "web", "Task": task, "Update": { "Order": "first" } }), 400, "start-first"),
        (json!({ "Name": "web", "Task": task, "Updates": {} }), 400, "Updates"),
        (
            json!({ "Name": "web", "Mode": "job", "Task": with(task.clone(), json!({ "RestartPolicy": "always" })) }),
            422,
            "a job or a run is over then",
        ),
        (
            json!({ "Name": "web", "Task": with(task.clone(), json!({ "Memory": 1_u64 << 50 })) }),
            422,
            "No node could ever run it",
        ),
    ];
    for (service, status, words) in cases {
        let answer = orc.ask("POST", "/services", &service.to_string()).await;
        assert_eq!(answer.status, *status, "{service}: {answer:?}");
        assert!(answer.message().contains(words), "{words:?} is not in {:?}", answer.message());
    }
    assert_eq!(orc.get("/services").await, json!([]));
    let unknown = orc.ask("GET", "/services/nothing", "").await;
    assert_eq!((unknown.status, unknown.message().contains("No service is called nothing")), (404, true));
}

#[tokio::test]
async fn what_a_rollout_cannot_do_is_said() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    put(&orc, &name, None, &json!({ "Task": sleeper(), "Update": quick(json!({})) })).await;
    super::until_rollout(&orc, &name, "settled").await;
    let say = async |path: &str, body: Value| {
        let answer = orc.ask("POST", &format!("/services/{name}/{path}"), &body.to_string()).await;
        (answer.status, answer.message())
    };
    for (action, words) in
        [("pause", "no rollout is under way"), ("resume", "is not paused"), ("promote", "no canary")]
    {
        let (status, message) = say("rollout", json!({ "Action": action })).await;
        assert!(status == 409 && message.contains(words), "{action}: {status} {message}");
    }
    let (status, message) = say("rollout", json!({ "Action": "stop" })).await;
    assert!(status == 422 && message.contains("\"promote\" are possible"), "{message}");
    let (status, message) = say("rollback", Value::Null).await;
    assert!(status == 409 && message.contains("no version before this one"), "{message}");
    let (status, message) = say("rollback?to=7", Value::Null).await;
    assert!(status == 404 && message.contains("has no version 7 to bring back; it has 1"), "{message}");
}
