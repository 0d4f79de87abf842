//! Short forms and long ones say the same, and each field is read as what it is.

use std::time::Duration;

use orc::compose::Service;
use orc::compose::service::PullPolicy;
use orc::compose::service::build::{BuildContext, Dockerfile};
use orc::compose::service::dependency::Condition;
use orc::compose::service::deploy::{FailureAction, Mode, Order};
use orc::compose::service::health::HealthTest;
use orc::compose::service::isolation::{Namespace, Ulimit};
use orc::compose::service::mount::MountSource;
use orc::compose::service::network::{HostAddress, NetworkMode};
use orc::compose::service::port::{PortMode, PortProtocol, PortRange, PublishedPort};
use orc::compose::service::resources::{Limits, WhichDevices};
use orc::compose::service::restart::RestartCondition;

use crate::files::{project, read, said};

/// The service `web` of this image, with these fields beside it.
#[track_caller]
fn web(fields: &str) -> Service {
    let fields = fields.trim_matches('\n').replace('\n', "\n    ");
    let text = format!(
        "\
services:
  web:
    image: nginx
    {fields}
  db: {{image: db}}
  job: {{image: job}}
volumes: {{data: }}
networks: {{back: , front: }}
configs: {{c: {{content: text}}}}
secrets: {{s: {{external: true}}}}
"
    );
    project(&text).services["web"].clone()
}

fn port(target: u16, published: Option<(u16, u16)>) -> PublishedPort {
    PublishedPort {
        target,
        published: published.map(|(start, end)| PortRange { start, end }),
        host_ip: None,
        protocol: PortProtocol::Tcp,
        mode: PortMode::Ingress,
    }
}

#[test]
fn ports_have_many_short_forms() {
    let udp = |port| PublishedPort { protocol: PortProtocol::Udp, ..port };
    let at = |ip: &str, port| PublishedPort { host_ip: Some(ip.parse().expect("an address")), ..port };
    for (short, long) in [
        ("80", vec![port(80, None)]),
        ("\"8080:80\"", vec![port(80, Some((8080, 8080)))]),
        ("53:53/udp", vec![udp(port(53, Some((53, 53))))]),
        ("127.0.0.1:8080:80", vec![at("127.0.0.1", port(80, Some((8080, 8080))))]),
        ("127.0.0.1::80", vec![at("127.0.0.1", port(80, None))]),
        ("\"[::1]:8080:80\"", vec![at("::1", port(80, Some((8080, 8080))))]),
        ("3000-3001", vec![port(3000, None), port(3001, None)]),
        ("9090-9091:8080-8081", vec![port(8080, Some((9090, 9090))), port(8081, Some((9091, 9091)))]),
        ("9090-9099:80", vec![port(80, Some((9090, 9099)))]),
        (
            "{target: 80, published: \"8080\", protocol: tcp, mode: host}",
            vec![PublishedPort { mode: PortMode::Host, ..port(80, Some((8080, 8080))) }],
        ),
        (
            "{target: 80, host_ip: 127.0.0.1, published: 8000-9000}",
            vec![at("127.0.0.1", port(80, Some((8000, 9000))))],
        ),
    ] {
        let ports = web(&format!("ports:\n  - {short}")).ports;
        assert!(ports.iter().all(|port| port.at.line == 5), "{short}");
        let ports: Vec<PublishedPort> = ports.into_iter().map(|port| port.value).collect();
        assert_eq!(ports, long, "{short}");
    }
}

#[test]
fn mounts_are_volumes_binds_and_memory() {
    let mounts = web("
volumes:
  - data:/a:ro
  - ./b:/b:rslave,ro
  - /c
  - {type: bind, source: ../d, target: /d, bind: {create_host_path: false}}
  - {type: tmpfs, target: /e, tmpfs: {size: 64m, mode: 01777}}
  - {type: volume, source: data, target: /f, volume: {nocopy: true, subpath: sub}}
tmpfs: /run:size=1m,mode=755")
    .mounts;
    let by_target =
        |target: &str| &mounts.iter().find(|mount| mount.value.target == target).expect(target).value;
    assert_eq!(mounts.len(), 7);
    assert!(by_target("/a").read_only && by_target("/b").read_only && !by_target("/c").read_only);
    assert_eq!(
        by_target("/a").source,
        MountSource::Volume { name: Some("data".into()), no_copy: false, subpath: None }
    );
    assert_eq!(
        by_target("/b").source,
        MountSource::Bind {
            path: "/srv/app/b".into(),
            create_host_path: true,
            propagation: Some("rslave".into())
        }
    );
    assert_eq!(by_target("/c").source, MountSource::Volume { name: None, no_copy: false, subpath: None });
    assert_eq!(
        by_target("/d").source,
        MountSource::Bind { path: "/srv/d".into(), create_host_path: false, propagation: None }
    );
    assert_eq!(by_target("/e").source, MountSource::Tmpfs { size: Some(64 << 20), mode: Some(0o1777) });
    assert_eq!(
        by_target("/f").source,
        MountSource::Volume { name: Some("data".into()), no_copy: true, subpath: Some("sub".into()) }
    );
    assert_eq!(by_target("/run").source, MountSource::Tmpfs { size: Some(1 << 20), mode: Some(0o755) });
}

#[test]
fn lists_and_mappings_of_assignments_are_the_same() {
    let list =
        web("environment:\n  - A=1=2\n  - B=\nlabels: [x.y=z, flag]\nsysctls: [net.core.somaxconn=1024]");
    let map =
        web("environment: {A: 1=2, B: ''}\nlabels: {x.y: z, flag: }\nsysctls: {net.core.somaxconn: 1024}");
    assert_eq!(list.environment, map.environment);
    assert_eq!(list.labels, map.labels);
    assert_eq!(list.isolation.sysctls, map.isolation.sysctls);
    assert_eq!(map.labels["flag"], "");
}

#[test]
fn scalars_stay_as_they_are_spelt() {
    let environment =
        web("environment: {A: 0440, B: yes, C: 1.0, D: null, E: 'null', F: 1_000, G: 0x10}").environment;
    let pairs: Vec<String> = environment.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(pairs, ["A=0440", "B=yes", "C=1.0", "E=null", "F=1_000", "G=0x10"]);
}

#[test]
fn commands_are_words_or_a_line_that_is_split() {
    let process = web("\
command: sh -c 'a b'
entrypoint: []
user: 1000:1000
init: yes
tty: true
stdin_open: false
working_dir: /w
stop_signal: SIGQUIT
stop_grace_period: 1m30s
group_add: [video, 44]")
    .process;
    assert_eq!(process.command.expect("it has one"), ["sh", "-c", "a b"]);
    assert_eq!(process.entrypoint, Some(vec![]), "an empty one takes the image's away");
    assert_eq!(process.user.as_deref(), Some("1000:1000"));
    assert_eq!((process.init, process.tty, process.stdin_open), (Some(true), true, false));
    assert_eq!(process.stop_signal.as_deref(), Some("SIGQUIT"));
    assert_eq!(process.stop_grace_period, Some(Duration::from_secs(90)));
    assert_eq!(process.group_add, ["video", "44"]);
    assert_eq!(web("tty: false").process.command, None, "the image's");
}

#[test]
fn dependencies_have_conditions() {
    let short = web("depends_on: [db]").depends_on;
    assert_eq!(short["db"].condition, Condition::Started);
    assert!(short["db"].required && !short["db"].restart);
    let long = web("\
depends_on:
  db: {condition: service_healthy, restart: true}
  job: {condition: service_completed_successfully}
  gone: {condition: service_started, required: false}")
    .depends_on;
    assert_eq!(long["db"].condition, Condition::Healthy);
    assert!(long["db"].restart);
    assert_eq!(long["job"].condition, Condition::CompletedSuccessfully);
    assert!(!long["gone"].required);
}

#[test]
fn health_checks_are_lines_programs_or_nothing() {
    for (test, expected) in [
        ("curl -f localhost", HealthTest::Shell("curl -f localhost".into())),
        ("[CMD-SHELL, curl -f localhost]", HealthTest::Shell("curl -f localhost".into())),
        ("[CMD, curl, -f]", HealthTest::Exec(vec!["curl".into(), "-f".into()])),
        ("[NONE]", HealthTest::Disabled),
    ] {
        let health = web(&format!(
            "healthcheck: {{test: {test}, interval: 1m, timeout: 5s, retries: 4, start_period: 2m, start_interval: 500ms}}"
        ));
        let health = health.healthcheck.expect("it has one");
        assert_eq!(health.test, expected);
        assert_eq!(
            (health.interval, health.timeout),
            (Some(Duration::from_mins(1)), Some(Duration::from_secs(5)))
        );
        assert_eq!((health.retries, health.start_period), (Some(4), Some(Duration::from_mins(2))));
        assert_eq!(health.start_interval, Some(Duration::from_millis(500)));
    }
    assert_eq!(
        web("healthcheck: {disable: true, test: x}").healthcheck.expect("it has one").test,
        HealthTest::Disabled
    );
    assert_eq!(web("healthcheck: {retries: 1}").healthcheck.expect("it has one").test, HealthTest::Inherited);
    assert_eq!(web("tty: false").healthcheck, None);
}

#[test]
fn a_deployment_says_how_many_and_where_and_how_they_are_replaced() {
    let deploy = web("
deploy:
  replicas: 3
  labels: [a=b]
  placement:
    constraints: [node.role == worker]
    preferences: [{spread: node.labels.zone}]
    max_replicas_per_node: 2
  update_config: {parallelism: 2, delay: 10s, failure_action: rollback, monitor: 1m, max_failure_ratio: 0.5, order: start-first}
  rollback_config: {order: stop-first}").deploy;
    assert_eq!(deploy.mode, Mode::Replicated(3));
    assert_eq!(deploy.labels["a"], "b");
    assert_eq!(deploy.placement.constraints[0].value, "node.role == worker");
    assert_eq!(deploy.placement.constraints[0].at.line, 8);
    assert_eq!(deploy.placement.spread[0].value, "node.labels.zone");
    assert_eq!(deploy.placement.max_replicas_per_node, Some(2));
    let update = deploy.update.expect("it is said");
    assert_eq!((update.parallelism, update.delay), (Some(2), Some(Duration::from_secs(10))));
    assert_eq!(
        (update.failure_action, update.order),
        (Some(FailureAction::Rollback), Some(Order::StartFirst))
    );
    assert_eq!((update.monitor, update.max_failure_ratio), (Some(Duration::from_mins(1)), Some(0.5)));
    assert_eq!(deploy.rollback.expect("it is said").order, Some(Order::StopFirst));
    assert_eq!(web("deploy: {mode: global}").deploy.mode, Mode::Global);
    assert_eq!(web("deploy: {mode: replicated-job, replicas: 4}").deploy.mode, Mode::ReplicatedJob(4));
    assert_eq!(web("deploy: {mode: global-job}").deploy.mode, Mode::GlobalJob);
    assert_eq!(web("scale: 5").deploy.mode, Mode::Replicated(5));
    assert_eq!(web("tty: false").deploy.mode, Mode::Replicated(1));
}

#[test]
fn short_keys_and_those_under_deploy_are_one() {
    let short = web("cpus: 0.5\nmem_limit: 512m\nmem_reservation: 1g\npids_limit: 100\ngpus: all").resources;
    let long = web("
deploy:
  resources:
    limits: {cpus: '0.5', memory: 512M, pids: 100}
    reservations: {memory: 1g, cpus: 0.25, devices: [{capabilities: [gpu], count: 1, driver: nvidia}]}")
    .resources;
    assert_eq!(short.limits, long.limits);
    assert_eq!(short.limits.memory, Some(512 << 20));
    assert_eq!(short.reservations.memory, long.reservations.memory);
    assert_eq!(long.reservations.cpus, Some(0.25));
    assert_eq!(short.reservations.devices[0].value.which, WhichDevices::All);
    assert_eq!(long.reservations.devices[0].value.which, WhichDevices::Count(1));
    assert_eq!(web("mem_limit: 0\npids_limit: -1\ncpus: 0").resources.limits, Limits::default());
}

#[test]
fn two_keys_that_say_different_things_are_an_error() {
    let reading = read(&[(
        "compose.yaml",
        "\
services:
  web:
    image: a
    scale: 2
    mem_limit: 1g
    network_mode: none
    networks: [default]
    deploy:
      replicas: 3
      resources: {limits: {memory: 2g}}
  all:
    image: a
    deploy: {mode: global, replicas: 2}
  named:
    image: a
    container_name: only
    deploy: {replicas: 2}
",
    )]);
    assert_eq!(
        said(&reading.errors),
        [
            "compose.yaml:4:12: `deploy.replicas` says something else; say it in one place",
            "compose.yaml:5:16: `deploy.resources` says something else; say it in one place",
            "compose.yaml:6:19: `network_mode` and `networks` are both here; keep one of them",
            "compose.yaml:13:38: a global service has one container on every node; take the number out, or the mode",
            "compose.yaml:16:21: one name is not enough for several containers; take it out, or have one container",
        ]
    );
}

#[test]
fn restarts_are_one_policy_and_deploys_wins() {
    for (text, condition, attempts) in [
        ("tty: false", RestartCondition::Unsaid, None),
        ("restart: no", RestartCondition::Never, None),
        ("restart: \"no\"", RestartCondition::Never, None),
        ("restart: on-failure:3", RestartCondition::OnFailure, Some(3)),
        ("restart: unless-stopped", RestartCondition::UnlessStopped, None),
        ("restart: always\ndeploy: {restart_policy: {condition: none}}", RestartCondition::Never, None),
        ("deploy: {restart_policy: {max_attempts: 2}}", RestartCondition::Always, Some(2)),
    ] {
        let restart = web(text).restart;
        assert_eq!((restart.condition, restart.max_attempts), (condition, attempts), "{text}");
    }
}

#[test]
fn networks_have_aliases_and_names_have_addresses() {
    let networking = web("\
networks:
  back: {aliases: [www]}
  front:
extra_hosts: ['a:192.0.2.1', 'a=::1', 'host:host-gateway', 'b=[2001:db8::1]']
dns: 192.0.2.53
hostname: h")
    .networking;
    assert_eq!(networking.networks["back"].aliases, ["www"]);
    assert!(networking.networks["front"].aliases.is_empty());
    assert_eq!(networking.extra_hosts["a"].len(), 2);
    assert_eq!(networking.extra_hosts["host"], [HostAddress::HostGateway]);
    assert_eq!(networking.extra_hosts["b"], [HostAddress::Ip("2001:db8::1".parse().expect("an address"))]);
    assert_eq!(networking.dns, ["192.0.2.53"]);
    let service = web("network_mode: service:db").networking.mode;
    assert!(matches!(service, NetworkMode::Service(name) if name.value == "db"));
    assert_eq!(web("network_mode: none").networking.mode, NetworkMode::None);
    assert_eq!(web("tty: false").networking.networks.keys().collect::<Vec<_>>(), ["default"]);
}

#[test]
fn configs_and_secrets_are_files() {
    let service = web(
        "configs: [c, {source: c, target: /etc/c.conf, mode: 0440, uid: '1000'}]\nsecrets: [s, {source: s, target: other}]",
    );
    let targets: Vec<&str> = service.configs.iter().map(|grant| grant.value.target.as_str()).collect();
    assert_eq!(targets, ["/c", "/etc/c.conf"]);
    assert_eq!(service.configs[1].value.mode, Some(0o440));
    assert_eq!(service.configs[1].value.uid.as_deref(), Some("1000"));
    let targets: Vec<&str> = service.secrets.iter().map(|grant| grant.value.target.as_str()).collect();
    assert_eq!(targets, ["/run/secrets/s", "/run/secrets/other"]);
}

#[test]
fn what_leads_out_of_a_container_is_named() {
    let isolation = web("\
cap_add: [NET_ADMIN]
cap_drop: [ALL]
privileged: true
read_only: true
security_opt: ['no-new-privileges:true']
devices: ['/dev/a', '/dev/b:/dev/c:r']
pid: host
ipc: service:db
ulimits: {nproc: 65535, nofile: {soft: 1, hard: 2}}
shm_size: 1g")
    .isolation;
    assert_eq!((isolation.cap_add[0].as_str(), isolation.cap_drop[0].as_str()), ("NET_ADMIN", "ALL"));
    assert!(isolation.privileged && isolation.read_only);
    assert_eq!(
        (isolation.devices[0].value.target.as_str(), isolation.devices[0].value.permissions.as_str()),
        ("/dev/a", "rwm")
    );
    assert_eq!(
        (isolation.devices[1].value.target.as_str(), isolation.devices[1].value.permissions.as_str()),
        ("/dev/c", "r")
    );
    assert_eq!(isolation.pid.expect("it is said").value, Namespace::Host);
    assert_eq!(isolation.ipc.expect("it is said").value, Namespace::Service("db".into()));
    assert_eq!(isolation.ulimits["nproc"], Ulimit { soft: 65535, hard: 65535 });
    assert_eq!(isolation.ulimits["nofile"], Ulimit { soft: 1, hard: 2 });
    assert_eq!(isolation.shm_size, Some(1 << 30));
}

#[test]
fn an_image_is_fetched_or_built() {
    let short = web("build: ./dir").build.expect("it has one").value;
    assert_eq!(short.context, BuildContext::Directory("/srv/app/dir".into()));
    assert_eq!(short.dockerfile, Dockerfile::File("Dockerfile".into()));
    let long = web("\
build: {context: 'https://example.com/a.git', dockerfile: D, args: [A=1, B], target: t, cache_from: [c]}
pull_policy: build
platform: linux/arm64");
    assert_eq!(long.pull_policy, PullPolicy::Build);
    assert_eq!(long.platform.expect("it is said").value, "linux/arm64");
    let long = long.build.expect("it has one").value;
    assert_eq!(long.context, BuildContext::Remote("https://example.com/a.git".into()));
    assert_eq!(long.dockerfile, Dockerfile::File("D".into()));
    assert_eq!(long.args["A"].as_deref(), Some("1"));
    assert_eq!(long.args["B"], None);
    assert_eq!(long.cache_from, ["c"]);
    assert_eq!(long.target.as_deref(), Some("t"));
}

#[test]
fn what_is_external_keeps_its_name() {
    let project = project(
        "\
services:
  web: {image: a}
volumes:
  a:
  b: {external: true}
  c: {external: {name: theirs}}
  d: {name: mine, driver: local, driver_opts: {type: nfs}}
networks:
  n: {internal: true, driver: overlay}
configs:
  c: {content: secret text}
",
    );
    let volume = |key: &str| (project.volumes[key].name.as_str(), project.volumes[key].external);
    assert_eq!(volume("a"), ("app_a", false));
    assert_eq!(volume("b"), ("b", true));
    assert_eq!(volume("c"), ("theirs", true));
    assert_eq!(volume("d"), ("mine", false));
    assert_eq!(project.volumes["d"].driver_opts["type"], "nfs");
    assert!(project.networks["n"].internal);
    assert!(!format!("{:?}", project.configs).contains("secret text"), "what is in them is in no log");
}
