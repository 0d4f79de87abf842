//! What a test asks of a fake engine: its state, and what it was asked to do.

use super::{Call, Fake, Verb};
use crate::model::container::{Container, Owner};
use crate::model::id::{ContainerId, TaskId};

impl Fake {
    /// Every container with orc's labels, whoever's, with details.
    pub fn containers(&self) -> Vec<Container> {
        let world = self.world();
        let all = world.host.containers.values();
        all.filter_map(|container| {
            Some(Container { details: Some(container.details()), ..container.summary()? })
        })
        .collect()
    }

    /// Those of one task, by attempt.
    pub fn containers_of(&self, task: TaskId) -> Vec<Container> {
        let mut containers = self.containers();
        containers.retain(|container| container.identity.task == task);
        containers.sort_by_key(|container| container.identity.attempt);
        containers
    }

    /// Whose a container is; `None` when it is not there or nobody's.
    pub fn owner_of(&self, id: &ContainerId) -> Option<Owner> {
        let world = self.world();
        world.host.containers.get(id)?.owned.as_ref().map(|(owner, _)| owner.clone())
    }

    /// Whether a container, ours or a stranger's, is there and lives.
    pub fn is_live(&self, id: &ContainerId) -> bool {
        self.world().host.containers.get(id).is_some_and(|container| container.status.is_live())
    }

    /// How many containers of this attempt live now.
    pub fn live(&self, task: TaskId, attempt: u32) -> usize {
        self.world().host.live(task, attempt)
    }

    /// How many containers of one attempt ever lived at once, over all attempts: more than 1 is never right.
    pub fn most_live_of_one_attempt(&self) -> usize {
        self.world().host.peak_live.values().copied().max().unwrap_or_default()
    }

    /// Everything the engine was asked, oldest first, whatever became of it.
    pub fn calls(&self) -> Vec<Call> {
        self.world().calls.clone()
    }

    /// How often it was asked this.
    pub fn count(&self, verb: Verb) -> usize {
        self.world().calls.iter().filter(|call| call.verb == verb).count()
    }

    /// How often it was asked to change something.
    pub fn mutations(&self) -> usize {
        self.world().calls.iter().filter(|call| call.verb.is_mutation()).count()
    }

    /// Forgets what it was asked.
    pub fn forget_calls(&self) {
        self.world().calls.clear();
    }
}
