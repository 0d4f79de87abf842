//! What containers come to that were really made: nothing of what a task has no use for, and all that it needs.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::symlink;

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use hyper::Method;
use orc::engine::{Deadlines, Engine};
use serde_json::json;

use crate::support::cases::{new_identity, new_name};
use crate::support::docker::{BUSYBOX, RawDocker};
use crate::support::http::{ask, open};
use crate::support::orc::{COMPLETED, FAILED, RUNNING, Setup, TestOrc, echo, shell, sleeper, with};
use crate::support::proxy::{Proxy, Spoil};
use crate::support::real_rig::{RealRig, docker_host};
use crate::support::rig::{Kind, Rig};

/// The nine capabilities that are kept, as the kernel prints them: bits 0, 1, 3 to 7, 10 and 18.
const KEPT: &str = "00000000000404fb";

/// Asserts that nothing of the host is within reach of this container, as the engine has it.
fn assert_hardened(container: &ContainerInspectResponse) {
    let host = container.host_config.clone().unwrap();
    assert_eq!(host.privileged, Some(false));
    assert!(matches!(host.network_mode.as_deref(), Some("default" | "bridge")), "{:?}", host.network_mode);
    for (what, mode) in [("pid", &host.pid_mode), ("uts", &host.uts_mode), ("userns", &host.userns_mode)] {
        assert_eq!(mode.as_deref().unwrap_or_default(), "", "{what}");
    }
    assert_eq!(host.ipc_mode.as_deref(), Some("private"));
    assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
    assert_eq!(host.cap_add.unwrap().len(), 9);
    assert_eq!(
        host.security_opt.unwrap(),
        ["no-new-privileges"],
        "seccomp and AppArmor are the engine's own"
    );
    assert_eq!(host.pids_limit, Some(512));
    assert!(
        host.devices.unwrap_or_default().is_empty() && host.device_requests.unwrap_or_default().is_empty()
    );
    assert!(host.device_cgroup_rules.unwrap_or_default().is_empty());
    assert!(host.binds.unwrap_or_default().is_empty() && host.volumes_from.unwrap_or_default().is_empty());
    assert!(host.sysctls.unwrap_or_default().is_empty() && host.extra_hosts.unwrap_or_default().is_empty());
    assert_eq!(host.cgroup_parent.as_deref().unwrap_or_default(), "");
    assert_ne!(host.oom_kill_disable, Some(true));
    assert!(host.masked_paths.unwrap().contains(&"/proc/kcore".to_owned()));
    assert!(host.readonly_paths.unwrap().contains(&"/proc/sys".to_owned()));
    assert_eq!(host.restart_policy.unwrap().name.unwrap().to_string(), "no");
    let log = host.log_config.unwrap();
    assert_eq!(log.typ.as_deref(), Some("json-file"), "the engine for tests keeps its default");
    let options = log.config.unwrap();
    assert_eq!((options["max-size"].as_str(), options["max-file"].as_str()), ("50m", "2"));
    let mounts = container.mounts.clone().unwrap_or_default();
    assert!(mounts.iter().all(|mount| mount.typ.as_deref() != Some("bind")), "{mounts:?}");
}

#[tokio::test]
async fn what_is_accepted_reaches_no_further_than_its_container() {
    let orc = TestOrc::start().await;
    let privileged_port = 997;
    for (name, more) in [
        ("plain", json!({})),
        ("as-root", json!({ "User": "0:0" })),
        (
            "loader",
            json!({ "Env": ["LD_PRELOAD=/evil.so", "DOCKER_HOST=unix:///var/run/docker.sock", "PATH=/bin"] }),
        ),
        (
            "labels",
            json!({ "Labels": { "com.docker.compose.project": "x", "ORC.task": "y", "privileged": "true" } }),
        ),
        ("memory", json!({ "Mounts": [{ "Type": "tmpfs", "Target": "/t" }] })),
        (
            "low-port",
            json!({ "PublishMode": "host", "ExposedPorts": { "80/tcp": {} },
            "PortBindings": { "80/tcp": privileged_port.to_string() } }),
        ),
        // Only orc knows these: what somebody else says is ignored, so that what GET gave can be sent to POST.
        (
            "read-only",
            json!({ "ContainerID": "0123", "Node": "another", "Attempt": 7, "Health": "healthy",
            "HostPorts": { "7777/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "1" }] } }),
        ),
    ] {
        let script = "cat /proc/self/status /proc/mounts /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max; \
            mknod /tmp/kmsg c 1 11; exec sleep 100000";
        let task = orc.run(name, with(shell(script), more)).await;
        let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
        assert_hardened(&container);
        assert_eq!(task["Attempt"], 1, "{name}");
        let path = format!("/tasks/{}/logs", task["ID"].as_str().unwrap());
        let output = crate::support::patience::until(
            "it has looked around",
            async || orc.ask("GET", &path, "").await.text().to_owned(),
            |output: &String| output.contains("mknod"),
        )
        .await;
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2", &format!("CapBnd:\t{KEPT}"), "\n512\n"] {
            assert!(output.contains(line), "{name}: {line:?} is not in {output}");
        }
        assert!(output.contains("/tmp/kmsg: Operation not permitted"), "{name}: {output}");
        if name == "memory" {
            let mount = output.lines().find(|line| line.starts_with("tmpfs /t ")).unwrap();
            assert!(["nosuid", "nodev", "noexec"].iter().all(|word| mount.contains(word)), "{mount}");
        }
        if name == "low-port" {
            assert_eq!(task["HostPorts"]["80/tcp"][0]["HostPort"], privileged_port.to_string());
        }
    }
}

#[tokio::test]
async fn the_managers_own_port_is_not_given_to_a_task() {
    let orc = TestOrc::start().await;
    let port = orc.manager_port.to_string();
    let wish = json!({ "PublishMode": "host", "PortBindings": { "7777/tcp": port }, "RestartPolicy": "no" });
    let id = orc.submit("port", with(echo(&[]), wish)).await;
    let task = orc.until_state(&id, FAILED).await;
    assert!(task["Message"].as_str().unwrap().contains(&port), "{task}");
    assert_eq!(ask(orc.manager_port, "GET", "/healthz", &[], "").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_link_in_an_allowed_directory_does_not_lead_out_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let allowed = dir.path().canonicalize().unwrap();
    std::fs::create_dir(allowed.join("data")).unwrap();
    symlink("/", allowed.join("link")).unwrap();
    let envs = vec![("ORC_BIND_MOUNTS", allowed.to_str().unwrap().to_owned())];
    let orc = TestOrc::start_with(Setup { workers: 1, envs, ..Setup::default() }).await;
    let mounting = |source: &str| {
        let mount = json!({ "Type": "bind", "Source": allowed.join(source), "Target": "/h" });
        with(sleeper(), json!({ "Mounts": [mount], "RestartPolicy": "no" }))
    };
    for source in ["link", "link/etc", "link/var/run/docker.sock"] {
        let id = orc.submit(source.replace('/', "-"), mounting(source)).await;
        let task = orc.until_state(&id, FAILED).await;
        let message = task["Message"].as_str().unwrap();
        assert!(message.contains("through a symbolic link"), "{source}: {message}");
        assert!(orc.containers_of(&id).await.is_empty(), "{source}");
    }
    let task = orc.run("data", mounting("data")).await;
    let container = orc.docker.inspect(task["ContainerID"].as_str().unwrap()).await;
    let mounts = container.mounts.unwrap();
    assert_eq!(mounts.len(), 1, "{mounts:?}");
    assert_eq!(mounts[0].source.as_deref(), allowed.join("data").to_str());
    assert_eq!(mounts[0].propagation.as_deref(), Some("rprivate"));
}

/// What the entrypoints of postgres, redis, nginx and caddy do before they serve, twice upon the same data.
#[tokio::test]
async fn images_that_begin_as_root_and_go_on_as_somebody_else_work() {
    const ENTRYPOINT: &str = "set -ex
        mkdir -p /data/db && chown 999:999 /data/db && chmod 700 /data/db
        echo more >> /data/db/file && chown 999:999 /data/db/file && chmod 600 /data/db/file && cat /data/db/file
        mkdir -p /run/db && chown 999:999 /run/db && chmod 3775 /run/db && test $(stat -c %a /run/db) = 3775
        echo 'web:x:998:998::/:/bin/sh' >> /etc/passwd
        start-stop-daemon --start --background --chuid web --exec /bin/sleep -- 1000
        until pid=$(pidof sleep); do usleep 10000; done
        until test $(stat -c %u /proc/$pid) = 998; do usleep 10000; done
        kill $pid
        timeout 1 nc -l -p 80 || test $? = 143
        chroot /data /bin/true || test $? = 127";
    let orc = TestOrc::start().await;
    let volume = orc.name("data");
    for round in ["first", "second"] {
        let mounts = json!({ "Mounts": [{ "Source": volume, "Target": "/data" }], "RestartPolicy": "no" });
        let id = orc.submit(round, with(shell(ENTRYPOINT), mounts)).await;
        let task = orc.until(&id, "it has ended", |task| task["FinishedAt"].is_string()).await;
        let output = orc.ask("GET", &format!("/tasks/{id}/logs"), "").await;
        assert_eq!(task["State"], COMPLETED, "{round}: {task} {}", output.text());
    }
    let everything = orc.containers().await;
    for container in everything {
        orc.docker.remove(&container.id.unwrap()).await;
    }
    orc.docker
        .api
        .remove_volume(&volume, None::<bollard::query_parameters::RemoveVolumeOptions>)
        .await
        .unwrap();
}

#[tokio::test]
async fn output_is_read_and_followed_across_the_files_that_it_is_kept_in() {
    const LINES: usize = 60_000;
    let orc = TestOrc::start().await;
    // 62 MB, and a file has 50.
    let line = "x".repeat(1_024);
    let script = format!(
        "until test -e /go; do usleep 10000; done; yes {line} | head -n {LINES} | awk '{{ print NR, $0 }}'; \
         exec sleep 100000"
    );
    let task = orc.run("talks", shell(&script)).await;
    let (id, container) = (task["ID"].as_str().unwrap(), task["ContainerID"].as_str().unwrap());
    let path = format!("/tasks/{id}/logs?follow=true");
    let follow = open(orc.manager_port, "GET", &path, &[], "");
    orc.docker.exec(container, &["touch", "/go"]).await;
    let mut body = follow.await.unwrap().into_body();
    let mut followed = Numbered::default();
    while followed.newest < LINES {
        let frame = http_body_util::BodyExt::frame(&mut body).await.expect("it goes on").unwrap();
        followed.read(frame.data_ref().unwrap());
    }
    drop(body);
    // Engines repeat some lines to those who follow, when they begin another file; none may be missing.
    assert_eq!(followed.lines.keys().copied().collect::<Vec<_>>(), (1..=LINES).collect::<Vec<_>>());
    let whole = orc.ask("GET", &format!("/tasks/{id}/logs"), "").await;
    let mut read = Numbered::default();
    read.read(&whole.body);
    assert_eq!(read.lines, (1..=LINES).map(|number| (number, 1)).collect());
    assert_eq!(orc.task(id).await["State"], RUNNING);
}

/// Numbered lines as they come in pieces, and how often each came.
#[derive(Default)]
struct Numbered {
    rest: Vec<u8>,
    lines: BTreeMap<usize, usize>,
    newest: usize,
}

impl Numbered {
    fn read(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            let number = line.split(|byte| *byte == b' ').next().unwrap();
            self.newest = std::str::from_utf8(number).unwrap().parse().unwrap();
            *self.lines.entry(self.newest).or_default() += 1;
        }
    }
}

#[tokio::test]
async fn a_container_of_an_orc_that_did_not_harden_is_as_it_should_be() {
    RealRig::with(|rig| async move {
        let (spec, identity, name) = (rig.spec(Kind::Server), new_identity(), new_name());
        let body = ContainerCreateBody {
            image: Some(BUSYBOX.to_owned()),
            labels: Some(orc::engine::labels::of_new(rig.owner(), &identity, &spec)),
            host_config: Some(HostConfig { publish_all_ports: Some(true), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let id = rig.raw.create_container(Some(options), body).await.unwrap().id;
        let container = rig.engine().inspect(rig.owner(), &id).await.unwrap();
        assert_eq!((container.identity, container.details.unwrap().limits_as_set), (identity, true));
    })
    .await;
}

#[tokio::test]
async fn an_engine_whose_log_driver_takes_no_cap_is_given_none() {
    RealRig::with(|rig| async move {
        let proxy = Proxy::before(&docker_host());
        let engine = proxy.engine(Deadlines::default());
        let refusal = r#"{"message":"unknown log opt 'max-size' for journald log driver"}"#;
        proxy.spoil(Method::POST, "/containers/create", Spoil::Answer(400, refusal.to_owned()));
        for creates in [2, 3] {
            let create =
                engine.create(rig.owner(), &new_name(), &new_identity(), &rig.spec(Kind::Server)).await;
            let host = RawDocker::of_tests().inspect(&create.unwrap().0).await.host_config.unwrap();
            assert_eq!(host.log_config.unwrap().config, Some(HashMap::new()));
            assert_eq!(proxy.seen(&Method::POST, "/containers/create"), creates, "it is not tried again");
        }
    })
    .await;
}
