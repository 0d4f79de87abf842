//! Capabilities of Linux: the rights of root one by one, which a container keeps, gives up or is given.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A capability by its name without `CAP_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Capability(&'static str);

impl Capability {
    /// Stands for every one.
    pub const ALL: Self = Self("ALL");

    /// Those that a container has of which nothing is said. Of the 14 that Docker gives, the ones that the entrypoints of
    /// common server images need: they begin as root, prepare their files, and go on as somebody else.
    pub const USUAL: [Self; 9] = [
        // postgres, redis, mysql: `chown` of the data directory, which a new volume gives to root.
        Self("CHOWN"),
        // The same images, at the second start: root reads and writes what belongs to the service's user.
        Self("DAC_OVERRIDE"),
        // postgres: `chmod 0700` of a data directory that is not root's any more.
        Self("FOWNER"),
        // postgres: `chmod 3775 /var/run/postgresql` would lose its group bit without a word.
        Self("FSETID"),
        // nginx, apache, php-fpm: a master that is root tells workers that are not to end.
        Self("KILL"),
        // caddy, haproxy: the file has this capability on it, and could not be run without. Port 80 on older engines.
        Self("NET_BIND_SERVICE"),
        // gosu, su-exec, setpriv, nginx: becoming the service's user and group.
        Self("SETGID"),
        Self("SETUID"),
        // sshd, postfix, vsftpd: they lock those who are not logged in yet into an empty directory.
        Self("SYS_CHROOT"),
    ];

    /// Every one that there is.
    pub fn known() -> impl Iterator<Item = Self> {
        KNOWN.into_iter().map(Self)
    }

    /// The name without `CAP_`.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// What a container has that gives up `drop` and is given `add`: as with Docker, what is added is there whatever is dropped.
pub fn kept(add: &[Capability], drop: &[Capability]) -> Vec<Capability> {
    let is_dropped = |capability: &Capability| drop.contains(capability) || drop.contains(&Capability::ALL);
    let mut kept: Vec<Capability> =
        Capability::USUAL.into_iter().filter(|capability| !is_dropped(capability)).collect();
    for capability in add {
        if !kept.contains(capability) {
            kept.push(*capability);
        }
    }
    kept
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl std::str::FromStr for Capability {
    type Err = String;

    /// Reads `NET_ADMIN`, `CAP_NET_ADMIN` and `cap_net_admin`, as Docker does, and `ALL`.
    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if let Some(known) = KNOWN.iter().chain([&Self::ALL.0]).find(|known| **known == name) {
            return Ok(Self(known));
        }
        let shown: String = text.chars().take(32).collect();
        Err(format!("{shown:?} is no capability of Linux, as NET_ADMIN is"))
    }
}

/// Those of Linux 6.
const KNOWN: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Vec<Capability> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_capability_is_read_as_docker_reads_it() {
        for text in ["NET_ADMIN", "CAP_NET_ADMIN", "net_admin", "cap_net_admin"] {
            assert_eq!(text.parse::<Capability>().map(Capability::name), Ok("NET_ADMIN"), "{text}");
        }
        assert_eq!("all".parse(), Ok(Capability::ALL));
        for text in ["", "NET_ADMN", "CAP_", "CAP_CAP_CHOWN", "NET ADMIN", "CHOWN\0"] {
            assert!(text.parse::<Capability>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_dropped_goes_and_what_is_added_stays() {
        assert_eq!(kept(&[], &[]), Capability::USUAL);
        assert_eq!(kept(&[], &read(&["ALL"])), []);
        assert_eq!(kept(&read(&["NET_RAW", "CHOWN"]), &read(&["ALL"])), read(&["NET_RAW", "CHOWN"]));
        assert_eq!(kept(&read(&["KILL"]), &read(&["KILL", "CHOWN", "MKNOD"])).len(), 8);
    }
}
