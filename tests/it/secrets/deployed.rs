//! Secrets and configs as the commands and Compose files have them.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{HUNTER2, in_container};
use crate::support::docker::BUSYBOX;
use crate::support::orc::TestOrc;

/// What a command came to: its exit code, and what it wrote to both outputs.
async fn command(orc: &TestOrc, directory: &Path, stdin: &str, words: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
    command.args(words).current_dir(directory).env_clear().env("HOME", "/nonexistent");
    command.env("ORC_MANAGER_HOST", "localhost").env("ORC_MANAGER_PORT", orc.manager_port.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_commands_make_list_use_and_remove_them() {
    let orc = TestOrc::start().await;
    let directory = tempfile::tempdir().unwrap();
    let run = async |stdin: &str, words: &[&str]| command(&orc, directory.path(), stdin, words).await;
    assert_eq!(run(HUNTER2, &["secret", "create", "db", "-"]).await, (0, "db\n".to_owned()));
    fs::write(directory.path().join("site.conf"), "listen 80;").unwrap();
    assert_eq!(run("", &["config", "create", "site", "site.conf", "-l", "team=blue"]).await.0, 0);
    let (_, listed) = run("", &["config", "ls"]).await;
    assert!(listed.contains("site") && listed.contains("team=blue"), "{listed}");
    assert_eq!(run("", &["config", "cat", "site"]).await.1, "listen 80;");
    let name = orc.name("web");
    let sleeps = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"];
    let words = ["run", "--name", &name, "--secret", "db", "--config", "site:/etc/site.conf", BUSYBOX, "--"];
    let (code, told) = run("", &[&words[..], &sleeps[..]].concat()).await;
    assert_eq!(code, 0, "{told}");
    let tasks = orc.get(&format!("/tasks?Name={name}")).await;
    let task = &tasks[0];
    let read = in_container(&orc, task, "cat /run/secrets/db /etc/site.conf").await;
    assert_eq!(read, format!("{HUNTER2}listen 80;"));
    let (code, told) = run("", &["secret", "rm", "db"]).await;
    assert!(code == 1 && told.contains("in use by the task"), "{told}");
    let (_, told) = run("other", &["secret", "update", "db", "-"]).await;
    assert!(told.contains("version 2 of the secret db was made"), "{told}");
    let (_, told) = run("", &["secret", "inspect", "db"]).await;
    let json: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&json["Version"], &json["UsedBy"][0]["Version"]), (&json!(2), &json!(1)));
    let (code, told) = run(&"x".repeat(500_001), &["secret", "create", "large", "-"]).await;
    assert!(code == 1 && told.contains("500000 are the most"), "{told}");
}

#[tokio::test]
async fn a_service_is_given_a_newer_secret_another_in_its_place_and_none() {
    let orc = TestOrc::start().await;
    let directory = tempfile::tempdir().unwrap();
    let run = async |stdin: &str, words: &[&str]| {
        let (code, told) = command(&orc, directory.path(), stdin, words).await;
        assert_eq!(code, 0, "{words:?}: {told}");
    };
    let name = orc.name("web");
    let update = async |flags: &[&str]| {
        run("", &[&["service", "update", &name, "--update-monitor", "500ms"], flags].concat()).await;
        let service = orc.get(&format!("/services/{name}")).await;
        let newest = |task: &&Value| task["Version"] == service["Version"];
        let task = service["Tasks"].as_array().unwrap().iter().find(newest).unwrap();
        let task = orc.task(task["ID"].as_str().unwrap()).await;
        in_container(&orc, &task, "cat /run/secrets/* || true").await
    };
    run("first", &["secret", "create", "db", "-"]).await;
    run("other", &["secret", "create", "db2", "-"]).await;
    let sleeps = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"];
    let words =
        ["service", "create", "--update-monitor", "500ms", "--name", &name, "--secret", "db", BUSYBOX, "--"];
    run("", &[&words[..], &sleeps[..]].concat()).await;
    run("second", &["secret", "update", "db", "-"]).await;
    assert_eq!(
        update(&["-e", "A=1"]).await,
        "first",
        "it stays at its version until somebody says otherwise"
    );
    assert_eq!(update(&["--secret-add", "db"]).await, "second");
    assert_eq!(update(&["--secret-rm", "db", "--secret-add", "db2:db"]).await, "other");
    assert_eq!(update(&["--secret-rm", "db2"]).await, "");
}

#[tokio::test]
async fn a_project_is_deployed_with_its_files_and_what_changed_in_one_is_a_rollout() {
    let orc = TestOrc::start().await;
    let directory = tempfile::tempdir().unwrap();
    let project = orc.name("shop");
    let run = async |words: &[&str]| {
        let words = [&words[..1], &["-p", project.as_str()], &words[1..]].concat();
        command(&orc, directory.path(), "", &words).await
    };
    let write = |secret: &str| {
        fs::write(directory.path().join("db.txt"), secret).unwrap();
        let compose = format!(
            "services:\n  web:\n    image: {BUSYBOX}\n    command: [sh, -c, \"trap 'exit 0' TERM; sleep 100000 & wait\"]\n    \
             deploy: {{update_config: {{monitor: 1s}}}}\n    secrets:\n      - db\n      - {{source: db, target: key, mode: 0400}}\n    \
             configs: [{{source: site, target: /etc/site.conf}}]\n\
             secrets:\n  db: {{file: db.txt}}\nconfigs:\n  site: {{content: 'listen 80;'}}\n"
        );
        fs::write(directory.path().join("compose.yaml"), compose).unwrap();
    };
    write(HUNTER2);
    let (code, told) = run(&["plan"]).await;
    assert!(code == 2 && told.contains(&format!("create     secret {project}_db")), "{told}");
    let (code, told) = run(&["deploy"]).await;
    assert_eq!(code, 0, "{told}");
    let service = orc.get(&format!("/services/{project}-web")).await;
    let task = orc.task(service["Tasks"][0]["ID"].as_str().unwrap()).await;
    let read = in_container(&orc, &task, "cat /run/secrets/db /run/secrets/key /etc/site.conf").await;
    assert_eq!(read, format!("{HUNTER2}{HUNTER2}listen 80;"));
    assert_eq!(run(&["plan"]).await.0, 0, "nothing would change");

    write("correct-horse");
    let (code, told) = run(&["plan"]).await;
    let words = format!("change     secret {project}_db  version 1; its contents differ, and are not shown");
    assert!(code == 2 && told.contains(&words) && told.contains("1 → 2"), "{told}");
    assert!(!told.contains("horse") && !told.contains("hunter"), "{told}");
    let (code, told) = run(&["deploy"]).await;
    assert_eq!(code, 0, "{told}");
    let service = orc.get(&format!("/services/{project}-web")).await;
    assert_eq!(service["Version"], 2);
    let task = orc.task(service["Tasks"][0]["ID"].as_str().unwrap()).await;
    assert_eq!(in_container(&orc, &task, "cat /run/secrets/db").await, "correct-horse");

    fs::remove_file(directory.path().join("db.txt")).unwrap();
    let (code, told) = run(&["deploy"]).await;
    assert!(code == 1 && told.contains("compose.yaml:11:14: there is no file db.txt"), "{told}");
}
