//! A worker's ports of services, as its process knows them, and the clients that connect there.

use std::collections::BTreeSet;

use orc::model::id::TaskId;
use orc::model::routes::Routes;

use crate::world::{Event, World};

/// What a worker's process knows of the ports of services, and who is connected through it.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    routes: Routes,
    /// Tasks that were routed to and are not any more, as long as they have connections.
    leaving: BTreeSet<TaskId>,
    /// To which task, and until when.
    connections: Vec<(TaskId, u64)>,
    /// Clients come.
    visited: bool,
}

impl Ports {
    /// The routes that it knows: 0 = none.
    pub(crate) const fn routed(&self) -> u64 {
        self.routes.revision
    }

    /// Tasks to which connections are open, beside those that are routed to.
    pub(crate) fn still_open(&mut self, now: u64) -> Vec<TaskId> {
        self.connections.retain(|(_, until)| *until > now);
        let connections = &self.connections;
        self.leaving.retain(|task| connections.iter().any(|(to, _)| to == task));
        self.leaving.iter().copied().collect()
    }

    /// Takes in what the manager says is behind the ports.
    fn route(&mut self, routes: Routes) {
        if routes.are_older_than(&self.routes) {
            return;
        }
        let before = std::mem::replace(&mut self.routes, routes);
        let left: BTreeSet<TaskId> = tasks(&before).chain(self.leaving.iter().copied()).collect();
        let stay: BTreeSet<TaskId> = tasks(&self.routes).collect();
        self.leaving = &left - &stay;
    }

    /// A task's container has ended, and its connections with it.
    fn lose(&mut self, task: TaskId) {
        self.connections.retain(|(to, _)| *to != task);
    }

    /// Whether a new connection may go to a task.
    pub(super) fn sends_to(&self, task: TaskId) -> bool {
        tasks(&self.routes).any(|routed| routed == task)
    }

    pub(super) fn is_connected(&self, task: TaskId, now: u64) -> bool {
        self.connections.iter().any(|(to, until)| *to == task && *until > now)
    }

    /// What it knows.
    pub(super) const fn routes(&self) -> &Routes {
        &self.routes
    }
}

fn tasks(routes: &Routes) -> impl Iterator<Item = TaskId> + '_ {
    routes.ports.values().flat_map(|behind| &behind.tasks).map(|endpoint| endpoint.task)
}

impl World {
    /// A container of a task has ended: who was connected to it notices.
    pub(crate) fn hang_up(&mut self, task: TaskId) {
        self.workers.iter_mut().for_each(|worker| worker.ports.lose(task));
    }

    /// A worker learns what is behind the ports.
    pub(crate) fn take_routes(&mut self, node: usize, routes: Routes) {
        let worker = &mut self.workers[node];
        worker.ports.route(routes);
        let open = worker.ports.routes.ports.values().any(|behind| !behind.tasks.is_empty());
        if open && !std::mem::replace(&mut worker.ports.visited, true) {
            let life = worker.life;
            self.after(1, Event::ClientComes { node, life });
        }
    }

    /// A client connects to some port of a service, and stays for a while; another one follows.
    pub(crate) fn client_comes(&mut self, node: usize, life: u64) {
        if self.workers[node].life != life {
            return;
        }
        let routed: Vec<TaskId> = tasks(&self.workers[node].ports.routes).collect();
        if routed.is_empty() {
            self.workers[node].ports.visited = false;
            return;
        }
        let task = self.random.pick(&routed);
        let stays = self.random.pick(&[5, 300, 4_000, 30_000]);
        let now = self.now;
        let connections = &mut self.workers[node].ports.connections;
        connections.retain(|(_, until)| *until > now);
        connections.push((task, now + stays));
        self.coverage.count("client", "connects");
        let pause = self.random.between(500, 8_000);
        self.after(pause, Event::ClientComes { node, life });
    }
}
