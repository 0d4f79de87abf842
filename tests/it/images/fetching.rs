//! What workers are given, and what tasks say that wait for it.

use serde_json::json;

use super::{Archived, files, listed};
use crate::support::orc::{FAILED, SCHEDULED, TestOrc, sleeper, with};

#[tokio::test]
async fn a_worker_fetches_what_a_task_of_its_node_names_and_nothing_else() {
    let orc = TestOrc::start_split().await;
    let archived = Archived::new(&orc).await;
    let sent = archived.send(&orc).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let [image] = &listed(&orc).await[..] else { panic!("one image is there") };
    assert_eq!(*image, sent.json());
    assert_eq!(
        (&image["Reference"], &image["Size"]),
        (&json!(archived.reference()), &json!(archived.bytes.len()))
    );
    let node = orc.get("/nodes").await[0]["Name"].as_str().unwrap().to_owned();
    let path = format!("/nodes/{node}/images/{}", archived.name);
    orc.ask("GET", &path, "").await.assert_refused(404, &["No task that is to run on", "names the image"]);

    let naming = || with(sleeper(), json!({ "Image": archived.reference(), "RestartPolicy": "no" }));
    let task = orc.run("fetches", naming()).await;
    let events = orc.events(task["ID"].as_str().unwrap()).await;
    let pulled = events.iter().any(|event| event["Message"] == format!("pulled {}", archived.reference()));
    assert!(pulled, "{events:#?}");
    let given = orc.ask("GET", &path, "").await;
    assert_eq!((given.status, given.body.len()), (200, archived.bytes.len()));
    assert_eq!(given.header("orc-archive-sha256"), image["Digest"].as_str());

    orc.delete(task["ID"].as_str().unwrap()).await;
    orc.until_gone(task["ID"].as_str().unwrap()).await;
    archived.forget(&orc).await;
    for file in files(&orc) {
        std::fs::remove_file(orc.data_dir().join("images").join(file)).unwrap();
    }
    let id = orc.submit("in-vain", naming()).await;
    let failed = orc.until_state(&id, FAILED).await;
    let message = failed["Message"].as_str().unwrap();
    assert!(message.contains("This manager has no image") && message.contains("`orc deploy`"), "{message}");
    let id = orc.submit("no-name", with(naming(), json!({ "Image": "orc.local/web:latest" }))).await;
    let failed = orc.until_state(&id, FAILED).await;
    assert!(
        failed["Message"].as_str().unwrap().contains("is no name of an image that was built"),
        "{failed}"
    );
}

#[tokio::test]
async fn a_task_waits_in_words_for_a_manager_that_is_away() {
    let mut orc = TestOrc::start_split().await;
    let archived = Archived::new(&orc).await;
    assert_eq!(archived.send(&orc).await.status, 201);
    let naming = with(sleeper(), json!({ "Image": archived.reference() }));
    let task = orc.run("waits", naming).await;
    orc.main.kill9();
    let container = task["ContainerID"].as_str().unwrap();
    archived.forget(&orc).await;
    orc.docker.remove(container).await;
    let look = || async { orc.ask_worker("GET", "/tasks", "").await.json() };
    let is_told = |tasks: &serde_json::Value| {
        let message = tasks[0]["Message"].as_str().unwrap_or_default();
        message.contains("the manager does not give it") && message.contains("tried again")
    };
    let waiting = crate::support::patience::until("the task says for whom it waits", look, is_told).await;
    assert_eq!(waiting[0]["State"], SCHEDULED);
    orc.start_main().await;
    orc.until_replaced(&task).await;
    orc.delete(task["ID"].as_str().unwrap()).await;
    orc.until_gone(task["ID"].as_str().unwrap()).await;
    archived.forget(&orc).await;
}
