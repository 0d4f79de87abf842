//! What every container is denied, whatever its task asks for, and what it keeps so that ordinary images work.
//!
//! What is not said here is left as the engine has it: its seccomp filter, its profile for `AppArmor`, its namespaces.
//! `docs/adr` says what else was weighed.

use std::collections::HashMap;

use bollard::models::{HostConfig, HostConfigLogConfig, RestartPolicy, RestartPolicyNameEnum};

/// Of the 14 capabilities that Docker gives, those that the entrypoints of common server images need: they begin
/// as root, prepare their files, and go on as somebody else.
const KEPT: &[&str] = &[
    // postgres, redis, mysql: `chown` of the data directory, which a new volume gives to root.
    "CHOWN",
    // The same images, at the second start: root reads and writes what belongs to the service's user.
    "DAC_OVERRIDE",
    // postgres: `chmod 0700` of a data directory that is not root's any more.
    "FOWNER",
    // postgres: `chmod 3775 /var/run/postgresql` would lose its group bit without a word.
    "FSETID",
    // nginx, apache, php-fpm: a master that is root tells workers that are not to end.
    "KILL",
    // caddy, haproxy: the file has this capability on it, and could not be run without. Port 80 on older engines.
    "NET_BIND_SERVICE",
    // gosu, su-exec, setpriv, nginx: becoming the service's user and group.
    "SETGID",
    "SETUID",
    // sshd, postfix, vsftpd: they lock those who are not logged in yet into an empty directory.
    "SYS_CHROOT",
];

/// Processes and threads at once: far above what a server has, far below what a host can bear.
const PIDS: i64 = 512;

/// 100 MB of output per container, as Docker's own `local` driver keeps, but in few files: Docker 20.10 leaves out a file
/// for those who follow an output and are more than a whole file behind.
const LOG_FILES: [(&str, &str); 2] = [("max-size", "50m"), ("max-file", "2")];

/// `host` with everything off that its task has no use for.
pub(super) fn harden(host: HostConfig, output: Output) -> HostConfig {
    let list = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    HostConfig {
        privileged: Some(false),
        cap_drop: list(&["ALL"]),
        cap_add: list(KEPT),
        security_opt: list(&["no-new-privileges"]),
        pids_limit: Some(PIDS),
        log_config: output.options(),
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

    /// Without the name of a driver: the engine's own stays.
    fn options(self) -> Option<HostConfigLogConfig> {
        let options: HashMap<_, _> = LOG_FILES.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        (self == Self::Capped).then_some(HostConfigLogConfig { typ: None, config: Some(options) })
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
            let host = harden(HostConfig::default(), Output::of(driver));
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
        let host = harden(asked, Output::Capped);
        assert_eq!((host.memory, host.privileged, host.pids_limit), (Some(1), Some(false), Some(512)));
        assert_eq!(host.security_opt.unwrap(), ["no-new-privileges"]);
        assert!(!host.cap_add.unwrap().contains(&"SYS_ADMIN".to_owned()));
    }
}
