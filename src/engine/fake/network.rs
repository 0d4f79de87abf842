//! Networks of the fake engine.

use super::Fake;
use super::host::Host;
use crate::model::container::{Failure, Owner};
use crate::model::network::{Attachment, Network, NetworkId};

/// A network, ours or a stranger's.
#[derive(Debug, Clone)]
pub(super) struct FakeNetwork {
    name: String,
    internal: bool,
    /// What its labels say; `None` = it has none of orc's.
    owner: Option<Owner>,
}

impl Host {
    /// `POST /networks/create`.
    pub(super) fn create_network(&mut self, owner: Option<Owner>, wanted: &Attachment) -> NetworkId {
        let id = NetworkId(self.new_id());
        let network = FakeNetwork { name: wanted.name.clone(), internal: wanted.internal, owner };
        self.networks.insert(id.clone(), network);
        id
    }

    /// `GET /networks/{name}`.
    pub(super) fn network(&self, owner: &Owner, name: &str) -> Result<Network, Failure> {
        let found = self.networks.iter().find(|(_, network)| network.name == name);
        let (id, network) = found.ok_or_else(|| Failure::Missing(format!("network {name} not found")))?;
        Ok(network.shown(id, owner))
    }

    /// `GET /networks`.
    pub(super) fn networks_of(&self, owner: &Owner) -> Vec<Network> {
        let ours = self.networks.iter().filter(|(_, network)| network.owner.as_ref() == Some(owner));
        ours.map(|(id, network)| network.shown(id, owner)).collect()
    }

    /// `DELETE /networks/{id}`.
    pub(super) fn remove_network(&mut self, id: &NetworkId) -> Result<(), Failure> {
        let Some(network) = self.networks.get(id) else { return Ok(()) };
        let name = &network.name;
        let mut live = self.containers.values().filter(|container| container.status.is_live());
        if live.any(|container| container.spec.options().networks.iter().any(|joined| joined.name == *name)) {
            return Err(Failure::Refused(format!(
                "error while removing network: network {name} has active endpoints"
            )));
        }
        self.networks.remove(id);
        Ok(())
    }

    /// The first network of a container that is not there.
    pub(super) fn absent_network(&self, networks: &[Attachment]) -> Option<Failure> {
        let is_there = |name: &str| self.networks.values().any(|network| network.name == name);
        let absent = networks.iter().find(|attached| !is_there(&attached.name))?;
        Some(Failure::Refused(format!("network {} not found", absent.name)))
    }
}

impl FakeNetwork {
    fn shown(&self, id: &NetworkId, owner: &Owner) -> Network {
        let is_ours = self.owner.as_ref().is_some_and(|whose| whose.cluster == owner.cluster);
        Network {
            id: id.clone(),
            name: self.name.clone(),
            internal: self.internal,
            stranger: (!is_ours).then(|| "somebody else: it has no labels of orc".to_owned()),
        }
    }
}

impl Fake {
    /// Somebody else makes a network.
    pub fn add_foreign_network(&self, name: &str) {
        let wanted = Attachment { name: name.to_owned(), ..Attachment::default() };
        self.world().host.create_network(None, &wanted);
    }
}
