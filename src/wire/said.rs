//! A specification as a user would send it: what is as usual is not said.

use super::file_ref::FileRefInput;
use super::options::Options;
use super::placement::Placement;
use super::probe::Probe;
use super::submission::{Duration, MountInput, Reserve, Restarts, TaskInput};
use crate::model::managed_file::FileRef;
use crate::model::spec::{Failover, PublishMode, PullPolicy, TaskSpec};

impl From<&TaskSpec> for TaskInput {
    fn from(spec: &TaskSpec) -> Self {
        let check = spec.health_check.as_ref();
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        let millis = |millis: u64| Duration(std::time::Duration::from_millis(millis));
        let bytes = |bytes: u64| (bytes > 0).then(|| i64::try_from(bytes).unwrap_or(i64::MAX));
        let files = |files: &[FileRef]| {
            Some(files.iter().map(FileRefInput::from).collect()).filter(|files: &Vec<_>| !files.is_empty())
        };
        let mounts: Vec<MountInput> = spec.mounts.iter().map(MountInput::from).collect();
        let Options {
            init,
            readonly_rootfs,
            hostname,
            cap_add,
            cap_drop,
            group_add,
            ulimits,
            pids_limit,
            shm_size,
            sysctls,
            extra_hosts,
            log_config,
            networks,
        } = Options::from(spec.options());
        Self {
            name: Some(spec.name.clone()),
            image: Some(spec.image.clone()),
            cpu: (spec.cpu > 0.0).then_some(spec.cpu),
            memory: bytes(spec.memory),
            disk: bytes(spec.disk),
            exposed_ports: spec.exposed_ports.clone(),
            port_bindings: spec.port_bindings.clone(),
            restart_policy: Some(spec.restart_policy),
            health_check: check.map(|check| check.path.clone()),
            interval: check.map(|check| millis(check.interval_ms)),
            timeout: check.map(|check| millis(check.timeout_ms)),
            retries: check.map(|check| check.retries),
            start_period: check.map(|check| millis(check.start_period_ms)),
            cmd: spec.cmd.clone(),
            entrypoint: spec.entrypoint.clone(),
            env: (!spec.env.is_empty()).then(|| spec.env.clone()),
            working_dir: said(&spec.working_dir),
            user: said(&spec.user),
            labels: (!spec.labels.is_empty()).then(|| spec.labels.clone()),
            stop_signal: said(&spec.stop_signal),
            stop_timeout: spec.stop_timeout,
            publish_mode: (spec.publish_mode != PublishMode::default()).then_some(spec.publish_mode),
            pull_policy: (spec.pull_policy != PullPolicy::default()).then_some(spec.pull_policy),
            mounts: (!mounts.is_empty()).then_some(mounts),
            placement: Some(&spec.placement).filter(|rules| !rules.is_empty()).map(Placement::from),
            failover: (spec.failover != Failover::default()).then_some(spec.failover),
            readiness: spec.readiness.as_ref().map(Probe::from),
            liveness: spec.liveness.as_ref().map(Probe::from),
            init,
            readonly_rootfs,
            hostname,
            cap_add,
            cap_drop,
            group_add,
            ulimits,
            pids_limit,
            shm_size,
            sysctls,
            extra_hosts,
            log_config,
            networks,
            reserve: spec.reserve.as_ref().map(Reserve::from),
            restarts: Some(Restarts::from(&spec.restarts)).filter(|pace| *pace != Restarts::default()),
            secrets: files(&spec.secrets),
            configs: files(&spec.configs),
            ..Self::default()
        }
    }
}
