//! What keeps a container apart from its node, and what leads out of it.

use std::collections::BTreeMap;

use crate::compose::place::Located;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::{Node, quote};

/// What a container may do, and what it shares with the node. A node's policy may refuse it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    /// Capabilities beyond the usual, as in `NET_ADMIN`.
    pub cap_add: Vec<String>,
    /// Capabilities taken away; `ALL` = all.
    pub cap_drop: Vec<String>,
    /// All rights on the node.
    pub privileged: bool,
    /// As in `no-new-privileges:true`.
    pub security_opt: Vec<String>,
    /// Whether its root file system cannot be written.
    pub read_only: bool,
    /// Devices of the node.
    pub devices: Vec<Located<Device>>,
    /// Rules of the device control group, as in `c 1:3 mr`.
    pub device_cgroup_rules: Vec<String>,
    /// Whose processes it sees.
    pub pid: Option<Located<Namespace>>,
    /// Whose shared memory it sees.
    pub ipc: Option<Located<Namespace>>,
    /// Kernel parameters of its own namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Limits of each process, by name as in `nofile`.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Bytes of `/dev/shm`; `None` = Docker's 64 MiB.
    pub shm_size: Option<u64>,
}

/// A device of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// On the node.
    pub source: String,
    /// In the container.
    pub target: String,
    /// Some of `rwm`.
    pub permissions: String,
}

/// A namespace that is not the container's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespace {
    /// The container's own, kept to itself.
    Private,
    /// The container's own, which others may share.
    Shareable,
    /// The node's.
    Host,
    /// That of a container of this service.
    Service(String),
}

/// A limit of each process; -1 = none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    /// What counts.
    pub soft: i64,
    /// What a process may raise it to.
    pub hard: i64,
}

pub(super) fn isolation(fields: &mut Fields<'_, '_>) -> Isolation {
    Isolation {
        cap_add: fields.optional("cap_add", read::texts).unwrap_or_default(),
        cap_drop: fields.optional("cap_drop", read::texts).unwrap_or_default(),
        privileged: fields.optional("privileged", read::truth).unwrap_or_default(),
        security_opt: fields.optional("security_opt", read::texts).unwrap_or_default(),
        read_only: fields.optional("read_only", read::truth).unwrap_or_default(),
        devices: fields.optional("devices", devices).unwrap_or_default(),
        device_cgroup_rules: fields.optional("device_cgroup_rules", read::texts).unwrap_or_default(),
        pid: fields.located("pid", namespace),
        ipc: fields.located("ipc", namespace),
        sysctls: fields.optional("sysctls", read::text_map).unwrap_or_default(),
        ulimits: fields.optional("ulimits", ulimits).unwrap_or_default(),
        shm_size: fields.optional("shm_size", read::bytes),
    }
}

fn devices(node: &Node, problems: &mut Problems) -> Option<Vec<Located<Device>>> {
    read::list(node, problems, |node, problems| {
        let mut fields = Fields::of(node, problems)?;
        let source = fields.required("source", read::text)?;
        let device = Device {
            target: fields.optional("target", read::text).unwrap_or_else(|| source.clone()),
            permissions: fields.optional("permissions", read::text).unwrap_or_else(|| "rwm".to_owned()),
            source,
        };
        Some(Located { value: device, at: node.at.clone() })
    })
}

fn namespace(node: &Node, problems: &mut Problems) -> Option<Namespace> {
    let text = read::text(node, problems)?;
    match (text.as_str(), text.strip_prefix("service:")) {
        ("host", _) => Some(Namespace::Host),
        ("private", _) => Some(Namespace::Private),
        ("shareable", _) => Some(Namespace::Shareable),
        (_, Some(service)) => Some(Namespace::Service(service.to_owned())),
        _ => {
            let says = "belongs to nobody; there are `private`, `shareable`, `host` and `service:NAME`";
            problems.error(&node.at, format!("the namespace {} {says}", quote(&text)));
            None
        }
    }
}

fn ulimits(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, Ulimit>> {
    let limit = || read::parsed("a whole number");
    read::map(node, problems, |node, problems| {
        let mut fields = Fields::of(node, problems)?;
        let ulimit =
            Ulimit { soft: fields.required("soft", limit())?, hard: fields.required("hard", limit())? };
        if ulimit.hard != -1 && ulimit.soft > ulimit.hard {
            fields.error(&node.at, "the soft limit is above the hard one; it may be as high at most");
        }
        Some(ulimit)
    })
}
