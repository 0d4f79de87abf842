//! `orc service` as people type it.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::support::docker::BUSYBOX;
use crate::support::orc::TestOrc;

async fn orc_service(orc: &TestOrc, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orc"));
    let url = format!("http://localhost:{}", orc.manager_port);
    command.arg("service").args(args).env_clear().env("ORC_MANAGER_HOST", "localhost");
    command.env("ORC_MANAGER_PORT", orc.manager_port.to_string()).env("HOME", "/nonexistent");
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), format!("{url}: {}", text(stderr)))
}

#[tokio::test]
async fn a_service_is_made_changed_watched_brought_back_and_removed() {
    let orc = TestOrc::start().await;
    let name = orc.name("web");
    let sleep = ["--", "sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"];
    let flags = ["create", BUSYBOX, "--name", &name, "--replicas", "2", "--update-monitor", "1s"];
    let made = orc_service(&orc, &[&flags[..], &sleep].concat()).await;
    assert_eq!((made.0, made.1.as_str()), (Some(0), &*format!("{name}\n")), "{}", made.2);
    assert!(made.2.contains(&format!("{name} runs version 1 in 2 of 2 slots")), "{}", made.2);

    let updated = orc_service(&orc, &["update", &name, "-e", "COLOUR=blue"]).await;
    assert_eq!(updated.0, Some(0), "{}", updated.2);
    assert!(updated.2.contains(&format!("{name} runs version 2 in 2 of 2 slots")), "{}", updated.2);

    let broken = orc_service(&orc, &["update", &name, "--", "sh", "-c", "exit 3"]).await;
    assert_eq!(broken.0, Some(1), "{}", broken.2);
    assert!(broken.2.contains(&format!("error: {name} is at version 4 and not at 3")), "{}", broken.2);

    let (_, versions, _) = orc_service(&orc, &["versions", &name]).await;
    assert!(versions.lines().nth(1).is_some_and(|line| line.contains("brings version 2 back")), "{versions}");
    let back = orc_service(&orc, &["rollback", &name, "--to", "1"]).await;
    assert_eq!(back.0, Some(0), "{}", back.2);
    let (_, shown, _) = orc_service(&orc, &["inspect", &name]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["Version"], &shown["Task"]["Env"]), (&Value::from(5), &Value::Null));

    let scaled = orc_service(&orc, &["scale", &format!("{name}=1")]).await;
    assert_eq!(scaled.0, Some(0), "{}", scaled.2);
    let (_, listed, _) = orc_service(&orc, &["ls"]).await;
    assert!(listed.lines().any(|line| line.starts_with(&name) && line.contains("1/1")), "{listed}");
    let (_, status, _) = orc_service(&orc, &["rollout", "status", &name]).await;
    assert!(status.starts_with(&format!("{name}: settled, 1 of 1 slots have version 6")), "{status}");

    let removed = orc_service(&orc, &["rm", &name]).await;
    assert_eq!(removed.0, Some(0), "{}", removed.2);
    let gone = orc_service(&orc, &["ps", &name]).await;
    assert_eq!(gone.0, Some(1));
    assert!(gone.2.contains(&format!("No service is called {name}")), "{}", gone.2);
}
