//! What a task asks of its container beside what nearly every task asks, in JSON: how it comes in, what is refused in which
//! sentence, and how it goes out. Names and shapes are the Docker Engine API's.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::{plain, unsigned};
use super::log_config;
use super::network::{self, Network};
use super::policy::Policy;
use super::submission::TaskInput;
use crate::model::capability::Capability;
use crate::model::spec::{ContainerOptions, LogConfig as LogRow, Ulimit as UlimitRow};

/// As it goes out, as a part of a task; what nobody said is left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Options {
    /// Whether a small init is process 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Whether its root file system cannot be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readonly_rootfs: Option<bool>,
    /// Its own name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Capabilities that it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_add: Option<Vec<String>>,
    /// Of the usual ones, those that it gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_drop: Option<Vec<String>>,
    /// Groups of its process beside the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_add: Option<Vec<String>>,
    /// Limits of each process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ulimits: Option<Vec<Ulimit>>,
    /// Processes and threads at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    /// Bytes of /dev/shm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<i64>,
    /// Kernel parameters of its own namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sysctls: Option<BTreeMap<String, String>>,
    /// Names that it knows without asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_hosts: Option<Vec<String>>,
    /// Where its output is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_config: Option<LogConfig>,
    /// The networks that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
}

/// A limit of each process; -1 = none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Ulimit {
    /// As in "nofile".
    pub name: String,
    /// What counts.
    pub soft: i64,
    /// What a process may raise it to.
    pub hard: i64,
}

/// One of Docker's log drivers, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct LogConfig {
    /// "json-file", "local", "journald" or "none"; absent = the engine's own.
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver's own options, such as `{"max-size": "10m"}`.
    #[serde(rename = "Config", skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

impl TaskInput {
    /// What it asks of its container, every value checked; the error is a sentence that names the field.
    pub(super) fn checked_options(&self, policy: &Policy) -> Result<Option<Box<ContainerOptions>>, String> {
        let options = ContainerOptions {
            init: self.init.unwrap_or_default(),
            readonly_rootfs: self.readonly_rootfs.unwrap_or_default(),
            hostname: hostname(self.hostname.as_deref().unwrap_or_default())?,
            cap_add: added(self.cap_add.as_deref().unwrap_or_default(), policy)?,
            cap_drop: dropped(self.cap_drop.as_deref().unwrap_or_default())?,
            group_add: groups(self.group_add.as_deref().unwrap_or_default())?,
            ulimits: ulimits(self.ulimits.as_deref().unwrap_or_default())?,
            pids_limit: self.pids_limit.map(pids_limit).transpose()?,
            shm_size: Some(unsigned("Task.ShmSize", self.shm_size)?).filter(|bytes| *bytes > 0),
            sysctls: sysctls(self.sysctls.as_ref())?,
            extra_hosts: extra_hosts(self.extra_hosts.as_deref().unwrap_or_default())?,
            log_config: self.log_config.as_ref().map(log_config::checked).transpose()?.flatten(),
            networks: network::checked(self.networks.as_deref().unwrap_or_default())?,
        };
        Ok(Some(options).filter(|options| *options != ContainerOptions::default()).map(Box::new))
    }
}

/// So much of what somebody else wrote is repeated.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

fn hostname(name: &str) -> Result<String, String> {
    let is_possible = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if name.is_empty()
        || name.len() <= 63 && name.chars().all(is_possible) && !name.starts_with(['.', '-', '_'])
    {
        return Ok(name.to_owned());
    }
    Err(format!(
        "Task.Hostname is {:?}: 1 to 63 of the characters a-z A-Z 0-9 . - _ are possible, the first a letter or digit",
        shown(name)
    ))
}

fn added(names: &[String], policy: &Policy) -> Result<Vec<Capability>, String> {
    let read = |(index, name): (usize, &String)| {
        let place = format!("Task.CapAdd[{index}]");
        let capability: Capability = name.parse().map_err(|problem| format!("{place}: {problem}"))?;
        if capability == Capability::ALL {
            return Err(format!(
                "{place} is ALL: whoever has that is root on the node; name what is needed, such as NET_ADMIN"
            ));
        }
        if !policy.allows(capability) {
            let usual = Capability::USUAL.map(Capability::name).join(", ");
            return Err(format!(
                "{place} is {capability}: a task may have {usual}, and what the operator allowed with ORC_CAPABILITIES ({})",
                policy.capabilities_in_words()
            ));
        }
        Ok(capability)
    };
    names.iter().enumerate().map(read).collect()
}

fn dropped(names: &[String]) -> Result<Vec<Capability>, String> {
    let read = |(index, name): (usize, &String)| {
        name.parse().map_err(|problem| format!("Task.CapDrop[{index}]: {problem}"))
    };
    names.iter().enumerate().map(read).collect()
}

fn groups(groups: &[String]) -> Result<Vec<String>, String> {
    for (index, group) in groups.iter().enumerate() {
        let is_possible = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if group.is_empty() || group.len() > 64 || !group.chars().all(is_possible) {
            return Err(format!(
                "Task.GroupAdd[{index}] is {:?}: the name of a group of the image is wanted, or its number, such as \"44\"",
                shown(group)
            ));
        }
    }
    Ok(groups.to_vec())
}

/// Those that the kernel has.
const ULIMITS: [&str; 13] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nofile",
    "nproc",
    "rss",
    "rttime",
    "sigpending",
    "stack",
];

fn ulimits(limits: &[Ulimit]) -> Result<Vec<UlimitRow>, String> {
    for (index, Ulimit { name, soft, hard }) in limits.iter().enumerate() {
        let place = format!("Task.Ulimits[{index}]");
        if name == "nice" || name == "rtprio" {
            return Err(format!(
                "{place}.Name is {name:?}: its processes would go before those of the node itself, and no task may have that"
            ));
        }
        if !ULIMITS.contains(&name.as_str()) {
            let known = ULIMITS.join(", ");
            return Err(format!("{place}.Name is {:?}: there are {known}", shown(name)));
        }
        if limits[..index].iter().any(|other| other.name == *name) {
            return Err(format!("{place}.Name is {name:?}, as before already: a limit is said once"));
        }
        if *soft < -1 || *hard < -1 {
            return Err(format!("{place} is {soft} and {hard}: a limit is 0 or more, or -1 for none"));
        }
        if *hard != -1 && (*soft == -1 || soft > hard) {
            return Err(format!("{place}.Soft is {soft} and above Hard, {hard}: it may be as high at most"));
        }
    }
    let row = |limit: &Ulimit| UlimitRow { name: limit.name.clone(), soft: limit.soft, hard: limit.hard };
    Ok(limits.iter().map(row).collect())
}

fn pids_limit(limit: i64) -> Result<u32, String> {
    /// Half of what a Linux host has by default: no task takes them all.
    const MOST: u32 = 16_384;
    let limit_read = u32::try_from(limit).ok().filter(|limit| (1..=MOST).contains(limit));
    limit_read.ok_or_else(|| {
        format!("Task.PidsLimit is {limit}: from 1 to {MOST} processes and threads are possible, and 512 when it is not said")
    })
}

/// Parameters that each container has for itself: those of its network, its message queues and its shared memory.
const SYSCTLS: [&str; 5] =
    ["net.ipv4.", "net.ipv6.", "net.core.somaxconn", "net.unix.max_dgram_qlen", "fs.mqueue."];
const SYSCTLS_OF_KERNEL: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

fn sysctls(sysctls: Option<&BTreeMap<String, String>>) -> Result<BTreeMap<String, String>, String> {
    let sysctls = sysctls.cloned().unwrap_or_default();
    for (name, value) in &sysctls {
        let is_name = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
        };
        let is_own =
            SYSCTLS.iter().any(|known| name == known || known.ends_with('.') && name.starts_with(known))
                || SYSCTLS_OF_KERNEL.contains(&name.as_str());
        if !is_own || !name.split('.').all(is_name) {
            return Err(format!(
                "Task.Sysctls[{:?}]: a container has for itself net.ipv4.*, net.ipv6.*, net.core.somaxconn, \
                 net.unix.max_dgram_qlen, fs.mqueue.*, kernel.msg*, kernel.sem and kernel.shm*; all others are the node's, \
                 and are set there",
                shown(name)
            ));
        }
        plain(&format!("Task.Sysctls[{name:?}]"), value)?;
    }
    Ok(sysctls)
}

fn extra_hosts(lines: &[String]) -> Result<Vec<String>, String> {
    let is_name = |name: &str| {
        let is_possible = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        !name.is_empty() && name.len() <= 253 && name.chars().all(is_possible)
    };
    let is_address = |address: &str| address == "host-gateway" || address.parse::<IpAddr>().is_ok();
    for (index, line) in lines.iter().enumerate() {
        if !line.split_once(':').is_some_and(|(name, address)| is_name(name) && is_address(address)) {
            return Err(format!(
                "Task.ExtraHosts[{index}] is {:?}: a name and an address belong there, such as \"db:192.0.2.1\", or \
                 \"node:host-gateway\" for the task's node",
                shown(line)
            ));
        }
    }
    Ok(lines.to_vec())
}

impl From<&ContainerOptions> for Options {
    fn from(options: &ContainerOptions) -> Self {
        let names =
            |list: &[Capability]| list.iter().map(|capability| capability.name().to_owned()).collect();
        let ulimit =
            |limit: &UlimitRow| Ulimit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard };
        let ulimits: Vec<Ulimit> = options.ulimits.iter().map(ulimit).collect();
        Self {
            init: options.init.then_some(true),
            readonly_rootfs: options.readonly_rootfs.then_some(true),
            hostname: Some(options.hostname.clone()).filter(|name| !name.is_empty()),
            cap_add: some(names(&options.cap_add)),
            cap_drop: some(names(&options.cap_drop)),
            group_add: some(options.group_add.clone()),
            ulimits: some(ulimits),
            pids_limit: options.pids_limit.map(i64::from),
            shm_size: options.shm_size.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            sysctls: Some(options.sysctls.clone()).filter(|sysctls| !sysctls.is_empty()),
            extra_hosts: some(options.extra_hosts.clone()),
            log_config: options.log_config.as_ref().map(LogConfig::from),
            networks: some(options.networks.iter().map(Network::from).collect()),
        }
    }
}

impl From<&LogRow> for LogConfig {
    fn from(config: &LogRow) -> Self {
        let driver = Some(config.driver.clone()).filter(|driver| !driver.is_empty());
        Self { driver, options: config.options.clone() }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::strict::decode;

    /// What a task of these fields asks of its container, as it goes out again; or why it is refused.
    fn options(fields: &str) -> Result<String, String> {
        let task = format!(r#"{{"Name":"web","Image":"i",{fields}}}"#);
        let task: TaskInput = decode(task.as_bytes()).map_err(|error| error.to_string())?;
        let policy = Policy { capabilities: vec!["NET_ADMIN".parse().unwrap()], ..Policy::default() };
        let options = task.checked_options(&policy)?;
        let out = options.map(|options| Options::from(&*options)).unwrap_or_default();
        Ok(serde_json::to_string(&out).unwrap())
    }

    #[test]
    fn what_is_possible_goes_out_as_it_came_in() {
        for fields in [
            r#""Init":true"#,
            r#""ReadonlyRootfs":true"#,
            r#""Hostname":"web-1.example""#,
            r#""CapAdd":["NET_ADMIN","KILL"]"#,
            r#""CapDrop":["ALL"]"#,
            r#""GroupAdd":["44","render"]"#,
            r#""Ulimits":[{"Name":"nofile","Soft":1024,"Hard":4096},{"Name":"memlock","Soft":-1,"Hard":-1}]"#,
            r#""PidsLimit":16384"#,
            r#""ShmSize":1073741824"#,
            r#""Sysctls":{"kernel.shmmax":"1","net.core.somaxconn":"1024","net.ipv4.ip_local_port_range":"1024 65000"}"#,
            r#""ExtraHosts":["db:192.0.2.1","six:2001:db8::1","node:host-gateway"]"#,
            r#""LogConfig":{"Type":"local","Config":{"max-file":"3","max-size":"10m"}}"#,
            r#""LogConfig":{"Config":{"max-size":"10m"}}"#,
            r#""Networks":[{"Name":"shop","Aliases":["web","www"],"Internal":true},{"Name":"proxy","External":true}]"#,
        ] {
            assert_eq!(options(fields), Ok(format!("{{{fields}}}")), "{fields}");
        }
    }

    #[test]
    fn what_is_as_usual_is_not_kept() {
        let usual = r#""Init":false,"Hostname":"","CapAdd":[],"ShmSize":0,"Sysctls":{},"LogConfig":{}"#;
        assert_eq!(options(usual), Ok("{}".to_owned()));
        assert_eq!(options(r#""CapAdd":["cap_net_admin"]"#), Ok(r#"{"CapAdd":["NET_ADMIN"]}"#.to_owned()));
    }

    #[test]
    fn what_is_not_possible_is_refused_in_a_sentence() {
        for (fields, says) in [
            (r#""Hostname":"-web""#, "Task.Hostname is \"-web\""),
            (r#""Hostname":"a b""#, "Task.Hostname is \"a b\""),
            (r#""CapAdd":["ALL"]"#, "Task.CapAdd[0] is ALL"),
            (r#""CapAdd":["KILL","SYS_ADMIN"]"#, "Task.CapAdd[1] is SYS_ADMIN: a task may have CHOWN, "),
            (r#""CapAdd":["SYS_ADMIN"]"#, "allowed with ORC_CAPABILITIES (NET_ADMIN)"),
            (r#""CapAdd":["NET"]"#, "Task.CapAdd[0]: \"NET\" is no capability"),
            (r#""CapDrop":["root"]"#, "Task.CapDrop[0]: \"root\" is no capability"),
            (r#""GroupAdd":["a:b"]"#, "Task.GroupAdd[0] is \"a:b\""),
            (r#""Ulimits":[{"Name":"rtprio","Soft":9,"Hard":9}]"#, "no task may have that"),
            (
                r#""Ulimits":[{"Name":"files","Soft":9,"Hard":9}]"#,
                "Task.Ulimits[0].Name is \"files\": there are core, ",
            ),
            (
                r#""Ulimits":[{"Name":"nofile","Soft":9,"Hard":8}]"#,
                "Task.Ulimits[0].Soft is 9 and above Hard, 8",
            ),
            (r#""Ulimits":[{"Name":"nofile","Soft":-1,"Hard":8}]"#, "Task.Ulimits[0].Soft is -1"),
            (r#""Ulimits":[{"Name":"nofile","Soft":-2,"Hard":-2}]"#, "or -1 for none"),
            (r#""Ulimits":[{"Name":"nofile","Soft":1}]"#, "Ulimits[0].Hard is missing"),
            (
                r#""Ulimits":[{"Name":"core","Soft":0,"Hard":0},{"Name":"core","Soft":1,"Hard":1}]"#,
                "Task.Ulimits[1].Name is \"core\", as before already",
            ),
            (r#""PidsLimit":-1"#, "Task.PidsLimit is -1: from 1 to 16384"),
            (r#""PidsLimit":0"#, "Task.PidsLimit is 0"),
            (r#""PidsLimit":16385"#, "Task.PidsLimit is 16385"),
            (r#""ShmSize":-1"#, "Task.ShmSize is -1"),
            (r#""Sysctls":{"kernel.core_pattern":"|/x"}"#, "Task.Sysctls[\"kernel.core_pattern\"]"),
            (r#""Sysctls":{"net.ipv4..x":"1"}"#, "Task.Sysctls[\"net.ipv4..x\"]"),
            (r#""Sysctls":{"net.ipv4.x/../y":"1"}"#, "all others are the node's"),
            (r#""Sysctls":{"net.core.rmem_max":"1"}"#, "all others are the node's"),
            (r#""Sysctls":{"kernel.sem":"1\n2"}"#, "no control characters"),
            (r#""ExtraHosts":["db"]"#, "Task.ExtraHosts[0] is \"db\""),
            (r#""ExtraHosts":["db=192.0.2.1"]"#, "Task.ExtraHosts[0] is"),
            (r#""ExtraHosts":["d b:192.0.2.1"]"#, "Task.ExtraHosts[0] is"),
            (r#""ExtraHosts":["db:example.org"]"#, "\"db:192.0.2.1\", or"),
        ] {
            let problem = options(fields).expect_err(fields);
            assert!(problem.contains(says), "{fields}: {problem}");
        }
    }
}
