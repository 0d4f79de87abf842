//! How containers end by themselves (F56), and what is said of it.

use serde_json::json;

use crate::support::orc::{FAILED, RUNNING, TestOrc, echo, shell, with};

#[tokio::test]
async fn a_container_beyond_its_memory_is_told_from_one_that_was_killed() {
    let orc = TestOrc::start().await;
    let hog = with(echo(&["ECHO_MEMORY_MB=64"]), json!({ "Memory": 16 << 20, "RestartPolicy": "no" }));
    let id = orc.submit("hog", hog).await;
    let task = orc.until_state(&id, FAILED).await;
    assert_eq!(task["ExitCode"], 137);
    let message = task["Message"].as_str().unwrap();
    // Some kernels do not tell their engine why they killed.
    let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
    let words = match container.state.unwrap().oom_killed {
        Some(true) => "killed by the kernel for its memory limit",
        _ => "memory limit",
    };
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn a_program_that_is_not_there_fails_in_a_sentence_and_leaves_nothing() {
    let orc = TestOrc::start().await;
    let absent =
        json!({ "Image": crate::support::docker::BUSYBOX, "Cmd": ["/absent"], "RestartPolicy": "no" });
    let id = orc.submit("absent", absent).await;
    let task = orc.until_state(&id, FAILED).await;
    assert!(task["Message"].as_str().unwrap().contains("/absent"), "{task}");
    orc.until_gone(&id).await;
}

#[tokio::test]
async fn an_image_that_is_not_to_be_had_fails_in_a_sentence_and_holds_nobody_up() {
    let orc = TestOrc::start().await;
    // Nobody listens on port 1: the registry is away, which may pass.
    let away = orc.submit("away", json!({ "Image": "localhost:1/nothing:latest" })).await;
    let never = json!({ "Image": "orc-test/none:latest", "PullPolicy": "never", "RestartPolicy": "no" });
    let never = orc.submit("never", never).await;
    orc.run("other", crate::support::orc::sleeper()).await;
    let task = orc.until_state(&never, FAILED).await;
    assert!(task["Message"].as_str().unwrap().contains("PullPolicy \"never\""), "{task}");
    let says_why = |task: &serde_json::Value| task["Message"].as_str().unwrap().contains("cannot pull");
    let task = orc.until(&away, "it says what is wrong", says_why).await;
    assert_eq!(task["State"], 1, "{task}");
    orc.delete(&away).await;
    orc.until_state(&away, 3).await;
}

#[tokio::test]
async fn the_last_container_of_a_finished_task_is_kept_for_its_logs() {
    let orc = TestOrc::start().await;
    let id =
        orc.submit("kept", with(shell("echo last words; exit 5"), json!({ "RestartPolicy": "no" }))).await;
    let task = orc.until_state(&id, FAILED).await;
    let answer = orc.ask("GET", &format!("/tasks/{id}/logs"), "").await;
    assert_eq!(answer.text(), "last words\n");
    assert_eq!(orc.containers_of(&id).await[0].id.as_deref(), task["ContainerID"].as_str());
    // Asking it to stop removes what is left of it, and changes nothing else.
    orc.delete(&id).await;
    orc.until_gone(&id).await;
    let after = orc.until(&id, "its container is let go", |task| task["ContainerID"] == "").await;
    for field in ["State", "ExitCode", "FinishedAt", "RestartCount"] {
        assert_eq!(after[field], task[field], "{field}");
    }
    assert_ne!(after["State"], RUNNING);
}
