//! What every container is denied, whatever its task asks for, and what it keeps so that ordinary images work.
//!
//! Which capabilities those are, and which a task may be given or give up, is in `model::capability`; what it may ask for at
//! all, in `wire`. What is not said here is left as the engine has it: its seccomp filter, its profile for `AppArmor`, its
//! namespaces. `docs/adr` says what else was weighed.

use std::collections::HashMap;

use bollard::models::{HostConfig, HostConfigLogConfig, RestartPolicy, RestartPolicyNameEnum};

use crate::model::capability::{Capability, kept};
use crate::model::spec::{ContainerOptions, LogConfig};

/// Processes and threads at once, where the task does not say: far above what a server has, far below what a host can bear.
const PIDS: i64 = 512;

/// 100 MB of output per container, as Docker's own `local` driver keeps, but in few files: Docker 20.10 leaves out a file
/// for those who follow an output and are more than a whole file behind.
const LOG_FILES: [(&str, &str); 2] = [("max-size", "50m"), ("max-file", "2")];

/// `host` with everything off that its task has no use for.
pub(super) fn harden(host: HostConfig, asked: &ContainerOptions, output: Output) -> HostConfig {
    let list = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let capabilities: Vec<&str> =
        kept(&asked.cap_add, &asked.cap_drop).into_iter().map(Capability::name).collect();
    HostConfig {
        privileged: Some(false),
        cap_drop: list(&["ALL"]),
        cap_add: list(&capabilities),
        security_opt: list(&["no-new-privileges"]),
        pids_limit: Some(asked.pids_limit.map_or(PIDS, i64::from)),
        log_config: output.config(asked.log_config.as_ref()),
        restart_policy: Some(never_restart()),
        auto_remove: Some(false),
        ..host
    }
}

/// orc is the only restart authority (rule R10).
pub(super) fn never_restart() -> RestartPolicy {
    RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }
}

/// What becomes of what containers write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Output {
    /// The engine's log driver keeps so much of it.
    #[default]
    Capped,
    /// The driver takes no cap, and refuses to create a container with one.
    Uncapped,
}

impl Output {
    /// As an engine with this log driver takes it.
    pub(super) fn of(driver: &str) -> Self {
        if matches!(driver, "json-file" | "local") { Self::Capped } else { Self::Uncapped }
    }

    /// Whether an engine refused a container with this text because its driver takes no cap.
    pub(super) fn is_refused(refusal: &str) -> bool {
        refusal.contains("unknown log opt")
    }

    /// Where a task asks for no driver, the engine's own stays, and is told nothing that it may not know.
    fn config(self, asked: Option<&LogConfig>) -> Option<HostConfigLogConfig> {
        let driver = asked.map(|asked| asked.driver.clone()).filter(|driver| !driver.is_empty());
        let output = driver.as_deref().map_or(self, Self::of);
        let mut options = HashMap::new();
        if output == Self::Capped {
            options.extend(LOG_FILES.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
        if output == Self::Capped || driver.is_some() {
            options.extend(asked.into_iter().flat_map(|asked| asked.options.clone()));
        }
        (driver.is_some() || output == Self::Capped)
            .then_some(HostConfigLogConfig { typ: driver, config: Some(options) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_capped_where_the_driver_takes_a_cap() {
        for (driver, is_capped) in
            [("json-file", true), ("local", true), ("journald", false), ("none", false), ("", false)]
        {
            let host = harden(HostConfig::default(), &ContainerOptions::default(), Output::of(driver));
            assert_eq!(host.log_config.is_some(), is_capped, "{driver}");
        }
        assert!(Output::is_refused("unknown log opt 'max-size' for journald log driver"));
        assert!(!Output::is_refused("no such image"));
    }

    #[test]
    fn what_a_task_asks_for_stays_and_what_would_weaken_it_goes() {
        let asked = HostConfig {
            memory: Some(1),
            privileged: Some(true),
            cap_add: Some(vec!["SYS_ADMIN".to_owned()]),
            security_opt: Some(vec!["seccomp=unconfined".to_owned()]),
            ..HostConfig::default()
        };
        let host = harden(asked, &ContainerOptions::default(), Output::Capped);
        assert_eq!((host.memory, host.privileged, host.pids_limit), (Some(1), Some(false), Some(512)));
        assert_eq!(host.security_opt.unwrap(), ["no-new-privileges"]);
        assert!(!host.cap_add.unwrap().contains(&"SYS_ADMIN".to_owned()));
    }

    #[test]
    fn a_task_may_give_up_rights_be_given_one_and_say_how_much_output_is_kept() {
        let options = |driver: &str| {
            [("max-size", "1m"), ("driver", driver)].map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        let asked = |driver: &str| ContainerOptions {
            cap_add: vec!["NET_ADMIN".parse().unwrap()],
            cap_drop: vec![Capability::ALL],
            pids_limit: Some(9),
            log_config: Some(LogConfig { driver: driver.to_owned(), options: options(driver).into() }),
            ..ContainerOptions::default()
        };
        let host = harden(HostConfig::default(), &asked(""), Output::Capped);
        assert_eq!(
            (host.cap_drop.unwrap(), host.cap_add.unwrap()),
            (vec!["ALL".to_owned()], vec!["NET_ADMIN".to_owned()])
        );
        assert_eq!(host.pids_limit, Some(9));
        let log = |driver: &str, output| {
            let log = harden(HostConfig::default(), &asked(driver), output).log_config?;
            let mut options: Vec<(String, String)> = log.config?.into_iter().collect();
            options.sort();
            let told: Vec<String> =
                options.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some((log.typ, told.join(" ")))
        };
        let named = |driver: &str, told: &str| Some((Some(driver.to_owned()), told.to_owned()));
        assert_eq!(log("", Output::Capped), Some((None, "driver= max-file=2 max-size=1m".to_owned())));
        assert_eq!(log("", Output::Uncapped), None, "a driver that nobody named may not know such options");
        assert_eq!(log("local", Output::Uncapped), named("local", "driver=local max-file=2 max-size=1m"));
        assert_eq!(log("journald", Output::Capped), named("journald", "driver=journald max-size=1m"));
    }
}
