//! Networks of the engine: looked for, made, removed, and joined.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{EndpointSettings, NetworkConnectRequest, NetworkCreateRequest, NetworkingConfig};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptionsBuilder};

use super::within;
use crate::engine::labels;
use crate::model::container::{Failure, Owner};
use crate::model::id::ContainerId;
use crate::model::network::{Attachment, Network, NetworkId};

/// The network of a name.
pub(super) async fn find(
    client: &Docker,
    deadline: Duration,
    owner: &Owner,
    name: &str,
) -> Result<Network, Failure> {
    let call = client.inspect_network(name, None::<InspectNetworkOptions>);
    let answer = within(deadline, "looking at a network", call).await?;
    let labels = answer.labels.unwrap_or_default();
    Ok(Network {
        id: NetworkId(answer.id.unwrap_or_default()),
        name: answer.name.unwrap_or_default(),
        internal: answer.internal.unwrap_or_default(),
        stranger: labels::stranger(owner, &labels),
    })
}

/// All that `owner` made. An engine that shows others as well is not trusted with them.
pub(super) async fn list(
    client: &Docker,
    deadline: Duration,
    owner: &Owner,
) -> Result<Vec<Network>, Failure> {
    let filters = HashMap::from([("label".to_owned(), labels::filters(owner))]);
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let answer = within(deadline, "listing networks", client.list_networks(Some(options))).await?;
    let ours = answer.into_iter().filter_map(|network| {
        let labels = network.labels.unwrap_or_default();
        labels::belong_to(owner, &labels).then(|| {
            Some(Network {
                id: NetworkId(network.id?),
                name: network.name?,
                internal: network.internal.unwrap_or_default(),
                stranger: None,
            })
        })?
    });
    Ok(ours.collect())
}

/// Makes a bridge.
pub(super) async fn create(
    client: &Docker,
    deadline: Duration,
    owner: &Owner,
    wanted: &Attachment,
) -> Result<NetworkId, Failure> {
    let request = NetworkCreateRequest {
        name: wanted.name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(wanted.internal),
        labels: Some(labels::of_network(owner)),
        ..NetworkCreateRequest::default()
    };
    let answer = within(deadline, "making a network", client.create_network(request)).await?;
    Ok(NetworkId(answer.id))
}

/// Removes a network.
pub(super) async fn remove(client: &Docker, deadline: Duration, id: &NetworkId) -> Result<(), Failure> {
    match within(deadline, "removing a network", client.remove_network(&id.0)).await {
        Err(Failure::Missing(_)) => Ok(()),
        result => result,
    }
}

/// The network that a container is in from its creation. Engines before 25 take one, and no more.
pub(super) fn first(networks: &[Attachment]) -> Option<NetworkingConfig> {
    let first = networks.first()?;
    let endpoints = HashMap::from([(first.name.clone(), endpoint(first))]);
    Some(NetworkingConfig { endpoints_config: Some(endpoints) })
}

/// Has a container that does not run yet join a further network.
pub(super) async fn join(
    client: &Docker,
    deadline: Duration,
    id: &ContainerId,
    network: &Attachment,
) -> Result<(), Failure> {
    let request = NetworkConnectRequest { container: id.0.clone(), endpoint_config: Some(endpoint(network)) };
    let call = client.connect_network(&network.name, request);
    within(deadline, "joining a network", call).await.map_err(|failure| match failure {
        // Not an image, which is what is missing where a container is created.
        Failure::Missing(why) => Failure::Refused(why),
        failure => failure,
    })
}

fn endpoint(network: &Attachment) -> EndpointSettings {
    let aliases = Some(network.aliases.clone()).filter(|aliases| !aliases.is_empty());
    EndpointSettings { aliases, ..EndpointSettings::default() }
}

/// Whether an engine says that there is no such network, which a task that is tried again may find.
pub(super) fn is_missing(answer: &str) -> bool {
    answer.contains("network ") && answer.contains("not found")
}
