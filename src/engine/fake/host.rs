//! The fake engine's own state and Docker's behaviour upon it, measured on Docker Engine 20.10. Nothing here
//! waits: what takes time is put on the agenda.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::agenda::{Agenda, Effect};
use super::container::{Body, FakeContainer};
use super::exec::Exec;
use super::image::{Program, Registry};
use super::network::FakeNetwork;
use crate::engine::EngineEvent;
use crate::model::container::{ContainerStatus, Failure, Identity, Owner};
use crate::model::id::{ContainerId, ExecId, TaskId, is_docker_name};
use crate::model::network::NetworkId;
use crate::model::spec::{Protocol, TaskSpec};
use crate::model::time::Timestamp;

/// Docker's own lower limit of a memory limit.
const LEAST_MEMORY: u64 = 6 << 20;
/// The first port that Docker gives out by itself.
const FIRST_RANDOM_PORT: u16 = 32768;
/// What a clock on the fake host's wall showed when it was made.
const WALL_AT_BIRTH: i64 = 1_795_332_379_690;

/// Everything on one fake engine.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) containers: BTreeMap<ContainerId, FakeContainer>,
    pub(super) images: BTreeMap<String, Program>,
    pub(super) registry: BTreeMap<String, Registry>,
    pub(super) networks: BTreeMap<NetworkId, FakeNetwork>,
    /// Programs in containers that did not end by themselves.
    pub(super) execs: BTreeMap<ExecId, Exec>,
    /// Named ones: they stay when their containers are gone.
    pub(super) volumes: BTreeSet<String>,
    pub(super) cores: u32,
    pub(super) memory: u64,
    /// Most containers of one attempt that ever lived at once.
    pub(super) peak_live: BTreeMap<(TaskId, u32), usize>,
    pub(super) events: broadcast::Sender<(Owner, EngineEvent)>,
    /// Told whenever something has happened or has been put on the agenda.
    pub(super) changes: watch::Sender<()>,
    pub(super) agenda: Agenda,
    now: Instant,
    born: Instant,
    next_id: u64,
    next_port: u16,
}

impl Host {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            containers: BTreeMap::new(),
            images: BTreeMap::new(),
            registry: BTreeMap::new(),
            networks: BTreeMap::new(),
            execs: BTreeMap::new(),
            volumes: BTreeSet::new(),
            cores: 4,
            memory: 8 << 30,
            peak_live: BTreeMap::new(),
            events: broadcast::channel(256).0,
            changes: watch::channel(()).0,
            agenda: Agenda::default(),
            now,
            born: now,
            next_id: 1,
            next_port: FIRST_RANDOM_PORT,
        }
    }

    /// Lets everything happen that is due by `now`.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some((due, effect)) = self.agenda.take_due(now) {
            self.now = due;
            effect(self);
        }
        self.now = now;
    }

    /// Puts something on the agenda.
    pub(super) fn later(&mut self, after: Duration, effect: Effect) {
        self.agenda.put(self.now + after, effect);
        self.changes.send_replace(());
    }

    /// The host's wall clock.
    pub(super) fn wall(&self) -> Timestamp {
        let passed = (self.now - self.born).as_millis();
        Timestamp::from_millis(WALL_AT_BIRTH.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)))
    }

    /// A container by its ID or name.
    pub(super) fn find(&self, id_or_name: &str) -> Result<&FakeContainer, Failure> {
        let met = |container: &&FakeContainer| container.id.0 == id_or_name || container.name == id_or_name;
        self.containers
            .values()
            .find(met)
            .ok_or_else(|| Failure::Missing(format!("No such container: {id_or_name}")))
    }

    pub(super) fn find_mut(&mut self, id_or_name: &str) -> Result<&mut FakeContainer, Failure> {
        let id = self.find(id_or_name)?.id.clone();
        self.containers.get_mut(&id).ok_or_else(|| Failure::Missing(format!("No such container: {id}")))
    }

    /// An ID that nothing else has.
    pub(super) fn new_id(&mut self) -> String {
        let id = format!("{:064x}", self.next_id);
        self.next_id += 1;
        id
    }

    /// Tells everybody who listens.
    pub(super) fn tell(&self, id: &ContainerId, action: &str) {
        self.changes.send_replace(());
        let Some(container) = self.containers.get(id) else { return };
        let Some((owner, identity)) = &container.owned else { return };
        let signal = (action == "kill").then_some(15);
        let exit = container.body.exit.clone().filter(|_| action == "die");
        let event = EngineEvent {
            container: id.clone(),
            task: identity.task,
            action: action.to_owned(),
            signal,
            exit,
        };
        // Nobody listening is no error.
        let _ = self.events.send((owner.clone(), event));
    }

    /// `POST /containers/create`: checks in Docker's order.
    pub(super) fn create(
        &mut self,
        owned: Option<(Owner, Identity)>,
        name: &str,
        spec: &TaskSpec,
    ) -> Result<ContainerId, Failure> {
        if spec.memory != 0 && spec.memory < LEAST_MEMORY {
            return Err(Failure::Refused("Minimum memory limit allowed is 6MB".to_owned()));
        }
        if spec.cpu < 0.0 || spec.cpu > f64::from(self.cores) {
            let most = self.cores;
            return Err(Failure::Refused(format!(
                "Range of CPUs is from 0.01 to {most}.00, as there are only {most} CPUs available"
            )));
        }
        let image = with_tag(&spec.image);
        let program = self
            .images
            .get(&image)
            .ok_or_else(|| Failure::Missing(format!("No such image: {image}")))?
            .clone();
        if !is_docker_name(name) {
            return Err(Failure::Refused(format!(
                "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )));
        }
        if let Ok(holder) = self.find(name) {
            return Err(name_is_taken(name, &holder.id));
        }
        if let Some(failure) = self.absent_network(&spec.options().networks) {
            return Err(failure);
        }
        self.volumes.extend(spec.named_volumes().map(str::to_owned));
        let id = ContainerId(self.new_id());
        self.containers
            .insert(id.clone(), FakeContainer::new(id.clone(), name, owned, spec.clone(), program));
        self.tell(&id, "create");
        Ok(id)
    }

    /// `POST /containers/{id}/start`.
    pub(super) fn start(&mut self, id: &ContainerId) -> Result<(), Failure> {
        let wall = self.wall();
        let container = self.find(&id.0)?;
        match container.status {
            ContainerStatus::Running | ContainerStatus::Restarting => return Ok(()),
            ContainerStatus::Paused => {
                return Err(Failure::Conflict(
                    "cannot start a paused container, try unpause instead".to_owned(),
                ));
            }
            ContainerStatus::Removing | ContainerStatus::Dead => {
                return Err(Failure::Conflict(
                    "container is marked for removal and cannot be started".to_owned(),
                ));
            }
            _ => {}
        }
        let (program, ports) = (container.program.clone(), self.allocate(container));
        let problem = ports.as_ref().err().map(|text| (128, text.clone()));
        if let Some((code, text)) = problem.or_else(|| program.refuses.clone().map(|text| (127, text))) {
            self.find_mut(&id.0)?.body.fail_to_start(code, &text);
            return Err(Failure::Refused(text));
        }
        let container = self.find_mut(&id.0)?;
        container.status = ContainerStatus::Running;
        container.host_ports = ports.unwrap_or_default();
        container.address = container.own_address();
        container.health = program.health;
        container.body = Body { started_at: Some(wall), lives: container.body.lives + 1, ..Body::default() };
        container.write_lines(wall, &program.writes);
        let life = container.body.lives;
        if let Some((after, code)) = program.ends {
            let id = id.clone();
            self.later(after, Box::new(move |host| host.end_life(&id, life, code)));
        }
        self.count_live(id);
        self.tell(id, "start");
        Ok(())
    }

    /// `POST /containers/{id}/unpause`.
    pub(super) fn unpause(&mut self, id: &ContainerId) -> Result<(), Failure> {
        let container = self.find_mut(&id.0)?;
        if container.status == ContainerStatus::Paused {
            container.status = ContainerStatus::Running;
            self.tell(id, "unpause");
        }
        Ok(())
    }

    /// `POST /containers/{id}/stop`: when it will have ended.
    pub(super) fn stop(&mut self, id: &ContainerId) -> Result<Duration, Failure> {
        let container = self.find(&id.0)?;
        if !container.status.is_live() {
            return Ok(Duration::ZERO);
        }
        let grace = Duration::from_secs(container.spec.stop_timeout.unwrap_or(10).into());
        // The signal thaws a paused container, whose program then does as it always does.
        let (wait, code) = container.program.stops_with.map_or((grace, 137), |code| (Duration::ZERO, code));
        let life = container.body.lives;
        self.tell(id, "kill");
        let id = id.clone();
        let end: Effect = Box::new(move |host| host.end_life(&id, life, code));
        if wait.is_zero() {
            end(self);
        } else {
            self.later(wait, end);
        }
        Ok(wait)
    }

    /// `DELETE /containers/{id}?force=true&v=true`.
    pub(super) fn remove(&mut self, id: &ContainerId) -> Result<(), Failure> {
        let Ok(container) = self.find(&id.0) else { return Ok(()) };
        if container.status == ContainerStatus::Removing {
            return Err(Failure::Conflict(format!("removal of container {id} is already in progress")));
        }
        self.end(id, 137);
        self.tell(id, "destroy");
        self.containers.remove(id);
        Ok(())
    }

    /// `POST /containers/{id}/rename?name=…`.
    pub(super) fn rename(&mut self, id: &ContainerId, name: &str) -> Result<(), Failure> {
        let holder = self.find(name).ok().map(|holder| holder.id.clone());
        let container = self.find_mut(&id.0)?;
        match holder {
            Some(holder) if holder == *id => return Ok(()),
            Some(holder) => return Err(name_is_taken(name, &holder)),
            None => name.clone_into(&mut container.name),
        }
        self.tell(id, "rename");
        Ok(())
    }

    /// `POST /containers/{id}/update`.
    pub(super) fn restore_limits(&mut self, id: &ContainerId) -> Result<(), Failure> {
        self.find_mut(&id.0)?.limits_as_set = true;
        self.tell(id, "update");
        Ok(())
    }

    /// The container's processes end, if they live.
    pub(super) fn end(&mut self, id: &ContainerId, code: i64) {
        let wall = self.wall();
        let Ok(container) = self.find_mut(&id.0) else { return };
        if container.status.is_live() {
            container.end(wall, code);
            self.tell(id, "die");
        }
    }

    /// The same, unless it has been started anew since.
    fn end_life(&mut self, id: &ContainerId, life: u32, code: i64) {
        if self.find(&id.0).is_ok_and(|container| container.body.lives == life) {
            self.end(id, code);
        }
    }

    /// Host ports for a container that starts: wanted ones exactly, others the next free ones.
    fn allocate(&self, container: &FakeContainer) -> Result<crate::model::task::HostPorts, String> {
        let mut taken: BTreeSet<(Protocol, u16)> =
            self.containers.values().flat_map(FakeContainer::held_ports).collect();
        let mut next = self.next_port;
        container.publish(|protocol, wanted| {
            let port = wanted.unwrap_or_else(|| {
                while taken.contains(&(protocol, next)) {
                    next = next.checked_add(1).unwrap_or(FIRST_RANDOM_PORT);
                }
                next
            });
            if taken.insert((protocol, port)) { Ok(port) } else { Err(port_conflict(port)) }
        })
    }

    fn count_live(&mut self, id: &ContainerId) {
        let identity = self.containers.get(id).and_then(|container| container.owned.clone());
        let Some((_, Identity { task, attempt, .. })) = identity else { return };
        let live = self.live(task, attempt);
        let peak = self.peak_live.entry((task, attempt)).or_default();
        *peak = live.max(*peak);
    }

    /// How many containers of this attempt live.
    pub(super) fn live(&self, task: TaskId, attempt: u32) -> usize {
        let of_attempt = |container: &&FakeContainer| {
            container.owned.as_ref().is_some_and(|(_, own)| own.task == task && own.attempt == attempt)
        };
        self.containers.values().filter(of_attempt).filter(|container| container.status.is_live()).count()
    }
}

fn name_is_taken(name: &str, holder: &ContainerId) -> Failure {
    Failure::Conflict(format!(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\"."
    ))
}

fn port_conflict(port: u16) -> String {
    format!(
        "driver failed programming external connectivity: Bind for 0.0.0.0:{port} failed: port is already allocated"
    )
}

/// As Docker completes a reference.
pub(super) fn with_tag(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}
