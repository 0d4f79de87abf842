//! The ports of services on this node: what the manager says is behind each, and where this node's own containers are, made
//! into the ingress's table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

use crate::ingress::Ingress;
use crate::model::id::{NodeName, TaskId};
use crate::model::ingress::{Backend, Route, Table};
use crate::model::routes::{Endpoint, Routes};

/// What a worker knows of them.
#[derive(Debug)]
pub struct Ports {
    node: NodeName,
    known: Mutex<Known>,
    tables: watch::Sender<Arc<Table>>,
    /// `None` as long as nothing is listened on.
    ingress: OnceLock<Ingress>,
}

#[derive(Debug, Default)]
struct Known {
    routes: Routes,
    /// Where the containers of this node's tasks are.
    own: BTreeMap<TaskId, IpAddr>,
    /// Tasks that were routed to and are not any more, as long as they have connections.
    leaving: BTreeSet<TaskId>,
}

impl Ports {
    /// Of a node that listens on none.
    pub fn new(node: NodeName) -> Self {
        Self { node, known: Mutex::default(), tables: watch::Sender::default(), ingress: OnceLock::new() }
    }

    /// What the ingress goes by.
    pub fn tables(&self) -> watch::Receiver<Arc<Table>> {
        self.tables.subscribe()
    }

    /// From now on, what is behind the ports is wanted to be known.
    pub fn open(&self, ingress: Ingress) {
        // The first one goes on.
        let _ = self.ingress.set(ingress);
    }

    /// The routes that are known, 0 = none; `None` = none are wanted.
    pub fn routed(&self) -> Option<u64> {
        self.ingress.get().map(|_| self.known().routes.revision)
    }

    /// Tasks to which connections are open, beside those that are routed to.
    pub fn still_open(&self) -> Vec<TaskId> {
        let Some(ingress) = self.ingress.get() else { return Vec::new() };
        let mut known = self.known();
        known.leaving.retain(|task| ingress.connections(*task) > 0);
        known.leaving.iter().copied().collect()
    }

    /// Takes in what the manager says is behind the ports. What is not there any more gets no new connections from here on.
    pub fn route(&self, routes: Routes) {
        let mut known = self.known();
        if routes.are_older_than(&known.routes) {
            return;
        }
        let before = std::mem::replace(&mut known.routes, routes);
        let left: BTreeSet<TaskId> = tasks(&before).chain(known.leaving.iter().copied()).collect();
        let stay: BTreeSet<TaskId> = tasks(&known.routes).collect();
        known.leaving = &left - &stay;
        self.send(&known);
    }

    /// Takes in where this node's containers are.
    pub fn locate(&self, own: BTreeMap<TaskId, IpAddr>) {
        let mut known = self.known();
        if known.own != own {
            known.own = own;
            self.send(&known);
        }
    }

    fn send(&self, known: &Known) {
        let table = table(&self.node, known);
        self.tables.send_if_modified(|before| {
            let is_another = **before != table;
            if is_another {
                *before = Arc::new(table);
            }
            is_another
        });
    }

    /// Nobody who holds this can fail in between.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tasks(routes: &Routes) -> impl Iterator<Item = TaskId> + '_ {
    routes.ports.values().flat_map(|behind| &behind.tasks).map(|endpoint| endpoint.task)
}

fn table(node: &NodeName, known: &Known) -> Table {
    let routes = known.routes.ports.iter().map(|(port, behind)| {
        let route = Route {
            service: behind.service.clone(),
            proxy_protocol: behind.proxy_protocol,
            backends: behind.tasks.iter().filter_map(|endpoint| backend(node, known, endpoint)).collect(),
        };
        (*port, route)
    });
    routes.collect()
}

/// The way to a task from here: to one of this node's own straight to its container, and to none that has no container.
fn backend(node: &NodeName, known: &Known, endpoint: &Endpoint) -> Option<Backend> {
    let local = endpoint.node == *node;
    let address = if local {
        SocketAddr::new(*known.own.get(&endpoint.task)?, endpoint.target.number)
    } else {
        endpoint.address
    };
    Some(Backend { task: endpoint.task, address, local })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::routes::Endpoints;

    fn task(number: u128) -> TaskId {
        TaskId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn routes(revision: u64, tasks: &[(u128, &str)]) -> Routes {
        let endpoint = |(number, node): &(u128, &str)| Endpoint {
            task: task(*number),
            node: node.parse().unwrap(),
            target: "80/tcp".parse().unwrap(),
            address: "10.0.0.2:32768".parse().unwrap(),
        };
        let behind = Endpoints {
            service: "web".parse().unwrap(),
            proxy_protocol: false,
            tasks: tasks.iter().map(endpoint).collect(),
        };
        Routes { revision, ports: BTreeMap::from([("8080/tcp".parse().unwrap(), behind)]) }
    }

    fn backends(ports: &Ports) -> Vec<(String, bool)> {
        let table = ports.tables().borrow().clone();
        let backends = table.values().flat_map(|route| route.backends.clone());
        backends.map(|backend| (backend.address.to_string(), backend.local)).collect()
    }

    #[test]
    fn own_tasks_are_reached_in_their_containers_and_others_through_their_nodes() {
        let ports = Ports::new("box-1".parse().unwrap());
        ports.route(routes(7, &[(1, "box-1"), (2, "box-2")]));
        let other = ("10.0.0.2:32768".to_owned(), false);
        assert_eq!(backends(&ports), std::slice::from_ref(&other), "the own one has no container yet");
        ports.locate(BTreeMap::from([(task(1), [172, 17, 0, 2].into())]));
        assert_eq!(backends(&ports), [("172.17.0.2:80".to_owned(), true), other]);
        assert_eq!(ports.routed(), None, "nothing is listened on");
        ports.route(routes(6, &[]));
        assert_eq!(backends(&ports).len(), 2, "what was said before and comes late is over");
        ports.route(routes(8, &[]));
        assert_eq!(backends(&ports), []);
    }
}
