//! One container of the fake engine.

use std::net::IpAddr;

use super::image::Program;
use crate::model::container::{Container, ContainerStatus, Details, Exit, Identity, Owner};
use crate::model::id::ContainerId;
use crate::model::spec::{Protocol, PublishMode, TaskSpec};
use crate::model::state::Health;
use crate::model::task::{HostBinding, HostPorts};
use crate::model::time::Timestamp;

/// A container, ours or a stranger's.
#[derive(Debug, Clone)]
pub(super) struct FakeContainer {
    pub(super) id: ContainerId,
    pub(super) name: String,
    /// What its labels say; `None` = it has none of orc's.
    pub(super) owned: Option<(Owner, Identity)>,
    pub(super) spec: TaskSpec,
    pub(super) program: Program,
    pub(super) status: ContainerStatus,
    pub(super) health: Health,
    pub(super) host_ports: HostPorts,
    /// On the engine's bridge, while it runs.
    pub(super) address: Option<IpAddr>,
    pub(super) limits_as_set: bool,
    pub(super) body: Body,
    pub(super) output: Vec<Line>,
}

/// What there is to tell of a container's life.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    /// How often it was started.
    pub(super) lives: u32,
    pub(super) started_at: Option<Timestamp>,
    pub(super) exit: Option<Exit>,
    pub(super) error: String,
}

impl Body {
    pub(super) fn fail_to_start(&mut self, code: i64, text: &str) {
        self.exit = Some(Exit { code, oom_killed: false, finished_at: None });
        text.clone_into(&mut self.error);
    }
}

/// A line that a container wrote.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) stderr: bool,
    pub(super) text: String,
}

impl FakeContainer {
    pub(super) fn new(
        id: ContainerId,
        name: &str,
        owned: Option<(Owner, Identity)>,
        spec: TaskSpec,
        program: Program,
    ) -> Self {
        Self {
            id,
            name: name.to_owned(),
            owned,
            spec,
            program,
            status: ContainerStatus::Created,
            health: Health::None,
            host_ports: HostPorts::new(),
            address: None,
            limits_as_set: true,
            body: Body::default(),
            output: Vec::new(),
        }
    }

    /// As a list shows it; `None` for a stranger's.
    pub(super) fn summary(&self) -> Option<Container> {
        let (_, identity) = self.owned.as_ref()?;
        Some(Container {
            id: self.id.clone(),
            name: self.name.clone(),
            identity: identity.clone(),
            status: self.status.clone(),
            health: self.health,
            host_ports: self.host_ports.clone(),
            address: self.address,
            details: None,
        })
    }

    /// What an inspection adds.
    pub(super) fn details(&self) -> Details {
        Details {
            started_at: self.body.started_at,
            exit: self.body.exit.clone(),
            error: self.body.error.clone(),
            limits_as_set: self.limits_as_set,
        }
    }

    /// What Docker gives it on its bridge when it starts: here by its number.
    pub(super) fn own_address(&self) -> Option<IpAddr> {
        /// 172.17.0.1, which is the host's own.
        const GATEWAY: u32 = 0xac11_0001;
        let number = u32::from_str_radix(self.id.0.get(56..)?, 16).ok()?;
        Some(IpAddr::V4((GATEWAY + number).into()))
    }

    /// Its processes end.
    pub(super) fn end(&mut self, at: Timestamp, code: i64) {
        self.status = ContainerStatus::Exited;
        self.health = Health::None;
        self.host_ports.clear();
        self.address = None;
        self.body.exit = Some(Exit { code, oom_killed: false, finished_at: Some(at) });
    }

    /// Publishes every port of task and image on what `choose` gives for the wanted host port.
    pub(super) fn publish(
        &self,
        mut choose: impl FnMut(Protocol, Option<u16>) -> Result<u16, String>,
    ) -> Result<HostPorts, String> {
        let spec = &self.spec;
        let exposed = spec.exposed_ports.iter().flat_map(|ports| ports.keys()).chain(&self.program.exposes);
        let bound = spec.port_bindings.iter().flat_map(|ports| ports.keys());
        let mut published = HostPorts::new();
        for port in exposed.chain(bound) {
            if published.contains_key(port) {
                continue;
            }
            let wanted = spec.port_bindings.as_ref().filter(|_| spec.publish_mode == PublishMode::Host);
            let wanted = wanted.and_then(|bindings| bindings.get(port)).map(|host| host.0);
            let host_port = choose(port.protocol, wanted)?.to_string();
            let binding = |ip: &str| HostBinding { host_ip: ip.to_owned(), host_port: host_port.clone() };
            published.insert(*port, vec![binding("0.0.0.0"), binding("::")]);
        }
        Ok(published)
    }

    /// The host ports that it holds now.
    pub(super) fn held_ports(&self) -> impl Iterator<Item = (Protocol, u16)> + '_ {
        let number = |binding: &HostBinding| binding.host_port.parse().ok();
        self.host_ports.iter().flat_map(move |(port, bindings)| {
            bindings.iter().filter_map(number).map(|number| (port.protocol, number))
        })
    }

    pub(super) fn write_lines(&mut self, at: Timestamp, lines: &[String]) {
        self.output.extend(lines.iter().map(|text| Line { at, stderr: false, text: text.clone() }));
    }
}
