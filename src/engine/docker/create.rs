//! A task's specification in the words of the Engine API: the body of `POST /containers/create`.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, HealthConfig, HostConfig, Mount, MountTmpfsOptions, MountType,
    PortBinding, PortMap, ResourcesUlimits,
};

use super::hardening::{Output, harden, never_restart};
use super::network;
use crate::engine::labels::Labels;
use crate::model::probe::{Probe, Test};
use crate::model::spec::{
    self, ContainerOptions, MountKind, Port, PublishMode, TaskSpec, TmpfsOptions, Ulimit,
};

/// The body that creates a container of `spec` with these labels.
pub(super) fn body(spec: &TaskSpec, labels: Labels, output: Output) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: spec.cmd.clone(),
        entrypoint: spec.entrypoint.clone(),
        env: Some(spec.env.clone()),
        working_dir: unless_empty(&spec.working_dir),
        user: unless_empty(&spec.user),
        stop_signal: unless_empty(&spec.stop_signal),
        stop_timeout: spec.stop_timeout.map(i64::from),
        exposed_ports: Some(exposed_ports(spec).iter().map(Port::to_string).collect()),
        labels: Some(labels),
        healthcheck: healthcheck(spec),
        hostname: unless_empty(&spec.options().hostname),
        networking_config: network::first(&spec.options().networks),
        host_config: Some(harden(host_config(spec), spec.options(), output)),
        ..ContainerCreateBody::default()
    }
}

/// The body of `POST /containers/{id}/update` that sets limits and restart policy back to those of `spec`. The
/// API cannot lift a limit: 0 means "as it is".
pub(super) fn limits(spec: &TaskSpec) -> ContainerUpdateBody {
    ContainerUpdateBody {
        nano_cpus: Some(nano_cpus(spec.cpu)),
        memory: Some(bytes(spec.memory)),
        // What Docker itself sets at create; without it, it refuses to raise memory above the former swap limit.
        memory_swap: Some(bytes(spec.memory.saturating_mul(2))),
        restart_policy: Some(never_restart()),
        ..ContainerUpdateBody::default()
    }
}

/// What becomes of the image's own HEALTHCHECK: where the task says what counts in its place, the engine need not run it.
fn healthcheck(spec: &TaskSpec) -> Option<HealthConfig> {
    let said: Vec<&Probe> = [&spec.readiness, &spec.liveness].into_iter().flatten().collect();
    if said.is_empty() {
        return None;
    }
    let Some(probe) = said.into_iter().find(|probe| probe.test == Test::Image) else {
        return Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() });
    };
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).ok();
    Some(HealthConfig {
        test: None,
        interval: nanos(probe.interval()),
        timeout: nanos(probe.timeout()),
        retries: Some(probe.retries.into()),
        start_period: nanos(probe.start_period()),
        start_interval: probe.start_interval_ms.and_then(|_| nanos(probe.start_interval())),
    })
}

/// Docker's unit for CPU: billionths of a core.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and no host has 9 billion cores")]
pub(super) fn nano_cpus(cores: f64) -> i64 {
    (cores * 1e9).round() as i64
}

/// Docker's number for an amount of memory.
pub(super) fn bytes(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// What belongs to the host: limits, ports, mounts, and what the container is beside that.
fn host_config(spec: &TaskSpec) -> HostConfig {
    let ContainerOptions {
        init,
        readonly_rootfs,
        group_add,
        ulimits,
        shm_size,
        sysctls,
        extra_hosts,
        networks,
        ..
    } = spec.options();
    HostConfig {
        nano_cpus: Some(nano_cpus(spec.cpu)),
        memory: Some(bytes(spec.memory)),
        publish_all_ports: Some(true),
        port_bindings: Some(port_bindings(spec)),
        mounts: Some(spec.mounts.iter().map(mount).collect()),
        init: init.then_some(true),
        readonly_rootfs: readonly_rootfs.then_some(true),
        group_add: some(group_add.clone()),
        ulimits: some(ulimits.iter().map(ulimit).collect()),
        shm_size: shm_size.map(bytes),
        sysctls: Some(sysctls.clone().into_iter().collect())
            .filter(|sysctls: &HashMap<_, _>| !sysctls.is_empty()),
        extra_hosts: some(extra_hosts.clone()),
        network_mode: networks.first().map(|first| first.name.clone()),
        ..HostConfig::default()
    }
}

/// Every port that the task names, whichever way.
fn exposed_ports(spec: &TaskSpec) -> BTreeSet<Port> {
    let exposed = spec.exposed_ports.iter().flat_map(|ports| ports.keys());
    let bound = spec.port_bindings.iter().flat_map(|ports| ports.keys());
    exposed.chain(bound).copied().collect()
}

/// The exact host ports; all others are published on random ones.
fn port_bindings(spec: &TaskSpec) -> PortMap {
    if spec.publish_mode == PublishMode::Random {
        return HashMap::new();
    }
    let bindings = spec.port_bindings.iter().flatten();
    bindings
        .map(|(port, host)| {
            let binding = PortBinding { host_ip: None, host_port: Some(host.0.to_string()) };
            (port.to_string(), Some(vec![binding]))
        })
        .collect()
}

fn mount(mount: &spec::Mount) -> Mount {
    Mount {
        typ: Some(match mount.kind {
            MountKind::Volume => MountType::VOLUME,
            MountKind::Bind => MountType::BIND,
            MountKind::Tmpfs => MountType::TMPFS,
        }),
        source: unless_empty(&mount.source),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        tmpfs_options: mount.tmpfs_options.as_ref().map(tmpfs_options),
        ..Mount::default()
    }
}

fn tmpfs_options(options: &TmpfsOptions) -> MountTmpfsOptions {
    MountTmpfsOptions {
        size_bytes: options.size_bytes.map(bytes),
        mode: options.mode.map(i64::from),
        ..MountTmpfsOptions::default()
    }
}

fn ulimit(limit: &Ulimit) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(limit.name.clone()), soft: Some(limit.soft), hard: Some(limit.hard) }
}

/// What a task does not say is not said to the engine.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

/// What is empty in a specification is left to the image.
fn unless_empty(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON that an engine would get, of a specification with these fields beside name and image.
    fn check(fields: &str, expect: &expect_test::Expect) {
        let json = format!(r#"{{"Name":"web","Image":"i"{fields}}}"#);
        let spec: TaskSpec = serde_json::from_str(&json).unwrap();
        let mut body = serde_json::to_value(body(&spec, Labels::new(), Output::Uncapped)).unwrap();
        // The same for every task; what it is stands in `hardening`.
        for constant in ["CapAdd", "CapDrop", "PidsLimit", "Privileged", "SecurityOpt"] {
            assert_ne!(body["HostConfig"].as_object_mut().unwrap().remove(constant), None, "{constant}");
        }
        expect.assert_eq(&body.to_string());
    }

    #[test]
    fn a_plain_task_gets_no_limits_and_never_dockers_restart() {
        check(
            "",
            &expect_test::expect![[
                r#"{"Env":[],"ExposedPorts":{},"HostConfig":{"AutoRemove":false,"Memory":0,"Mounts":[],"NanoCpus":0,"PortBindings":{},"PublishAllPorts":true,"RestartPolicy":{"Name":"no"}},"Image":"i","Labels":{}}"#
            ]],
        );
    }

    #[test]
    fn random_ports_are_published_without_a_wish() {
        check(
            r#","ExposedPorts":{"80/tcp":{}},"PortBindings":{"7777/tcp":"7777"}"#,
            &expect_test::expect![[
                r#"{"Env":[],"ExposedPorts":{"7777/tcp":{},"80/tcp":{}},"HostConfig":{"AutoRemove":false,"Memory":0,"Mounts":[],"NanoCpus":0,"PortBindings":{},"PublishAllPorts":true,"RestartPolicy":{"Name":"no"}},"Image":"i","Labels":{}}"#
            ]],
        );
    }

    #[test]
    fn host_ports_are_bound_exactly() {
        check(
            r#","PublishMode":"host","ExposedPorts":{"80/tcp":{}},"PortBindings":{"53/udp":"5353"}"#,
            &expect_test::expect![[
                r#"{"Env":[],"ExposedPorts":{"53/udp":{},"80/tcp":{}},"HostConfig":{"AutoRemove":false,"Memory":0,"Mounts":[],"NanoCpus":0,"PortBindings":{"53/udp":[{"HostPort":"5353"}]},"PublishAllPorts":true,"RestartPolicy":{"Name":"no"}},"Image":"i","Labels":{}}"#
            ]],
        );
    }

    #[test]
    fn everything_else_keeps_its_name() {
        check(
            r#","CPU":0.1,"Memory":1024,"Cmd":["a"],"Entrypoint":["b"],"Env":["A=1"],"WorkingDir":"/w","User":"u",
               "StopSignal":"SIGINT","StopTimeout":3,"Mounts":[
               {"Type":"volume","Source":"v","Target":"/v"},{"Type":"bind","Source":"/h","Target":"/b","ReadOnly":true},
               {"Type":"tmpfs","Target":"/t"}]"#,
            &expect_test::expect![[
                r#"{"Cmd":["a"],"Entrypoint":["b"],"Env":["A=1"],"ExposedPorts":{},"HostConfig":{"AutoRemove":false,"Memory":1024,"Mounts":[{"ReadOnly":false,"Source":"v","Target":"/v","Type":"volume"},{"ReadOnly":true,"Source":"/h","Target":"/b","Type":"bind"},{"ReadOnly":false,"Target":"/t","Type":"tmpfs"}],"NanoCpus":100000000,"PortBindings":{},"PublishAllPorts":true,"RestartPolicy":{"Name":"no"}},"Image":"i","Labels":{},"StopSignal":"SIGINT","StopTimeout":3,"User":"u","WorkingDir":"/w"}"#
            ]],
        );
    }

    #[test]
    fn what_few_ask_for_keeps_its_name_too() {
        check(
            r#","Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":4096,"Mode":448}}],"Options":{"Init":true,
               "ReadonlyRootfs":true,"Hostname":"h","GroupAdd":["44"],"Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}],
               "ShmSize":9,"Sysctls":{"kernel.sem":"1"},"ExtraHosts":["a:192.0.2.1"],"Networks":[{"Name":"n","Aliases":["web"]},{"Name":"m"}]}"#,
            &expect_test::expect![[
                r#"{"Env":[],"ExposedPorts":{},"HostConfig":{"AutoRemove":false,"ExtraHosts":["a:192.0.2.1"],"GroupAdd":["44"],"Init":true,"Memory":0,"Mounts":[{"ReadOnly":false,"Target":"/t","TmpfsOptions":{"Mode":448,"SizeBytes":4096},"Type":"tmpfs"}],"NanoCpus":0,"NetworkMode":"n","PortBindings":{},"PublishAllPorts":true,"ReadonlyRootfs":true,"RestartPolicy":{"Name":"no"},"ShmSize":9,"Sysctls":{"kernel.sem":"1"},"Ulimits":[{"Hard":2,"Name":"nofile","Soft":1}]},"Hostname":"h","Image":"i","Labels":{},"NetworkingConfig":{"EndpointsConfig":{"n":{"Aliases":["web"]}}}}"#
            ]],
        );
    }

    #[test]
    fn the_images_own_check_is_left_out_where_the_task_says_what_counts() {
        let times = r#""IntervalMs":2000,"TimeoutMs":1000,"Retries":2,"StartPeriodMs":0"#;
        let healthcheck = |test: &str| {
            let json = format!(r#"{{"Name":"web","Image":"i","Readiness":{{"Test":{test},{times}}}}}"#);
            let body = body(&serde_json::from_str(&json).unwrap(), Labels::new(), Output::Uncapped);
            serde_json::to_value(body).unwrap()["Healthcheck"].to_string()
        };
        assert_eq!(healthcheck(r#"{"Tcp":80}"#), r#"{"Test":["NONE"]}"#);
        assert_eq!(
            healthcheck(r#""Image""#),
            r#"{"Interval":2000000000,"Retries":2,"StartPeriod":0,"Timeout":1000000000}"#
        );
    }
}
