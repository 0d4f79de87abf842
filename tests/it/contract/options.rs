//! What a task asks of its container: that it is so, by looking from inside, and that it comes back as it was sent.

use serde_json::{Value, json};

use crate::support::orc::{RUNNING, Setup, TestOrc, shell, with};
use crate::support::patience::until;

const LOOKS_AROUND: &str = "echo init $(cat /proc/1/comm); echo host $(hostname); grep CapBnd /proc/self/status; \
    echo files $(ulimit -Sn) $(ulimit -Hn); echo groups $(id -G); echo shm $(df -k /dev/shm | tail -n 1); \
    echo tmpfs $(df -k /t | tail -n 1) $(stat -c %a /t); echo queue $(cat /proc/sys/net/core/somaxconn); \
    echo db $(grep db.example /etc/hosts); cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max; \
    touch /new || echo cannot write; echo done; exec sleep 100000";

fn asked() -> Value {
    json!({
        "Init": true, "ReadonlyRootfs": true, "Hostname": "web-1", "CapAdd": ["NET_ADMIN", "KILL"], "CapDrop": ["ALL"],
        "GroupAdd": ["44"], "Ulimits": [{ "Name": "nofile", "Soft": 99, "Hard": 100 }], "PidsLimit": 77,
        "ShmSize": 8_388_608, "Sysctls": { "net.core.somaxconn": "123" }, "ExtraHosts": ["db.example:192.0.2.1"],
        "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m" } },
    })
}

#[tokio::test]
async fn a_container_is_as_its_task_asks() {
    let envs = vec![("ORC_CAPABILITIES", "NET_ADMIN".to_owned())];
    let orc = TestOrc::start_with(Setup { workers: 1, envs, ..Setup::default() }).await;
    let tmpfs =
        json!({ "Type": "tmpfs", "Target": "/t", "TmpfsOptions": { "SizeBytes": 4_194_304, "Mode": 448 } });
    let task = with(with(shell(LOOKS_AROUND), asked()), json!({ "Mounts": [tmpfs] }));
    let task = orc.run("options", task).await;
    for (field, value) in asked().as_object().unwrap() {
        assert_eq!(&task[field], value, "{field}");
    }
    assert_eq!(task["Mounts"][0]["TmpfsOptions"], json!({ "SizeBytes": 4_194_304, "Mode": 448 }));
    let path = format!("/tasks/{}/logs", task["ID"].as_str().unwrap());
    let look = async || orc.ask("GET", &path, "").await.text().to_owned();
    let output = until("it has looked around", look, |output: &String| output.contains("done")).await;
    for line in [
        "init docker-init\n",
        "host web-1\n",
        // NET_ADMIN and KILL: bits 12 and 5.
        "CapBnd:\t0000000000001020\n",
        "files 99 100\n",
        " 44\n",
        "shm shm 8192 ",
        "tmpfs tmpfs 4096 ",
        "/t 700\n",
        "queue 123\n",
        "db 192.0.2.1 db.example\n",
        "\n77\n",
        "cannot write\n",
    ] {
        assert!(output.contains(line), "{line:?} is not in {output}");
    }
    let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
    let host = container.host_config.unwrap();
    assert_eq!(host.security_opt.unwrap(), ["no-new-privileges"], "whatever it asks for");
    let log = host.log_config.unwrap().config.unwrap();
    assert_eq!((log["max-size"].as_str(), log["max-file"].as_str()), ("1m", "2"));
}

#[tokio::test]
async fn what_keeps_no_output_runs_and_says_that_there_is_none() {
    let orc = TestOrc::start().await;
    let task = with(shell("echo heard; exec sleep 100000"), json!({ "LogConfig": { "Type": "none" } }));
    let task = orc.run("mute", task).await;
    assert_eq!(task["State"], RUNNING);
    let answer = orc.ask("GET", &format!("/tasks/{}/logs", task["ID"].as_str().unwrap()), "").await;
    assert!(!answer.text().contains("heard"), "{answer:?}");
}
