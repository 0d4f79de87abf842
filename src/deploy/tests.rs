//! Projects in a few lines, and the services that they are.

mod files;

use std::collections::BTreeMap;
use std::path::PathBuf;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::difference;
use super::*;
use crate::compose::{Reading, Request, load};
use crate::wire::service::Service;

fn reading(text: &str) -> Reading {
    let files: BTreeMap<PathBuf, String> = [("/srv/shop/compose.yaml".into(), text.to_owned())].into();
    let request = Request { directory: "/srv/shop".into(), ..Request::default() };
    load(&request, &files)
}

fn translation(text: &str) -> Translation {
    let reading = reading(text);
    assert_eq!(reading.errors, [], "{text}");
    translate(&reading.project.unwrap(), &reading.support)
}

/// A project of one service, `web`, of which these lines are said.
fn of_service(lines: &str) -> Translation {
    translation(&format!("services: {{web: {{image: nginx, {lines}}}}}"))
}

fn stack(text: &str) -> Stack {
    let translation = translation(text);
    translation.stack.unwrap_or_else(|| panic!("{:#?}", translation.notes))
}

/// What the service is beside what any is, and what was noted.
#[track_caller]
fn check(lines: &str, expect: &Expect) {
    let translation = of_service(lines);
    let mut told = Vec::new();
    if let Some(stack) = &translation.stack {
        let plan = plan(stack, &[], false).unwrap();
        for field in &plan.services[0].fields {
            if !matches!(field.path.as_str(), "Task.Image" | "Task.Networks" | "Mode" | "Replicas")
                || lines.contains("deploy") && field.path != "Task.Networks"
                || lines.contains("networks")
            {
                told.push(format!("{} {}", field.path, field.new.as_ref().unwrap()));
            }
        }
    }
    told.extend(translation.notes.iter().map(ToString::to_string));
    expect.assert_eq(&told.join("\n"));
}

#[test]
fn what_is_said_of_a_service_is_said_of_its_tasks() {
    check("", &expect![""]);
    check(
        "command: [a, b], entrypoint: /e, environment: {B: '2', A: x=y}, working_dir: /w, user: '1:2', labels: {k: v}, \
         stop_signal: SIGINT, stop_grace_period: 1500ms, cpus: 0.5, mem_limit: 64m, pull_policy: always",
        &expect![[r#"
            Task.CPU 0.5
            Task.Cmd ["a","b"]
            Task.Entrypoint ["/e"]
            Task.Env.A "x=y"
            Task.Env.B "2"
            Task.Labels.k "v"
            Task.Memory 67108864
            Task.PullPolicy "always"
            Task.StopSignal "SIGINT"
            Task.StopTimeout 2
            Task.User "1:2"
            Task.WorkingDir "/w""#]],
    );
}

#[test]
fn a_service_is_replicated_global_or_a_job() {
    check("scale: 3", &expect![""]);
    check(
        "deploy: {mode: replicated, replicas: 0}",
        &expect![[r#"
        Mode "replicated"
        Replicas 0
        Task.Image "nginx""#]],
    );
    check(
        "deploy: {mode: global, labels: {team: blue}}",
        &expect![[r#"
        Labels.team "blue"
        Mode "global"
        Task.Image "nginx""#]],
    );
    check(
        "restart: always, deploy: {mode: replicated-job, replicas: 2}",
        &expect![[r#"
        Completions 2
        Mode "job"
        Parallelism 0
        Task.Image "nginx"
        Task.RestartPolicy "on-failure"
        compose.yaml:1:32: services.web.restart is not honoured: a job is over with exit code 0; it is started again when it fails"#]],
    );
    check(
        "deploy: {mode: global-job}",
        &expect![
            "compose.yaml:1:41: services.web.deploy.mode is refused: a job runs so many times, not once on every node; `replicated-job` with `replicas` is possible, and `global` for what goes on running"
        ],
    );
}

#[test]
fn a_service_runs_by_the_clock_where_it_says_when() {
    let run = "restart: on-failure, deploy: {labels: {a: b}}";
    check(
        &format!("x-orc: {{cron: '0 3 * * *'}}, {run}"),
        &expect![[r#"
            Labels.a "b"
            Missed "once"
            Mode "cron"
            Overlap "forbid"
            Schedule "0 3 * * *"
            Task.Image "nginx"
            Task.RestartPolicy "on-failure"
            TimeZone "UTC""#]],
    );
    check(
        "x-orc: {cron: {schedule: '@daily', time_zone: Asia/Tokyo, overlap: replace, missed: all}}",
        &expect![[r#"
            Missed "all"
            Overlap "replace"
            Schedule "@daily"
            Task.RestartPolicy ""
            TimeZone "Asia/Tokyo""#]],
    );
    for (lines, words) in [
        (
            "x-orc: {cron: '0 25 * * *'}",
            "x-orc.cron.schedule is refused: Schedule: \"0 25 * * *\" is no cron line",
        ),
        (
            "x-orc: {cron: {schedule: '@daily', time_zone: Mars}}",
            "x-orc.cron.time_zone is refused: TimeZone: \"Mars\"",
        ),
        ("x-orc: {cron: {schedule: '@daily', overlap: no}}", "x-orc.cron.overlap is refused: `forbid`"),
        (
            "x-orc: {cron: '@daily'}, deploy: {replicas: 2}",
            "deploy is refused: a run by the clock is one task",
        ),
    ] {
        let notes: Vec<String> = of_service(lines).notes.iter().map(ToString::to_string).collect();
        assert!(notes.iter().any(|note| note.contains(words)), "{words}: {notes:?}");
    }
    let waits = "services: {a: {image: i, depends_on: {b: {condition: service_completed_successfully}}}, \
                 b: {image: i, x-orc: {cron: '@daily'}}}";
    let notes: Vec<String> = translation(waits).notes.iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("never comes to one")), "{notes:?}");
}

#[test]
fn restarts_are_as_far_as_orc_counts_them() {
    check("restart: 'no'", &expect![[r#"Task.RestartPolicy "no""#]]);
    check("restart: 'on-failure:4'", &expect![[r#"Task.RestartPolicy "on-failure:4""#]]);
    check("restart: unless-stopped", &expect![[r#"Task.RestartPolicy "unless-stopped""#]]);
    check(
        "deploy: {restart_policy: {condition: any, max_attempts: 3, delay: 5s, window: 2m}}",
        &expect![[r#"
            Mode "replicated"
            Replicas 1
            Task.Image "nginx"
            Task.Restarts.Delay 5000000000
            Task.Restarts.MaxAttempts 3
            Task.Restarts.Window 120000000000"#]],
    );
}

#[test]
fn a_port_is_the_services_or_with_mode_host_each_tasks() {
    check(
        "ports: ['8080:80', '53:5353/udp', 443], scale: 2",
        &expect![[r#"
        Ports[53/udp].Protocol "udp"
        Ports[53/udp].Published 53
        Ports[53/udp].Target 5353
        Ports[8080/tcp].Published 8080
        Ports[8080/tcp].Target 80
        Task.ExposedPorts.443/tcp {}"#]],
    );
    check(
        "ports: [{target: 80, published: 8080, mode: host}], scale: 2",
        &expect![[r#"
        Task.PortBindings.80/tcp "8080"
        Task.PublishMode "host""#]],
    );
    check(
        "ports: ['8000-8010:80']",
        &expect![[r"
        Task.ExposedPorts.80/tcp {}
        compose.yaml:1:40: services.web.ports[0] is not honoured: each task gets any free port of its node, and none of 8000 to 8010; `orc ps` shows which"]],
    );
    check(
        "ports: ['127.0.0.1:9090:9090', '0.0.0.0:80:80', '9:9/sctp']",
        &expect![[r"
        compose.yaml:1:40: services.web.ports[0] is refused: ports are published on all addresses of a node, and this one is meant for 127.0.0.1 alone; take the address out where all may reach it, or else the port
        compose.yaml:1:80: services.web.ports[2] is refused: a port of a whole service is TCP or UDP; with `mode: host` each task has it on its node"]],
    );
    let twice = "[{target: 80, published: 8080, mode: host}, {target: 80, published: 8081, mode: host}]";
    check(
        &format!("ports: {twice}"),
        &expect![
            "compose.yaml:1:83: services.web.ports[1] is refused: 80/tcp is bound to 8080 already; a port of a container has one of its node"
        ],
    );
    let notes =
        translation("services: {a: {image: i, ports: ['80:1']}, b: {image: i, ports: ['1:1', '80:2']}}")
            .notes;
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    expect![[r"
        compose.yaml:1:16: networks is not honoured: services find each other by name on the same node alone, where each node has networks of its own: keep those that talk with each other on one by a constraint, or have them use published ports
        compose.yaml:1:73: services.b.ports[1] is refused: 80 is a port of `a` already; every node has it once"]].assert_eq(&notes.join("\n"));
}

#[test]
fn health_checks_are_readiness_and_liveness() {
    check(
        "healthcheck: {test: curl localhost, interval: 5s, retries: 0, start_period: 1m}",
        &expect![[r#"
        Task.Liveness.Interval 5000000000
        Task.Liveness.Retries 3
        Task.Liveness.StartPeriod 60000000000
        Task.Liveness.Test ["CMD","/bin/sh","-c","curl localhost"]
        Task.Liveness.Timeout 30000000000
        Task.Readiness.Interval 5000000000
        Task.Readiness.Retries 3
        Task.Readiness.StartPeriod 60000000000
        Task.Readiness.Test ["CMD","/bin/sh","-c","curl localhost"]
        Task.Readiness.Timeout 30000000000"#]],
    );
    check(
        "healthcheck: {test: [CMD, a, b], timeout: 3s, start_interval: 1s}",
        &expect![[r#"
        Task.Liveness.Interval 30000000000
        Task.Liveness.Retries 3
        Task.Liveness.StartInterval 1000000000
        Task.Liveness.StartPeriod 0
        Task.Liveness.Test ["CMD","a","b"]
        Task.Liveness.Timeout 3000000000
        Task.Readiness.Interval 30000000000
        Task.Readiness.Retries 3
        Task.Readiness.StartInterval 1000000000
        Task.Readiness.StartPeriod 0
        Task.Readiness.Test ["CMD","a","b"]
        Task.Readiness.Timeout 3000000000"#]],
    );
    check(
        "healthcheck: {disable: true, interval: 1s}",
        &expect![[r#"
        Task.Liveness.Interval 10000000000
        Task.Liveness.Retries 3
        Task.Liveness.StartPeriod 0
        Task.Liveness.Test ["NONE"]
        Task.Liveness.Timeout 5000000000
        Task.Readiness.Interval 10000000000
        Task.Readiness.Retries 3
        Task.Readiness.StartPeriod 0
        Task.Readiness.Test ["NONE"]
        Task.Readiness.Timeout 5000000000"#]],
    );
    check(
        "healthcheck: {interval: 1s}",
        &expect![[r"
            Task.Liveness.Interval 1000000000
            Task.Liveness.Retries 3
            Task.Liveness.StartPeriod 0
            Task.Liveness.Test []
            Task.Liveness.Timeout 30000000000
            Task.Readiness.Interval 1000000000
            Task.Readiness.Retries 3
            Task.Readiness.StartPeriod 0
            Task.Readiness.Test []
            Task.Readiness.Timeout 30000000000
            compose.yaml:1:32: services.web.healthcheck is not honoured: times that it does not say are Docker's usual ones, not the image's"]],
    );
    check("healthcheck: {}", &expect![""]);
}

#[test]
fn tasks_are_made_with_the_ports_that_lead_to_them() {
    let web = |ports: &str| format!("services: {{web: {{image: i, ports: [{ports}]}}}}");
    for (before, after, replaces) in [
        ("'8080:80'", "'8081:80'", false),
        ("'8080:80'", "'8080:81'", true),
        ("'8080:80'", "", true),
        ("'8080:80', '8081:81'", "'8081:81', '8080:80'", false),
    ] {
        let plan = planned(&web(before), &web(after), false);
        assert_eq!(!plan.services[0].tasks.replaced.is_empty(), replaces, "{before} {after}: {plan:#?}");
    }
}

#[test]
fn rollouts_are_as_their_file_says() {
    check(
        "deploy: {update_config: {parallelism: 2, delay: 10s, order: start-first, monitor: 1m, failure_action: pause, \
         max_failure_ratio: 0.25}, rollback_config: {parallelism: 0}}",
        &expect![[r#"
            Mode "replicated"
            Replicas 1
            Rollback.Parallelism 0
            Task.Image "nginx"
            Update.Delay "10s"
            Update.MaxFailureRatio 0.25
            Update.Monitor "1m"
            Update.OnFailure "pause"
            Update.Order "start-first"
            Update.Parallelism 2"#]],
    );
}

#[test]
fn places_are_chosen_by_swarms_words_and_orcs() {
    check(
        "deploy: {placement: {constraints: ['node.labels.disk==ssd', 'node.hostname != box', 'node.platform.os == \
         linux', 'node.cores>=4'], preferences: [{spread: node.labels.zone}], max_replicas_per_node: 1}}",
        &expect![[r#"
            Mode "replicated"
            Replicas 1
            Rollback.Order "stop-first"
            Task.Image "nginx"
            Task.Labels.deploy.service "shop-web"
            Task.Placement.AntiAffinity ["deploy.service"]
            Task.Placement.Constraints ["node.labels.disk==ssd","node.name!=box","node.cores>=4"]
            Task.Placement.Preferences [{"Spread":{"Of":"deploy.service","SpreadDescriptor":"node.labels.zone"},"Weight":100}]
            Update.Order "stop-first"
            compose.yaml:1:92: services.web.deploy.placement.constraints[1] is not honoured: `node.hostname` is taken for orc's name of the node, which `orc node ls` shows"#]],
    );
    check(
        "deploy: {placement: {constraints: ['node.role==manager', 'engine.labels.gpu==a', 'nonsense'], \
         max_replicas_per_node: 2}}",
        &expect![[r#"
            compose.yaml:1:67: services.web.deploy.placement.constraints[0] is refused: nodes have no roles: managers run no tasks. Label the nodes that are meant with `orc node label`, and constrain by `node.labels.NAME`
            compose.yaml:1:89: services.web.deploy.placement.constraints[1] is refused: labels of engines are not known; label the nodes, and constrain by `node.labels.gpu`
            compose.yaml:1:113: services.web.deploy.placement.constraints[2] is refused: in the constraint "nonsense", "nonsense" is nothing that is known of a node: node.name, node.ip, node.engine, node.version, node.cores, node.memory, node.disk and node.labels.NAME are; write node.labels.nonsense if that is a label of the node
            compose.yaml:1:126: services.web.deploy.placement.max_replicas_per_node is not honoured: 2 are not counted: tasks go where there is room; 1 keeps them on nodes of their own"#]],
    );
}

#[test]
fn volumes_are_the_projects_and_binds_absolute() {
    let translation = translation(
        "\
services:
  db:
    image: postgres
    volumes: [data:/var/lib/data:ro, ./conf:/etc/conf, /cache, shared:/s, {type: tmpfs, target: /t, tmpfs: {size: 1m}}]
    tmpfs: /run
volumes: {data: {}, shared: {external: true}, nfs: {driver_opts: {type: nfs}}}
",
    );
    let notes: Vec<String> = translation.notes.iter().map(ToString::to_string).collect();
    expect![[r"
        compose.yaml:4:38: services.db.volumes[1] is not honoured: it is the node's own file or directory: it has to be there, under a directory that ORC_BIND_MOUNTS allows, and is not copied from here
        compose.yaml:4:56: services.db.volumes[2] is not honoured: a volume without a name is left out: what is written there is in the container, and gone with it; name the volume to keep it
        compose.yaml:6:47: volumes.nfs is refused: volumes are directories of the nodes' engines, made by the driver `local` without options; make this one on every node, and say `external: true`"]].assert_eq(&notes.join("\n"));
    assert!(translation.stack.is_none(), "what is on a share must not be made a directory of the node");
    let stack = stack(
        "services: {db: {image: p, volumes: [data:/a, ./c:/b, s:/c]}}\nvolumes: {data: {}, s: {name: own}}",
    );
    let mounts = serde_json::to_string(&stack.services[0].input.task.mounts).unwrap();
    expect![[r#"[{"Type":"volume","Source":"shop_data","Target":"/a","ReadOnly":false},{"Type":"bind","Source":"/srv/shop/c","Target":"/b","ReadOnly":false},{"Type":"volume","Source":"own","Target":"/c","ReadOnly":false}]"#]].assert_eq(&mounts);
}

#[test]
fn a_service_is_in_its_networks_under_its_own_name() {
    let of = |text: &str| {
        let translation = translation(text);
        let notes: Vec<String> = translation.notes.iter().map(ToString::to_string).collect();
        let networks = translation.stack.map(|stack| stack.services[0].input.task.networks.clone());
        (serde_json::to_string(&networks.flatten()).unwrap(), notes.join("\n"))
    };
    let (networks, notes) = of("services: {web: {image: i}}");
    assert_eq!((networks.as_str(), notes.as_str()), (r#"[{"Name":"shop_default","Aliases":["web"]}]"#, ""));
    let (networks, notes) = of("services: {web: {image: i, networks: {a: {}, b: {aliases: [www, web]}}}}\n\
         networks: {a: {internal: true}, b: {external: true, name: outer}}");
    assert_eq!(
        networks,
        r#"[{"Name":"shop_a","Aliases":["web"],"Internal":true},{"Name":"outer","Aliases":["web","www"],"External":true}]"#
    );
    assert_eq!(notes, "");
    let (networks, _) = of("services: {web: {image: i, network_mode: bridge}}");
    assert_eq!(networks, "null");
    let (_, notes) = of("services: {web: {image: i, networks: [a]}, db: {image: i, networks: [a]}}\n\
         networks: {a: {driver: overlay, driver_opts: {x: y}, labels: {k: v}, enable_ipv6: true}}");
    expect![[r"
        compose.yaml:1:49: networks is not honoured: services find each other by name on the same node alone, where each node has networks of its own: keep those that talk with each other on one by a constraint, or have them use published ports
        compose.yaml:2:12: networks.a is not honoured: it has IPv6 addresses where the engine gives them to every network
        compose.yaml:2:12: networks.a is not honoured: it has orc's labels, and no others
        compose.yaml:2:12: networks.a is not honoured: it is a bridge of each node, by the driver `bridge`; make another on the nodes, and say `external: true`
        compose.yaml:2:12: networks.a is not honoured: the driver has no options; make the network on the nodes, and say `external: true`"]]
    .assert_eq(&notes);
}

#[test]
fn what_cannot_be_had_is_refused_and_the_rest_warned_of() {
    check(
        "privileged: true, cap_add: [NET_ADMIN], sysctls: {a: 1}, devices: [/dev/dri]",
        &expect![[r#"
        compose.yaml:1:32: services.web.privileged is refused: no container has all rights on its node
        compose.yaml:1:50: services.web.cap_add is not honoured: beyond the nine capabilities that every container has, it is given those that ORC_CAPABILITIES allows
        compose.yaml:1:72: services.web.sysctls is refused: Task.Sysctls["a"]: a container has for itself net.ipv4.*, net.ipv6.*, net.core.somaxconn, net.unix.max_dgram_qlen, fs.mqueue.*, kernel.msg*, kernel.sem and kernel.shm*; all others are the node's, and are set there
        compose.yaml:1:89: services.web.devices is refused: containers get no devices of their node; take it out to run without"#]],
    );
    check(
        "privileged: false, cap_add: [CAP_CHOWN, KILL], init: false",
        &expect![[r#"Task.CapAdd ["CHOWN","KILL"]"#]],
    );
    check(
        "network_mode: host, pid: host",
        &expect![[r"
        compose.yaml:1:32: services.web.network_mode is refused: no container shares the network of its node or of another; publish what others should reach under `ports`
        compose.yaml:1:52: services.web.pid is refused: containers keep to themselves: none sees the processes or the memory of another or of its node"]],
    );
    check(
        "init: true, tty: true, ulimits: {nofile: 9}, logging: {driver: syslog}, shm_size: 1g",
        &expect![[r#"
            Task.Init true
            Task.ShmSize 1073741824
            Task.Ulimits [{"Hard":9,"Name":"nofile","Soft":9}]
            compose.yaml:1:44: services.web.tty is not honoured: there is no terminal; `orc logs` shows what is written
            compose.yaml:1:77: services.web.logging is not honoured: output goes where the engine of the node keeps it, 100 MB of each container, and `orc logs` shows it; the driver `syslog` would have the node send it elsewhere, for which a service that follows `orc logs` is better"#]],
    );
    check(
        "read_only: true, hostname: web, cap_drop: [ALL], group_add: [44], pids_limit: 9, mem_limit: 64m, mem_reservation: \
         32m, extra_hosts: ['db:192.0.2.1'], sysctls: {net.core.somaxconn: 9}, logging: {driver: local, options: \
         {max-size: 1m}}, tmpfs: '/t:size=1m,mode=700'",
        &expect![[r#"
            Task.CapDrop ["ALL"]
            Task.ExtraHosts ["db:192.0.2.1"]
            Task.GroupAdd ["44"]
            Task.Hostname "web"
            Task.LogConfig.Config.max-size "1m"
            Task.LogConfig.Type "local"
            Task.Memory 67108864
            Task.Mounts[/t].ReadOnly false
            Task.Mounts[/t].Source ""
            Task.Mounts[/t].Target "/t"
            Task.Mounts[/t].TmpfsOptions.Mode 448
            Task.Mounts[/t].TmpfsOptions.SizeBytes 1048576
            Task.Mounts[/t].Type "tmpfs"
            Task.PidsLimit 9
            Task.ReadonlyRootfs true
            Task.Reserve.Memory 33554432
            Task.Sysctls.net.core.somaxconn "9""#]],
    );
    check("build: .", &expect![""]);
    check(
        "gpus: all",
        &expect![
            "compose.yaml:1:32: services.web.gpus is refused: containers get no devices of their node; take it out to run without"
        ],
    );
    check(
        "labels: {orc.task: mine}",
        &expect![[
            r#"compose.yaml:1:32: services.web.labels is refused: Task.Labels["orc.task"]: names that begin with "orc." are orc's own; choose another"#
        ]],
    );
}

#[test]
fn services_begin_behind_what_they_need_and_what_ends_is_a_job() {
    let stack = stack(
        "\
services:
  a: {image: i, depends_on: {setup: {condition: service_completed_successfully}, c: {condition: service_healthy, required: false}}}
  c: {image: i, depends_on: [setup]}
  setup: {image: i}
  extra: {image: i, profiles: [debug]}
",
    );
    let names: Vec<&str> = stack.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["shop-setup", "shop-c", "shop-a"]);
    assert_eq!(stack.services[0].input.mode.as_deref(), Some("job"));
    let needs: Vec<(&str, bool)> =
        stack.services[2].needs.iter().map(|need| (need.service.as_str(), need.required)).collect();
    assert_eq!(needs, [("shop-c", false), ("shop-setup", true)]);
    assert!(stack.inactive.contains("shop-extra"));
}

#[test]
fn a_name_that_is_too_long_is_refused_where_it_is_written() {
    let name = "x".repeat(60);
    let notes = translation(&format!("services:\n  {name}: {{image: nginx}}")).notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].to_string().starts_with("compose.yaml:2:3: "), "{}", notes[0]);
}

/// The service as a manager that took it would show it.
fn present(declared: &Declared, fields: &Value) -> Service {
    let mut service = serde_json::to_value(&declared.wanted).unwrap();
    let rollout = json!({ "State": "settled", "Message": "", "Slots": 2, "Done": 2, "Ready": 2, "UnderWay": 0, "Failures": 0 });
    let task = |slot: u32| {
        json!({ "ID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "Name": format!("{}.{slot}.v1", declared.name),
                "Slot": slot.to_string(), "Version": 1, "State": "running", "Ready": true, "Node": "n", "Message": "" })
    };
    let known = json!({ "Name": declared.name, "Version": 7, "By": "", "Why": "", "Stable": 7, "Rollout": rollout, "Tasks": [task(1), task(2)],
                        "CreatedAt": "", "UpdatedAt": "" });
    for (name, value) in known.as_object().unwrap().iter().chain(fields.as_object().unwrap()) {
        service[name] = value.clone();
    }
    serde_json::from_value(service).unwrap()
}

const WEB: &str =
    "services: {web: {image: 'nginx:1.28', scale: 2, environment: {COLOUR: green, API_TOKEN: one}}}";

/// What is planned of `after` when `before` runs.
fn planned(before: &str, after: &str, prunes: bool) -> Plan {
    let present: Vec<Service> =
        stack(before).services.iter().map(|declared| present(declared, &json!({}))).collect();
    plan(&stack(after), &present, prunes).unwrap()
}

#[test]
fn what_was_applied_is_unchanged() {
    let plan = planned(WEB, WEB, true);
    assert!(!plan.changes(), "{plan:#?}");
    assert_eq!(plan.services[0].version, Some(7));
}

#[test]
fn a_change_of_tasks_replaces_them_and_secrets_are_not_shown() {
    let after = WEB.replace("1.28", "1.29").replace("green", "blue").replace("one", "two");
    let plan = planned(WEB, &after, false);
    let step = &plan.services[0];
    assert_eq!(step.action, Action::Change);
    let fields: Vec<String> = step
        .fields
        .iter()
        .map(|field| {
            format!("{} {} {}", field.path, field.old.as_ref().unwrap(), field.new.as_ref().unwrap())
        })
        .collect();
    assert_eq!(
        fields,
        [
            "Task.Env.API_TOKEN \"(hidden)\" \"(hidden)\"",
            "Task.Env.COLOUR \"green\" \"blue\"",
            "Task.Image \"nginx:1.28\" \"nginx:1.29\""
        ]
    );
    assert_eq!(step.tasks.replaced, ["shop-web.1.v1", "shop-web.2.v1"]);
    assert_eq!((step.tasks.kept.len(), step.tasks.added), (0, Some(0)));
    assert!(!serde_json::to_string(&plan).unwrap().contains("two"));
}

#[test]
fn a_change_of_their_number_or_of_policy_keeps_tasks() {
    let fewer = planned(WEB, &WEB.replace("scale: 2", "scale: 1"), false);
    let tasks = &fewer.services[0].tasks;
    assert_eq!(
        (tasks.kept.join(" "), tasks.stopped.join(" ")),
        ("shop-web.1.v1".to_owned(), "shop-web.2.v1".to_owned())
    );
    let more = planned(WEB, &WEB.replace("scale: 2", "scale: 5"), false);
    assert_eq!((more.services[0].tasks.kept.len(), more.services[0].tasks.added), (2, Some(3)));
    let policy =
        planned(WEB, &WEB.replace("scale: 2", "deploy: {replicas: 2, update_config: {delay: 1s}}"), false);
    let step = &policy.services[0];
    let paths: Vec<&str> = step.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!((paths, step.tasks.kept.len()), (vec!["Update.Delay"], 2));
}

#[test]
fn what_the_files_do_not_have_is_left_unless_it_is_to_be_pruned() {
    let two = "services: {web: {image: i}, old: {image: i}}";
    let kept = planned(two, "services: {web: {image: i}}", false);
    assert_eq!((kept.services[1].action, kept.changes()), (Action::LeftOver, false));
    let pruned = planned(two, "services: {web: {image: i}}", true);
    assert_eq!((pruned.services[1].action, pruned.changes()), (Action::Remove, true));
    assert_eq!(pruned.services[1].tasks.stopped.len(), 2);
    let inactive = planned(two, "services: {web: {image: i}, old: {image: i, profiles: [p]}}", true);
    assert_eq!((inactive.services[1].action, inactive.changes()), (Action::Inactive, false));
}

#[test]
fn the_service_of_another_is_never_taken_over() {
    let stack = stack(WEB);
    for (labels, words) in
        [(json!({}), "belongs to no project"), (json!({ PROJECT: "other" }), "the project other")]
    {
        let other = present(&stack.services[0], &json!({ "Labels": labels }));
        let refused = plan(&stack, &[other], true).unwrap_err();
        assert!(refused[0].contains(words), "{refused:?}");
    }
    let leaving = json!({ "State": "removing", "Message": "", "Slots": 0, "Done": 0, "Ready": 0, "UnderWay": 0, "Failures": 0 });
    let leaving = present(&stack.services[0], &json!({ "Rollout": leaving }));
    assert_eq!(plan(&stack, &[leaving], true).unwrap().services[0].action, Action::Create);
}

#[test]
fn mounts_are_known_by_their_targets() {
    let before = "services: {web: {image: i, volumes: [a:/a, b:/b]}}\nvolumes: {a: {}, b: {}, c: {}}";
    let after = before.replace("[a:/a, b:/b]", "[c:/b, a:/a]");
    let (before, after) = (stack(before), stack(&after));
    let fields = difference::fields(&before.services[0].wanted, &after.services[0].wanted);
    let told: Vec<String> = fields.iter().map(|field| field.path.clone()).collect();
    assert_eq!(told, ["Task.Mounts[/b].Source"], "a mere change of their order is none");
}

#[test]
fn the_report_has_each_key_once() {
    let reading = reading(
        "services:\n  web:\n    image: i\n    links: [db]\n    ports: ['80:80']\n    logging: {driver: syslog, options: {a: b}}\n",
    );
    let translation = translate(reading.project.as_ref().unwrap(), &reading.support);
    let report = Report::new(&reading, &translation.notes);
    let keys: Vec<String> =
        report.keys.iter().map(|line| format!("{} {} {}", line.at, line.key, line.support)).collect();
    expect![[r"
        compose.yaml:1:1 services honoured
        compose.yaml:3:5 services.web.image honoured
        compose.yaml:4:5 services.web.links warned
        compose.yaml:5:5 services.web.ports honoured
        compose.yaml:5:13 services.web.ports[0].protocol honoured
        compose.yaml:5:13 services.web.ports[0].published honoured
        compose.yaml:5:13 services.web.ports[0].target honoured
        compose.yaml:6:5 services.web.logging warned"]]
    .assert_eq(&keys.join("\n"));
    assert!(report.errors.is_empty() && report.warnings.len() == 2, "{report:#?}");
}

#[test]
fn what_another_waits_for_is_there_once_it_runs_is_ready_or_has_ended() {
    use crate::compose::service::dependency::Condition;
    let stack = stack(WEB);
    let service = |version: u64, state: &str, ready: u32| {
        let rollout = json!({ "State": state, "Message": "", "Slots": 2, "Done": 0, "Ready": ready, "UnderWay": 1, "Failures": 0 });
        present(&stack.services[0], &json!({ "Version": version, "Rollout": rollout }))
    };
    for (condition, service, met) in [
        (Condition::Started, service(1, "rolling", 0), true),
        (Condition::Healthy, service(1, "rolling", 1), false),
        (Condition::Healthy, service(1, "rolling", 2), true),
        (Condition::Healthy, service(2, "rolling", 2), false),
        (Condition::Healthy, service(2, "settled", 2), true),
        (Condition::CompletedSuccessfully, service(1, "running", 2), false),
        (Condition::CompletedSuccessfully, service(1, "complete", 0), true),
    ] {
        assert_eq!(is_met(condition, &service), met, "{condition:?} {}", service.rollout.state);
    }
}
