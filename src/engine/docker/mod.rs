//! A real Docker Engine behind the [`Engine`] trait, spoken to through bollard.

mod address;
mod bind;
mod create;
mod credentials;
mod exec;
mod failure;
mod hardening;
mod load;
mod network;
mod pull;
mod read;
mod streams;
mod transport;
mod volumes;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, ContainerSummary};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptions,
};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

pub use self::address::{DockerEnv, InvalidAddress};
use self::credentials::Logins;
use self::hardening::Output;
use super::{Deadlines, Engine, EngineEvent, EngineInfo, Executed, LogChunk, LogOptions, labels};
use crate::model::container::{Container, Failure, Identity, Owner};
use crate::model::id::{ContainerId, ExecId};
use crate::model::network::{Attachment, Network, NetworkId};
use crate::model::spec::TaskSpec;

/// What Docker waits between the signal and the kill when nobody says otherwise, in seconds.
const DEFAULT_GRACE: u64 = 10;

/// One real Docker Engine. Dials anew for each call, so it may be away when this is made and come back later.
#[derive(Debug, Clone)]
pub struct Docker {
    /// For answers that end, and may weigh only so much.
    calls: bollard::Docker,
    /// For those that do not.
    streams: bollard::Docker,
    logins: Logins,
    deadlines: Deadlines,
    /// As far as is known of its log driver.
    output: Arc<Mutex<Output>>,
    /// Where bind mounts may lead through symbolic links.
    bind_roots: Vec<PathBuf>,
}

impl Docker {
    /// The engine that `env` names; dials nothing yet.
    pub fn connect(env: &DockerEnv, deadlines: Deadlines) -> Result<Self, InvalidAddress> {
        let (address, prefix) = (env.address()?, env.api_prefix()?);
        Ok(Self {
            calls: transport::client(address.clone(), prefix.clone(), transport::ANSWER_LIMIT)?,
            streams: transport::client(address, prefix, u64::MAX)?,
            logins: Logins::in_directory(env.config_dir.as_deref()),
            deadlines,
            output: Arc::default(),
            bind_roots: Vec::new(),
        })
    }

    /// The same, with bind mounts whose symbolic links lead below these directories.
    #[must_use]
    pub fn with_bind_roots(self, bind_roots: Vec<PathBuf>) -> Self {
        Self { bind_roots, ..self }
    }

    /// Creates a container, once.
    async fn try_create(&self, name: &str, body: ContainerCreateBody) -> Result<ContainerId, Failure> {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let call = self.calls.create_container(Some(options), body);
        let answer = within(self.deadlines.slow, "creating a container", call).await?;
        Ok(ContainerId(answer.id))
    }

    fn output(&self) -> Output {
        *self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, output: Output) {
        *self.output.lock().unwrap_or_else(PoisonError::into_inner) = output;
    }

    /// How long the container may take to stop on its own: what was said at its creation, else what it says.
    async fn grace(&self, id: &ContainerId, spec: Option<&TaskSpec>) -> Result<Duration, Failure> {
        if let Some(seconds) = spec.and_then(|spec| spec.stop_timeout) {
            return Ok(Duration::from_secs(seconds.into()));
        }
        let inspection = self.calls.inspect_container(&id.0, None::<InspectContainerOptions>);
        let answer = within(self.deadlines.call, "inspecting a container", inspection).await?;
        let seconds = answer.config.and_then(|config| config.stop_timeout);
        Ok(Duration::from_secs(seconds.and_then(|seconds| seconds.try_into().ok()).unwrap_or(DEFAULT_GRACE)))
    }
}

impl Engine for Docker {
    async fn info(&self) -> Result<EngineInfo, Failure> {
        let info = within(self.deadlines.call, "describing itself", self.calls.info()).await?;
        self.remember(Output::of(&info.logging_driver.unwrap_or_default()));
        Ok(EngineInfo {
            version: info.server_version.unwrap_or_default(),
            cores: info.ncpu.and_then(|cores| cores.try_into().ok()).unwrap_or_default(),
            memory: info.mem_total.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default(),
            volumes: self.volumes().await,
        })
    }

    async fn list(&self, owner: &Owner) -> Result<Vec<Container>, Failure> {
        let filters = HashMap::from([("label".to_owned(), labels::filters(owner))]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let call = self.calls.list_containers(Some(options));
        let entries = within(self.deadlines.call, "listing containers", call).await?;
        containers(owner, entries)
    }

    async fn inspect(&self, owner: &Owner, id_or_name: &str) -> Result<Container, Failure> {
        let call = self.calls.inspect_container(id_or_name, None::<InspectContainerOptions>);
        let answer = within(self.deadlines.call, "inspecting a container", call).await?;
        let none = labels::Labels::new();
        let labels = answer.config.as_ref().and_then(|config| config.labels.as_ref()).unwrap_or(&none);
        if !labels::belong_to(owner, labels) {
            let whose = labels::describe_owner(labels);
            return Err(Failure::Conflict(format!("the container {id_or_name} belongs to {whose}")));
        }
        read::inspection(answer).map_err(|problem| {
            Failure::Conflict(format!("the container {id_or_name} cannot be understood: {problem}"))
        })
    }

    async fn create(
        &self,
        owner: &Owner,
        name: &str,
        identity: &Identity,
        spec: &TaskSpec,
    ) -> Result<ContainerId, Failure> {
        bind::check(spec, &self.bind_roots).await?;
        let body = |output| create::body(spec, labels::of_new(owner, identity, spec), output);
        let is_engines_own = spec.options().log_config.as_ref().is_none_or(|log| log.driver.is_empty());
        let created = match self.try_create(name, body(self.output())).await {
            // Workers ask an engine what it is when they start, and again now and then. It has not answered yet, or its
            // log driver is another since.
            Err(Failure::Refused(text)) if is_engines_own && Output::is_refused(&text) => {
                self.remember(Output::Uncapped);
                self.try_create(name, body(Output::Uncapped)).await
            }
            Err(Failure::Missing(text)) if network::is_missing(&text) => Err(Failure::Refused(text)),
            result => result,
        };
        let id = created?;
        for further in spec.options().networks.iter().skip(1) {
            network::join(&self.calls, self.deadlines.call, &id, further).await?;
        }
        Ok(id)
    }

    async fn start(&self, id: &ContainerId) -> Result<(), Failure> {
        let call = self.calls.start_container(&id.0, None::<StartContainerOptions>);
        match within(self.deadlines.slow, "starting a container", call).await {
            // Somebody removed it meanwhile: another attempt finds or makes it.
            Err(Failure::Missing(text)) if network::is_missing(&text) => Err(Failure::Refused(text)),
            result => result,
        }
    }

    async fn unpause(&self, id: &ContainerId) -> Result<(), Failure> {
        let call = self.calls.unpause_container(&id.0);
        match within(self.deadlines.call, "thawing a container", call).await {
            // 500 on older engines, 409 on newer ones.
            Err(Failure::Refused(text) | Failure::Conflict(text)) if text.contains("is not paused") => Ok(()),
            result => result,
        }
    }

    async fn stop(&self, id: &ContainerId, spec: Option<&TaskSpec>) -> Result<(), Failure> {
        let deadline = self.grace(id, spec).await? + self.deadlines.call;
        // The container knows its grace period from its creation. A call that is given up early would make
        // some engines kill at once (moby#45731).
        let call = self.calls.stop_container(&id.0, None::<StopContainerOptions>);
        within(deadline, "stopping a container", call).await
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), Failure> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let call = self.calls.remove_container(&id.0, Some(options));
        match within(self.deadlines.slow, "removing a container", call).await {
            Err(Failure::Missing(_)) => Ok(()),
            result => result,
        }
    }

    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), Failure> {
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        let call = self.calls.rename_container(&id.0, options);
        match within(self.deadlines.call, "renaming a container", call).await {
            Err(Failure::Refused(text)) if text.contains("same name as its current name") => Ok(()),
            result => result,
        }
    }

    async fn restore_limits(&self, id: &ContainerId, spec: &TaskSpec) -> Result<(), Failure> {
        let call = self.calls.update_container(&id.0, create::limits(spec));
        within(self.deadlines.call, "restoring a container's limits", call).await
    }

    async fn exec(&self, id: &ContainerId, command: &[String], limit: Duration) -> Result<Executed, Failure> {
        exec::exec(&self.calls, self.deadlines.call, id, command, limit).await
    }

    async fn exec_runs(&self, id: &ExecId) -> Result<bool, Failure> {
        exec::runs(&self.calls, self.deadlines.call, id).await
    }

    async fn pull(&self, image: &str, progress: watch::Sender<String>) -> Result<(), Failure> {
        pull::pull(&self.streams, &self.logins, image, self.deadlines.pull_idle, &progress).await
    }

    async fn load(
        &self,
        image: &str,
        archive: BoxStream<'static, io::Result<Bytes>>,
        progress: watch::Sender<String>,
    ) -> Result<(), Failure> {
        load::load(&self.streams, image, archive, self.deadlines.pull_idle, progress).await
    }

    async fn network(&self, owner: &Owner, name: &str) -> Result<Network, Failure> {
        network::find(&self.calls, self.deadlines.call, owner, name).await
    }

    async fn networks(&self, owner: &Owner) -> Result<Vec<Network>, Failure> {
        network::list(&self.calls, self.deadlines.call, owner).await
    }

    async fn create_network(&self, owner: &Owner, wanted: &Attachment) -> Result<NetworkId, Failure> {
        network::create(&self.calls, self.deadlines.slow, owner, wanted).await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<(), Failure> {
        network::remove(&self.calls, self.deadlines.slow, id).await
    }

    fn events(&self, owner: &Owner) -> BoxStream<'static, Result<EngineEvent, Failure>> {
        streams::events(&self.streams.clone().with_timeout(self.deadlines.call), owner)
    }

    fn logs(&self, id: &ContainerId, options: &LogOptions) -> BoxStream<'static, Result<LogChunk, Failure>> {
        streams::logs(&self.streams.clone().with_timeout(self.deadlines.call), id, options)
    }
}

/// The answer to a call, unless the deadline passes first: then nobody knows what became of it.
async fn within<T>(
    deadline: Duration,
    doing: &str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(deadline, call).await {
        Ok(result) => result.map_err(|error| failure::from_bollard(&error)),
        Err(_) => Err(Failure::Unknown(format!(
            "the Docker Engine has not answered within {} s: {doing}",
            deadline.as_secs()
        ))),
    }
}

/// `owner`'s containers in a list, each once. An engine that shows others as well is not trusted with them, and
/// one whose labels name no attempt of a task is left alone.
fn containers(owner: &Owner, entries: Vec<ContainerSummary>) -> Result<Vec<Container>, Failure> {
    let mut containers = BTreeMap::new();
    for entry in entries {
        let ours = entry.labels.as_ref().is_some_and(|labels| labels::belong_to(owner, labels));
        if !ours {
            continue;
        }
        let id = entry.id.clone().unwrap_or_default();
        if let Some(Err(problem)) = entry.labels.as_ref().map(labels::identity) {
            // It can be no task's, so no task is missed: it alone is left alone (rule R13).
            tracing::warn!(container.id = id, "a container with orc's labels is left alone: {problem}");
            continue;
        }
        let container = read::summary(entry).map_err(|problem| {
            Failure::Refused(format!("the container {id} cannot be understood: {problem}"))
        })?;
        containers.insert(container.id.clone(), container);
    }
    Ok(containers.into_values().collect())
}
