//! What the container of a service is beside its image and its process: what keeps it apart, what it is limited to.

use super::note::Scope;
use crate::compose::service::Logging;
use crate::compose::service::isolation::Isolation;
use crate::compose::service::network::HostAddress;
use crate::model::capability::Capability;
use crate::wire::options::{LogConfig, Ulimit};
use crate::wire::submission::TaskInput;

/// Those whose output can be read again, and the one that keeps none.
const LOG_DRIVERS: [&str; 4] = ["json-file", "local", "journald", "none"];

/// Says what is asked of the container.
pub(super) fn describe(scope: &mut Scope<'_>, task: &mut TaskInput) {
    let service = scope.service;
    let Isolation { cap_add, cap_drop, read_only, sysctls, ulimits, shm_size, .. } = &service.isolation;
    warn_of_rights(scope, cap_add);
    let ulimit = |(name, limit): (&String, &crate::compose::service::isolation::Ulimit)| Ulimit {
        name: name.clone(),
        soft: limit.soft,
        hard: limit.hard,
    };
    task.init = service.process.init.filter(|init| *init);
    task.readonly_rootfs = read_only.then_some(true);
    task.hostname.clone_from(&service.networking.hostname);
    task.cap_add = some(cap_add.clone());
    task.cap_drop = some(cap_drop.clone());
    task.group_add = some(service.process.group_add.clone());
    task.ulimits = some(ulimits.iter().map(ulimit).collect());
    task.pids_limit = service.resources.limits.pids;
    task.shm_size = shm_size.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    task.sysctls = Some(sysctls.clone()).filter(|sysctls| !sysctls.is_empty());
    task.extra_hosts = some(extra_hosts(scope));
    task.log_config = service.logging.as_ref().and_then(|logging| log_config(scope, logging));
}

/// Whether a right is given is for the manager's operator to say.
fn warn_of_rights(scope: &mut Scope<'_>, names: &[String]) {
    let is_usual = |name: &String| {
        name.parse().is_ok_and(|capability: Capability| Capability::USUAL.contains(&capability))
    };
    if !names.iter().all(is_usual) {
        scope.warn("cap_add", "beyond the nine capabilities that every container has, it is given those that ORC_CAPABILITIES allows");
    }
}

fn extra_hosts(scope: &Scope<'_>) -> Vec<String> {
    let hosts = &scope.service.networking.extra_hosts;
    let lines = hosts.iter().flat_map(|(name, addresses)| {
        addresses.iter().map(move |address| match address {
            HostAddress::Ip(address) => format!("{name}:{address}"),
            HostAddress::HostGateway => format!("{name}:host-gateway"),
        })
    });
    lines.collect()
}

fn log_config(scope: &mut Scope<'_>, logging: &Logging) -> Option<LogConfig> {
    if let Some(driver) = logging.driver.as_ref().filter(|driver| !LOG_DRIVERS.contains(&driver.as_str())) {
        let says = format!(
            "output goes where the engine of the node keeps it, 100 MB of each container, and `orc logs` shows it; the driver \
             `{driver}` would have the node send it elsewhere, for which a service that follows `orc logs` is better"
        );
        scope.warn("logging", says);
        return None;
    }
    Some(LogConfig { driver: logging.driver.clone(), options: logging.options.clone() })
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}
