//! Who is behind the ports of a service, in JSON: for people who bring a load balancer of their own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::routes::{Endpoint as EndpointRow, Endpoints as EndpointsRow, Routes};
use crate::model::service::ServiceName;

/// Who is behind the ports of a service.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Endpoints {
    /// What to name as `after`, to be answered once it is something else.
    pub revision: u64,
    /// Its ports, by number.
    pub ports: Vec<PortEndpoints>,
}

/// Who is behind one port.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct PortEndpoints {
    /// On every node.
    pub published: u16,
    /// "tcp" or "udp".
    pub protocol: String,
    /// In the containers; 0 while there is none.
    pub target: u16,
    /// Its tasks that are ready, and stay.
    pub tasks: Vec<Endpoint>,
}

/// A task that takes connections.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Endpoint {
    /// UUID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name, also its container's.
    pub name: String,
    /// Where it runs.
    pub node: String,
    /// Where other machines reach it.
    pub address: String,
}

impl Endpoints {
    /// Those of a service; `name_of` tells a task's name.
    pub fn new(routes: &Routes, service: &ServiceName, name_of: impl Fn(&EndpointRow) -> String) -> Self {
        let own = routes.ports.iter().filter(|(_, behind)| behind.service == *service);
        let ports = own.map(|(port, EndpointsRow { tasks, .. })| PortEndpoints {
            published: port.number,
            protocol: port.protocol.word().to_owned(),
            target: tasks.first().map_or(0, |endpoint| endpoint.target.number),
            tasks: tasks.iter().map(|endpoint| Endpoint::new(endpoint, name_of(endpoint))).collect(),
        });
        Self { revision: routes.revision, ports: ports.collect() }
    }
}

impl Endpoint {
    fn new(endpoint: &EndpointRow, name: String) -> Self {
        Self {
            id: endpoint.task.to_string(),
            name,
            node: endpoint.node.to_string(),
            address: endpoint.address.to_string(),
        }
    }
}
