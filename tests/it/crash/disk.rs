//! F06: the disk of the databases is full.

use std::fs::OpenOptions;
use std::io::Write;

use serde_json::json;

use crate::support::orc::{COMPLETED, Setup, TestOrc, sleeper, with};
use crate::support::patience::until;

#[tokio::test]
async fn on_a_full_disk_reads_and_stops_go_on_and_it_recovers_without_a_restart() {
    let orc = TestOrc::start_with(Setup { workers: 1, tmpfs: Some("8m"), ..Setup::default() }).await;
    let stays = orc.run("stays", sleeper()).await;
    let stops = orc.run("stops", sleeper()).await;
    let filler = orc.data_dir().join("filler");
    let mut file = OpenOptions::new().create(true).append(true).open(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}

    // What still fits into the space that the databases have is taken.
    let mut accepted = 2;
    let refused = loop {
        // What the databases give back is taken from them at once.
        while file.write_all(&[0; 4096]).is_ok() {}
        let task = with(sleeper(), json!({ "Name": orc.name(&format!("idle-{accepted}")), "CPU": 4000 }));
        let answer = orc.ask("POST", "/tasks", &json!({ "Task": task }).to_string()).await;
        if answer.status != 201 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 20_000, "it never fills up");
    };
    refused.assert_refused(507, &["full", "room"]);
    assert_eq!(orc.get("/tasks").await.as_array().unwrap().len(), accepted, "what was refused is not there");
    assert_eq!(orc.task(stays["ID"].as_str().unwrap()).await["State"], 2);

    let id = stops["ID"].as_str().unwrap();
    orc.delete(id).await;
    orc.until_state(id, COMPLETED).await;
    orc.until_gone(id).await;

    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let task =
        with(sleeper(), json!({ "Name": orc.name("after"), "Image": crate::support::docker::BUSYBOX }));
    let body = json!({ "Task": task }).to_string();
    let submit = || orc.ask("POST", "/tasks", &body);
    let taken = until("new tasks are taken again", submit, |answer| answer.status == 201).await;
    let after = taken.json()["Task"]["ID"].as_str().unwrap().to_owned();
    orc.until_state(&after, 2).await;
    assert_eq!(orc.task(stays["ID"].as_str().unwrap()).await["ContainerID"], stays["ContainerID"]);
}
