//! What a service may use, and what is kept for it. The short keys (`cpus`, `mem_limit` …) and those under `deploy`
//! say the same.

use std::collections::BTreeMap;

use crate::compose::place::Located;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::Node;

/// Limits and reservations of each container.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resources {
    /// What it may use at most.
    pub limits: Limits,
    /// What a node must have left for it.
    pub reservations: Reservations,
}

/// What a container may use at most; `None` = no limit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// Cores.
    pub cpus: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<i64>,
}

/// What a node must have left.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reservations {
    /// Cores.
    pub cpus: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Devices, those of `gpus` included.
    pub devices: Vec<Located<DeviceRequest>>,
}

/// Devices that are described, not named: GPUs, mostly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// What they can do, as in `gpu`.
    pub capabilities: Vec<String>,
    /// Whose they are, as in `nvidia`.
    pub driver: Option<String>,
    /// Which of them.
    pub which: WhichDevices,
    /// The driver's own.
    pub options: BTreeMap<String, String>,
}

/// Which of the devices that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichDevices {
    /// All of them.
    All,
    /// So many.
    Count(u32),
    /// These.
    Ids(Vec<String>),
}

pub(super) fn resources(fields: &mut Fields<'_, '_>) -> Resources {
    let short = Resources {
        limits: Limits {
            cpus: fields.optional("cpus", limit_of_cores),
            memory: fields.optional("mem_limit", limit_of_bytes),
            pids: fields.optional("pids_limit", pids),
        },
        reservations: Reservations {
            cpus: None,
            memory: fields.optional("mem_reservation", limit_of_bytes),
            devices: fields.optional("gpus", gpus).unwrap_or_default(),
        },
    };
    let places = ["cpus", "mem_limit", "pids_limit", "mem_reservation"].map(|key| fields.place(key));
    let deployed = fields.inner("deploy").and_then(|mut deploy| deploy.optional("resources", deployed));
    let Some(deployed) = deployed else { return short };
    let differ = [
        differ(short.limits.cpus, deployed.limits.cpus),
        differ(short.limits.memory, deployed.limits.memory),
        differ(short.limits.pids, deployed.limits.pids),
        differ(short.reservations.memory, deployed.reservations.memory),
    ];
    for (place, _) in places.into_iter().zip(differ).filter(|(_, differ)| *differ) {
        if let Some(at) = place {
            fields.error(&at, "`deploy.resources` says something else; say it in one place");
        }
    }
    both(short, deployed)
}

fn differ<T: PartialEq + Copy>(short: Option<T>, deployed: Option<T>) -> bool {
    short.is_some() && deployed.is_some() && short != deployed
}

fn both(short: Resources, deployed: Resources) -> Resources {
    let mut devices = short.reservations.devices;
    devices.extend(deployed.reservations.devices);
    Resources {
        limits: Limits {
            cpus: deployed.limits.cpus.or(short.limits.cpus),
            memory: deployed.limits.memory.or(short.limits.memory),
            pids: deployed.limits.pids.or(short.limits.pids),
        },
        reservations: Reservations {
            cpus: deployed.reservations.cpus,
            memory: deployed.reservations.memory.or(short.reservations.memory),
            devices,
        },
    }
}

fn deployed(node: &Node, problems: &mut Problems) -> Option<Resources> {
    let mut fields = Fields::of(node, problems)?;
    let mut resources = Resources::default();
    if let Some(mut limits) = fields.inner("limits") {
        resources.limits = Limits {
            cpus: limits.optional("cpus", limit_of_cores),
            memory: limits.optional("memory", limit_of_bytes),
            pids: limits.optional("pids", pids),
        };
    }
    if let Some(mut reservations) = fields.inner("reservations") {
        resources.reservations = Reservations {
            cpus: reservations.optional("cpus", limit_of_cores),
            memory: reservations.optional("memory", limit_of_bytes),
            devices: reservations.optional("devices", devices).unwrap_or_default(),
        };
    }
    Some(resources)
}

/// 0 is no limit, in Docker's words.
fn limit_of_cores(node: &Node, problems: &mut Problems) -> Option<f64> {
    read::amount(node, problems).filter(|cores| *cores > 0.0)
}

fn limit_of_bytes(node: &Node, problems: &mut Problems) -> Option<u64> {
    read::bytes(node, problems).filter(|bytes| *bytes > 0)
}

/// 0 and -1 are no limit, in Docker's words.
fn pids(node: &Node, problems: &mut Problems) -> Option<i64> {
    read::parsed("a whole number")(node, problems).filter(|pids: &i64| *pids > 0)
}

fn devices(node: &Node, problems: &mut Problems) -> Option<Vec<Located<DeviceRequest>>> {
    read::list(node, problems, |node, problems| {
        let mut fields = Fields::of(node, problems)?;
        let capabilities = fields.required("capabilities", read::texts)?;
        let value = device(&mut fields, capabilities);
        Some(Located { value, at: node.at.clone() })
    })
}

fn gpus(node: &Node, problems: &mut Problems) -> Option<Vec<Located<DeviceRequest>>> {
    read::list(node, problems, |node, problems| {
        let mut fields = Fields::of(node, problems)?;
        let mut capabilities = fields.optional("capabilities", read::texts).unwrap_or_default();
        if !capabilities.iter().any(|capability| capability == "gpu") {
            capabilities.push("gpu".to_owned());
        }
        let value = device(&mut fields, capabilities);
        Some(Located { value, at: node.at.clone() })
    })
}

fn device(fields: &mut Fields<'_, '_>, capabilities: Vec<String>) -> DeviceRequest {
    let ids = fields.located("device_ids", read::texts);
    let count = fields.optional("count", count);
    if let (Some(ids), Some(_)) = (&ids, &count) {
        fields.error(&ids.at, "`count` and `device_ids` are both here; keep one of them");
    }
    DeviceRequest {
        capabilities,
        driver: fields.optional("driver", read::text),
        which: ids.map(|ids| WhichDevices::Ids(ids.value)).or(count).unwrap_or(WhichDevices::All),
        options: fields.optional("options", read::text_map).unwrap_or_default(),
    }
}

fn count(node: &Node, problems: &mut Problems) -> Option<WhichDevices> {
    match node.as_text() {
        Some("all" | "-1") => Some(WhichDevices::All),
        _ => read::count(node, problems).map(WhichDevices::Count),
    }
}
