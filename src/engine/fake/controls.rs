//! What a test does to a fake engine from outside: images, faults, and everything that happens to containers.
//!
//! Containers are named by ID or name; one that is not there is left alone, as a race would have it.

use std::time::Duration;

use super::faults::{Fault, Rule, Rules, Verb};
use super::image::{Program, Registry};
use super::{Fake, host};
use crate::model::container::{ContainerStatus, Failure};
use crate::model::id::ContainerId;
use crate::model::spec::TaskSpec;
use crate::model::state::Health;

impl Fake {
    /// The host has this image, and its containers do this.
    pub fn add_image(&self, image: &str, program: Program) {
        self.world().host.images.insert(host::with_tag(image), program);
    }

    /// The host does not have this image any more; containers of it live on.
    pub fn remove_image(&self, image: &str) {
        self.world().host.images.remove(&host::with_tag(image));
    }

    /// What a pull of this image meets. A pull of an image without this finds no such image.
    pub fn set_registry(&self, image: &str, registry: Registry) {
        self.world().host.registry.insert(host::with_tag(image), registry);
    }

    /// The size of the host.
    pub fn set_size(&self, cores: u32, memory: u64) {
        let host = &mut self.world().host;
        (host.cores, host.memory) = (cores, memory);
    }

    /// The next call of this method meets this fault.
    pub fn fault_once(&self, verb: Verb, fault: Fault) {
        self.add_rule(Rule { verb, task: None, fault, times: 1 });
    }

    /// Every call of this method meets this fault, until [`Fake::heal`].
    pub fn fault_always(&self, verb: Verb, fault: Fault) {
        self.add_rule(Rule { verb, task: None, fault, times: u32::MAX });
    }

    /// Calls meet this fault; of several rules the oldest that fits.
    pub fn add_rule(&self, rule: Rule) {
        self.world().rules.add(rule);
    }

    /// No more faults, and the engine can be reached.
    pub fn heal(&self) {
        let mut world = self.world();
        world.rules = Rules::default();
        world.reachable = true;
    }

    /// The engine is away: every call is [`Failure::Unreachable`], and event streams break. Containers live on.
    pub fn disconnect(&self) {
        let mut world = self.world();
        world.reachable = false;
        // No stream open is no error.
        let _ = world.breaks.send(());
    }

    /// The engine is there again, with everything that went on meanwhile.
    pub fn reconnect(&self) {
        self.world().reachable = true;
    }

    /// Event streams break, and nothing else.
    pub fn break_events(&self) {
        let _ = self.world().breaks.send(());
    }

    /// The engine restarts without live-restore: whatever ran has exited with 137, and event streams break.
    pub fn restart(&self) {
        let mut world = self.world();
        let ids: Vec<_> = world.host.containers.keys().cloned().collect();
        let _ = world.breaks.send(());
        for id in ids {
            world.host.end(&id, 137);
        }
        world.reachable = true;
    }

    /// Its program ends by itself.
    pub fn exit(&self, container: &str, code: i64) {
        self.on(container, |host, id| host.end(id, code));
    }

    /// Its program ends by itself when this time has passed.
    pub fn exit_after(&self, container: &str, time: Duration, code: i64) {
        self.on(container, |host, id| {
            let id = id.clone();
            host.later(time, Box::new(move |host| host.end(&id, code)));
        });
    }

    /// The kernel kills it for its memory limit.
    pub fn kill_for_memory(&self, container: &str) {
        self.on(container, |host, id| {
            host.end(id, 137);
            if let Some(exit) = host.find_mut(&id.0).ok().and_then(|container| container.body.exit.as_mut()) {
                exit.oom_killed = true;
            }
        });
    }

    /// Somebody else removes it: `docker rm -f`.
    pub fn vanish(&self, container: &str) {
        self.on(container, |host, id| {
            host.end(id, 137);
            host.tell(id, "destroy");
            host.containers.remove(id);
        });
    }

    /// Somebody else pauses it: `docker pause`.
    pub fn pause(&self, container: &str) {
        self.set_status(container, ContainerStatus::Paused);
        self.on(container, |host, id| host.tell(id, "pause"));
    }

    /// Somebody else renames it: `docker rename`.
    pub fn rename(&self, container: &str, name: &str) {
        self.on(container, |host, id| {
            if let Ok(container) = host.find_mut(&id.0) {
                name.clone_into(&mut container.name);
            }
            host.tell(id, "rename");
        });
    }

    /// Somebody else changes its memory limit: `docker update`. On one that was created without a limit it stays
    /// unnoticed, as with the real engine.
    pub fn change_limits(&self, container: &str) {
        self.on(container, |host, id| {
            if let Ok(container) = host.find_mut(&id.0) {
                container.limits_as_set = container.spec.memory == 0;
            }
            host.tell(id, "update");
        });
    }

    /// The engine shows this state, whatever led to it: `dead`, `removing`, one from the future.
    pub fn set_status(&self, container: &str, status: ContainerStatus) {
        self.on(container, |host, id| {
            if let Ok(container) = host.find_mut(&id.0) {
                container.status = status;
            }
        });
    }

    /// The image's own HEALTHCHECK says this.
    pub fn set_health(&self, container: &str, health: Health) {
        self.on(container, |host, id| {
            if let Ok(container) = host.find_mut(&id.0) {
                container.health = health;
            }
            host.tell(id, &format!("health_status: {}", health.word()));
        });
    }

    /// It writes this line.
    pub fn write_line(&self, container: &str, text: &str) {
        self.on(container, |host, id| {
            let now = host.wall();
            if let Ok(container) = host.find_mut(&id.0) {
                container.write_lines(now, &[text.to_owned()]);
            }
            host.changes.send_replace(());
        });
    }

    /// A container of somebody else, running, that has this name and holds the fixed ports of `spec`.
    pub fn add_foreign(&self, name: &str, spec: &TaskSpec) -> Result<ContainerId, Failure> {
        let host = &mut self.world().host;
        let id = host.create(None, name, spec)?;
        host.start(&id)?;
        Ok(id)
    }

    /// Does something to a container, if it is there.
    fn on(&self, container: &str, act: impl FnOnce(&mut host::Host, &ContainerId)) {
        let host = &mut self.world().host;
        if let Ok(id) = host.find(container).map(|container| container.id.clone()) {
            act(host, &id);
        }
    }
}
