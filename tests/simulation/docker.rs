//! A simulated Docker Engine: what it does when it is asked, as measured on Docker Engine 20.10. Whether and when it
//! is asked, and whether anybody hears the answer, is the world's business.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orc::model::container::{Container, ContainerStatus, Details, Exit, Failure, Identity, Owner};
use orc::model::id::ContainerId;
use orc::model::spec::{Protocol, TaskSpec};
use orc::model::state::Health;
use orc::model::task::{HostBinding, HostPorts};
use orc::model::time::Timestamp;

/// One engine.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault that comes and goes by itself")]
pub(crate) struct Docker {
    /// Runs and can be reached.
    pub(crate) up: bool,
    pub(crate) frozen: bool,
    pub(crate) lists_fail: bool,
    pub(crate) refuses_starts: bool,
    pub(crate) images: BTreeSet<String>,
    /// Named volumes: they stay when their containers go.
    pub(crate) volumes: BTreeSet<String>,
    pub(crate) containers: BTreeMap<ContainerId, Body>,
    /// What happened since the world looked last.
    pub(crate) deeds: Vec<Deed>,
    /// Ended containers that it still cleans up after, and until when: lists show them as they were, their ports are
    /// taken, and questions about them wait.
    pub(crate) cleaning: BTreeMap<ContainerId, u64>,
    next_id: u64,
    next_port: u16,
}

/// One container.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) id: ContainerId,
    pub(crate) name: String,
    /// Whose it is by its labels; `None` = a stranger's without any.
    pub(crate) owned: Option<(Owner, Identity)>,
    pub(crate) spec: Option<Arc<TaskSpec>>,
    pub(crate) status: ContainerStatus,
    pub(crate) exit: Option<Exit>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) host_ports: HostPorts,
    pub(crate) limits_as_set: bool,
    /// Its health endpoint answers 500.
    pub(crate) sick: bool,
    /// Its probe of readiness, where that is one of its own, fails until then, milliseconds.
    pub(crate) sulks_until: u64,
    /// How often it was started.
    pub(crate) life: u32,
    /// A stranger started it once more.
    pub(crate) revived: bool,
}

/// Why a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// By itself.
    Own,
    /// The worker asked for it.
    Asked,
    /// A stranger, the engine or the power.
    Other,
}

/// Something that happened on an engine.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    /// The container after it.
    pub(crate) body: Body,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Created,
    Started,
    /// Somebody sent it a signal that ends it.
    Signalled(Signal),
    Ended(Cause),
    Removing(Cause),
    Gone,
    /// Something else that the engine calls out.
    Changed,
}

/// How a container is ended by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Term,
    Kill,
}

impl Docker {
    pub(crate) fn new() -> Self {
        Self { up: true, next_port: 32_768, ..Self::default() }
    }

    fn deed(&mut self, id: &ContainerId, what: What) {
        if let Some(body) = self.containers.get(id) {
            self.deeds.push(Deed { body: body.clone(), what });
        }
    }

    /// A container of a stranger, running.
    pub(crate) fn decoy(&mut self, name: &str, owned: Option<(Owner, Identity)>) {
        let body = Body { status: ContainerStatus::Running, ..self.body(name, owned, None) };
        self.containers.insert(body.id.clone(), body);
    }

    fn body(&mut self, name: &str, owned: Option<(Owner, Identity)>, spec: Option<Arc<TaskSpec>>) -> Body {
        self.next_id += 1;
        Body {
            id: ContainerId(format!("{:064x}", self.next_id)),
            name: name.to_owned(),
            owned,
            spec,
            status: ContainerStatus::Created,
            exit: None,
            started_at: None,
            host_ports: HostPorts::new(),
            limits_as_set: true,
            sick: false,
            sulks_until: 0,
            life: 0,
            revived: false,
        }
    }

    fn find(&mut self, id: &ContainerId) -> Result<&mut Body, Failure> {
        self.containers.get_mut(id).ok_or_else(|| Failure::Missing(format!("No such container: {id}")))
    }

    pub(crate) fn list(&self, owner: &Owner, now: u64) -> Result<Vec<Container>, Failure> {
        if self.lists_fail {
            return Err(Failure::Unknown("the list was cut off".to_owned()));
        }
        let shown = self.containers.values().filter_map(|body| {
            let mut seen = body.seen_by(owner)?;
            if self.cleans_up(&body.id, now).is_some() && body.status == ContainerStatus::Exited {
                seen.status = ContainerStatus::Running;
                seen.host_ports.clone_from(&body.host_ports);
            }
            Some(seen)
        });
        Ok(shown.collect())
    }

    /// Until when it cleans up after a container.
    pub(crate) fn cleans_up(&self, id: &ContainerId, now: u64) -> Option<u64> {
        self.cleaning.get(id).copied().filter(|until| *until > now)
    }

    pub(crate) fn inspect(&self, owner: &Owner, id_or_name: &str) -> Result<Container, Failure> {
        let named = |body: &&Body| body.id.0 == id_or_name || body.name == id_or_name;
        let body = self.containers.values().find(named);
        let body = body.ok_or_else(|| Failure::Missing(format!("No such container: {id_or_name}")))?;
        let seen = body.seen_by(owner).ok_or_else(|| Failure::Conflict("it is a stranger's".to_owned()))?;
        Ok(Container { details: Some(body.details()), ..seen })
    }

    pub(crate) fn create(
        &mut self,
        owner: &Owner,
        name: &str,
        identity: &Identity,
        spec: &Arc<TaskSpec>,
    ) -> Result<ContainerId, Failure> {
        if !self.images.contains(&spec.image) {
            return Err(Failure::Missing(format!("No such image: {}", spec.image)));
        }
        if self.containers.values().any(|body| body.name == name) {
            return Err(Failure::Conflict(format!("the name {name} is in use")));
        }
        let body = self.body(name, Some((owner.clone(), identity.clone())), Some(spec.clone()));
        let id = body.id.clone();
        self.volumes.extend(spec.named_volumes().map(ToOwned::to_owned));
        self.containers.insert(id.clone(), body);
        self.deed(&id, What::Created);
        Ok(id)
    }

    pub(crate) fn start(&mut self, id: &ContainerId, wall: Timestamp, now: u64) -> Result<(), Failure> {
        let refuses = self.refuses_starts;
        let body = self.find(id)?;
        match body.status {
            ContainerStatus::Running => return Ok(()),
            ContainerStatus::Created | ContainerStatus::Exited => {}
            _ => return Err(Failure::Conflict("it cannot be started in this state".to_owned())),
        }
        let body = body.clone();
        if refuses || self.port_is_taken(&body, now) {
            return Err(Failure::Refused("port is already allocated".to_owned()));
        }
        let host_ports = self.publish(&body);
        let body = self.find(id)?;
        body.status = ContainerStatus::Running;
        body.host_ports = host_ports;
        body.started_at = Some(wall);
        body.exit = None;
        body.sick = false;
        body.sulks_until = 0;
        body.life += 1;
        self.deed(id, What::Started);
        Ok(())
    }

    fn port_is_taken(&self, wanting: &Body, now: u64) -> bool {
        let ports = |body: &Body| -> Vec<(Protocol, u16)> {
            body.spec.as_ref().map_or_else(Vec::new, |spec| spec.fixed_host_ports().collect())
        };
        let wanted = ports(wanting);
        let holds = |body: &&Body| body.status.is_live() || self.cleans_up(&body.id, now).is_some();
        self.containers
            .values()
            .filter(holds)
            .any(|body| ports(body).iter().any(|port| wanted.contains(port)))
    }

    fn publish(&mut self, body: &Body) -> HostPorts {
        let exposed = body.spec.iter().flat_map(|spec| spec.exposed_ports.iter().flatten());
        let mut published = HostPorts::new();
        for (port, _) in exposed {
            self.next_port = self.next_port.checked_add(1).unwrap_or(32_768);
            let binding =
                HostBinding { host_ip: "0.0.0.0".to_owned(), host_port: self.next_port.to_string() };
            published.insert(*port, vec![binding]);
        }
        published
    }

    pub(crate) fn unpause(&mut self, id: &ContainerId) -> Result<(), Failure> {
        let body = self.find(id)?;
        if body.status == ContainerStatus::Paused {
            body.status = ContainerStatus::Running;
            self.deed(id, What::Changed);
        }
        Ok(())
    }

    pub(crate) fn rename(&mut self, id: &ContainerId, name: &str) -> Result<(), Failure> {
        if self.containers.values().any(|body| body.name == name && body.id != *id) {
            return Err(Failure::Conflict(format!("the name {name} is in use")));
        }
        name.clone_into(&mut self.find(id)?.name);
        self.deed(id, What::Changed);
        Ok(())
    }

    /// Signals a container to end; its life, when it has one to end.
    pub(crate) fn signal(&mut self, id: &ContainerId, signal: Signal) -> Result<Option<u32>, Failure> {
        let body = self.find(id)?;
        if !body.status.is_live() {
            return Ok(None);
        }
        let life = body.life;
        self.deed(id, What::Signalled(signal));
        Ok(Some(life))
    }

    /// Its processes end, if they are still of that life.
    pub(crate) fn end(&mut self, id: &ContainerId, life: u32, code: i64, cause: Cause, wall: Timestamp) {
        let Ok(body) = self.find(id) else { return };
        if body.status.is_live() && body.life == life {
            body.status = ContainerStatus::Exited;
            body.exit = Some(Exit { code, oom_killed: false, finished_at: Some(wall) });
            self.deed(id, What::Ended(cause));
        }
    }

    /// Ends a container by force, and begins to remove it; [`Docker::gone`] ends that.
    pub(crate) fn begin_removal(
        &mut self,
        id: &ContainerId,
        cause: Cause,
        wall: Timestamp,
    ) -> Result<(), Failure> {
        let Ok(body) = self.find(id) else { return Ok(()) };
        if body.status == ContainerStatus::Removing {
            return Err(Failure::Conflict("removal is already in progress".to_owned()));
        }
        let life = body.life;
        self.end(id, life, 137, cause, wall);
        self.deed(id, What::Removing(cause));
        self.find(id)?.status = ContainerStatus::Removing;
        Ok(())
    }

    /// A removal that was begun is done.
    pub(crate) fn gone(&mut self, id: &ContainerId) {
        if self.containers.get(id).is_some_and(|body| body.status == ContainerStatus::Removing) {
            self.deed(id, What::Gone);
            self.containers.remove(id);
        }
    }

    pub(crate) fn restore_limits(&mut self, id: &ContainerId) -> Result<(), Failure> {
        self.find(id)?.limits_as_set = true;
        self.deed(id, What::Changed);
        Ok(())
    }

    /// Something that somebody else does to it.
    pub(crate) fn meddle(&mut self, id: &ContainerId, with: impl FnOnce(&mut Body)) {
        if let Ok(body) = self.find(id) {
            with(body);
            self.deed(id, What::Changed);
        }
    }
}

impl Body {
    /// As a list shows it to `owner`; nothing when it is not its own.
    pub(crate) fn seen_by(&self, owner: &Owner) -> Option<Container> {
        let (_, identity) = self.owned.as_ref().filter(|(holder, _)| holder == owner)?;
        let shows_ports = self.status.is_live();
        Some(Container {
            id: self.id.clone(),
            name: self.name.clone(),
            identity: identity.clone(),
            status: self.status.clone(),
            health: Health::None,
            host_ports: if shows_ports { self.host_ports.clone() } else { HostPorts::new() },
            address: shows_ports.then(|| [172, 17, 0, 2].into()),
            details: None,
        })
    }

    fn details(&self) -> Details {
        Details {
            started_at: self.started_at,
            exit: self.exit.clone(),
            error: String::new(),
            limits_as_set: self.limits_as_set,
        }
    }
}
