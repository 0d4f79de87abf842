//! Where connections to the ports of services should go: the same for every node, each of which knows best how to get there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::Cluster;
use super::services::Managed;
use crate::model::id::TaskId;
use crate::model::node::NodeState;
use crate::model::port::Port;
use crate::model::routes::{Endpoint, Endpoints, Routes};
use crate::model::service::{ServiceName, ServicePort};
use crate::model::state::Desired;
use crate::model::task::Task;
use crate::model::time::Moment;

/// Connections to a task that is to be stopped have so long to end by themselves, and nodes to hear that it gets no new ones.
const DRAIN: Duration = Duration::from_secs(10);

/// A task that gets no new connections, because it is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Withdrawn {
    since: Moment,
    /// The first routes without it; `None` = they are not made yet.
    revision: Option<u64>,
}

impl Cluster {
    /// The ports of all services, and what is behind each.
    pub const fn routes(&self) -> &Routes {
        self.services.routes()
    }

    /// Numbers routes from now on after this one: where a cluster is read back from its store within one life of the manager,
    /// workers know routes of that life, which those to come must not be taken for.
    pub fn number_routes_after(&mut self, revision: u64) {
        self.services.number_routes_after(revision);
    }

    /// Takes `leaving`, and no other tasks of a service, out of what is behind its ports; every node hears of it when that is
    /// something else than before.
    pub(super) fn route(&mut self, name: &ServiceName, leaving: &BTreeSet<TaskId>, now: Moment) {
        self.services.withdraw(name, leaving, now);
        let routed = self.services.get(name).map(|managed| self.routed(managed)).unwrap_or_default();
        if self.services.set_routes(name, routed) {
            self.nodes.stir_all();
        }
        self.services.date_withdrawn(name);
    }

    fn routed(&self, managed: &Managed) -> BTreeMap<Port, Endpoints> {
        let service = &managed.service;
        let stays = |id: &&TaskId| !managed.withdrawn.contains_key(id);
        let behind = |port: &ServicePort| Endpoints {
            service: service.name.clone(),
            proxy_protocol: port.proxy_protocol,
            tasks: managed
                .tasks
                .keys()
                .filter(stays)
                .filter_map(|id| self.endpoint(self.tasks.get(id)?, port.target))
                .collect(),
        };
        service.wanted().spec.ports.iter().map(|port| (port.published, behind(port))).collect()
    }

    /// Where a task takes connections; `None` = it takes none.
    fn endpoint(&self, task: &Task, target: Port) -> Option<Endpoint> {
        let node = &self.nodes.get(task.node.as_ref()?)?.node;
        if node.state == NodeState::Unreachable || task.desired == Desired::Stop || !task.is_ready() {
            return None;
        }
        let bindings = task.observed.host_ports.as_ref()?.get(&target)?;
        let port = bindings.iter().find_map(|binding| binding.host_port.parse().ok())?;
        let address = SocketAddr::new(node.facts.ip.parse().ok()?, port);
        Some(Endpoint { task: task.id, node: node.name.clone(), target, address })
    }

    /// Whether nothing is lost by stopping a task that was withdrawn: no node sends it anything new, and none has anything
    /// open to it; or that was waited for long enough.
    pub(super) fn is_drained(&self, name: &ServiceName, task: TaskId, now: Moment) -> bool {
        let withdrawn = self.services.get(name).and_then(|managed| managed.withdrawn.get(&task));
        let Some(Withdrawn { since, revision: Some(revision) }) = withdrawn else { return false };
        let mut nodes = self.nodes.values().filter(|member| member.node.state != NodeState::Unreachable);
        now.since(*since) >= DRAIN
            || nodes.all(|member| {
                member.routed.is_some_and(|known| known >= *revision) && !member.open.contains(&task)
            })
    }
}

impl Withdrawn {
    pub(super) const fn new(since: Moment) -> Self {
        Self { since, revision: None }
    }

    pub(super) fn date(&mut self, revision: u64) {
        self.revision.get_or_insert(revision);
    }
}
