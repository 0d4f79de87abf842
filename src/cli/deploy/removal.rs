//! Removing what a project does not have any more, and waiting until it is gone.

use crate::cli::api::Api;
use crate::cli::error::CliError;
use crate::cli::output;
use crate::cli::watch::Watch;
use crate::client::ClientError;
use crate::deploy::{Action, Plan};
use crate::model::service::ServiceName;

/// Removes what the plan says is to be removed: each of the version that was planned on.
pub(super) async fn prune(api: &Api, plan: &Plan, waits: bool) -> Result<(), CliError> {
    let mut removed = Vec::new();
    for step in plan.services.iter().filter(|step| step.action == Action::Remove) {
        let name: ServiceName = step.name.parse().map_err(|error| CliError::Failed(format!("{error}")))?;
        match api.remove_version(&name, step.version).await {
            Ok(()) | Err(ClientError::Refused { status: 404, .. }) => removed.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    let mut watch = Watch::begin(api).await;
    for name in removed {
        if waits {
            until_gone(api, &mut watch, &name).await?;
        }
        output::note(&format!("{name} is removed"));
    }
    Ok(())
}

/// Waits until there is no service of this name.
pub(super) async fn until_gone(api: &Api, watch: &mut Watch, name: &ServiceName) -> Result<(), CliError> {
    loop {
        match api.service(name).await {
            Err(ClientError::Refused { status: 404, .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(_) => watch.changed(|_| true).await,
        }
    }
}
