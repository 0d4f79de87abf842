//! A Docker Engine past orc: the hands of a stranger, and the eyes of a test.

use std::collections::HashMap;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, ContainerUpdateBody, ExecConfig,
    HostConfig, NetworkCreateRequest,
};
use bollard::query_parameters as query;
use futures_util::StreamExt;
use orc::engine::labels;

use super::real_rig::docker_host;

/// An image of Debian's busybox.
pub(crate) const BUSYBOX: &str = "orc-test/busybox:latest";
/// An image whose server answers `GET /health` on 7777/tcp, with faults on demand.
pub(crate) const ECHO: &str = "orc-test/echo:latest";

/// One engine.
#[derive(Debug, Clone)]
pub(crate) struct RawDocker {
    pub(crate) host: String,
    pub(crate) api: bollard::Docker,
}

impl RawDocker {
    /// The engine for tests.
    pub(crate) fn of_tests() -> Self {
        Self::at(&docker_host())
    }

    /// The engine at `unix://…`.
    pub(crate) fn at(host: &str) -> Self {
        Self::at_if_there(host).unwrap_or_else(|| panic!("there is no engine at {host}"))
    }

    /// The same, if there is such a socket.
    pub(crate) fn at_if_there(host: &str) -> Option<Self> {
        let socket = host.strip_prefix("unix://").expect("the tests reach the engine over a Unix socket");
        let api = bollard::Docker::connect_with_unix(socket, 60, bollard::API_DEFAULT_VERSION).ok()?;
        Some(Self { host: host.to_owned(), api })
    }

    /// A container, if it is there.
    pub(crate) async fn find(&self, id: &str) -> Option<ContainerInspectResponse> {
        match self.api.inspect_container(id, None::<query::InspectContainerOptions>).await {
            Ok(found) => Some(found),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => None,
            Err(error) => panic!("{id} cannot be looked at: {error}"),
        }
    }

    /// A container that must be there.
    pub(crate) async fn inspect(&self, id: &str) -> ContainerInspectResponse {
        self.find(id).await.unwrap_or_else(|| panic!("there is no container {id}"))
    }

    /// The ID of every container with a label.
    pub(crate) async fn list(&self, label: &str) -> Vec<String> {
        let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        self.list_all(&filters).await
    }

    /// The ID of every container that these filters let through.
    pub(crate) async fn list_all(&self, filters: &HashMap<String, Vec<String>>) -> Vec<String> {
        let options = query::ListContainersOptionsBuilder::new().all(true).filters(filters).build();
        let listed = self.api.list_containers(Some(options)).await.unwrap();
        listed.into_iter().filter_map(|container| container.id).collect()
    }

    /// Every container with a label.
    pub(crate) async fn with_label(&self, label: &str) -> Vec<ContainerInspectResponse> {
        let mut found = Vec::new();
        for id in self.list(label).await {
            found.extend(self.find(&id).await);
        }
        found
    }

    /// Removes a container by force; one that is gone is as good.
    pub(crate) async fn remove(&self, id: &str) {
        let options = query::RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let _ = self.api.remove_container(id, Some(options)).await;
    }

    /// The ID of every network with a label.
    pub(crate) async fn networks(&self, label: &str) -> Vec<String> {
        let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        let options = query::ListNetworksOptionsBuilder::new().filters(&filters).build();
        let listed = self.api.list_networks(Some(options)).await.unwrap();
        listed.into_iter().filter_map(|network| network.id).collect()
    }

    /// A network that somebody else makes; these labels let a test clean up after itself.
    pub(crate) async fn create_network(&self, name: &str, labels: HashMap<String, String>) -> String {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        };
        self.api.create_network(request).await.unwrap().id
    }

    /// Removes every network with a label that nothing is in.
    pub(crate) async fn remove_networks(&self, label: &str) {
        for id in self.networks(label).await {
            // Gone already is as good.
            let _ = self.api.remove_network(&id).await;
        }
    }

    /// Sends its first process SIGKILL.
    pub(crate) async fn kill(&self, id: &str) {
        self.api.kill_container(id, None::<query::KillContainerOptions>).await.unwrap();
    }

    /// `docker stop --time 1`.
    pub(crate) async fn stop(&self, id: &str) {
        let options = query::StopContainerOptionsBuilder::new().t(1).build();
        self.api.stop_container(id, Some(options)).await.unwrap();
    }

    /// `docker pause`.
    pub(crate) async fn pause(&self, id: &str) {
        self.api.pause_container(id).await.unwrap();
    }

    /// `docker rename`.
    pub(crate) async fn rename(&self, id: &str, name: &str) {
        let options = query::RenameContainerOptionsBuilder::new().name(name).build();
        self.api.rename_container(id, options).await.unwrap();
    }

    /// `docker update`.
    pub(crate) async fn update(&self, id: &str, changes: ContainerUpdateBody) {
        self.api.update_container(id, changes).await.unwrap();
    }

    /// A container that is not orc's, created and not started.
    pub(crate) async fn create(&self, name: &str, labels: HashMap<String, String>) -> String {
        let options = query::CreateContainerOptionsBuilder::new().name(name).build();
        let body = ContainerCreateBody {
            image: Some(BUSYBOX.to_owned()),
            cmd: Some(["sleep", "100000"].map(str::to_owned).into()),
            labels: Some(labels),
            // The cheapest to start.
            host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        self.api.create_container(Some(options), body).await.unwrap().id
    }

    /// Starts a container.
    pub(crate) async fn start(&self, id: &str) {
        self.api.start_container(id, None::<query::StartContainerOptions>).await.unwrap();
    }

    /// Runs a program in a running container to its end, which has to be 0; what it wrote to its standard output.
    pub(crate) async fn exec(&self, id: &str, command: &[&str]) -> String {
        let cmd = Some(command.iter().map(|word| (*word).to_owned()).collect());
        let config = ExecConfig { cmd, attach_stdout: Some(true), ..ExecConfig::default() };
        let exec = self.api.create_exec(id, config).await.unwrap().id;
        let started = self.api.start_exec(&exec, None::<StartExecOptions>).await.unwrap();
        let mut written = Vec::new();
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(piece) = output.next().await {
                written.extend(piece.unwrap().into_bytes());
            }
        }
        let code = self.api.inspect_exec(&exec).await.unwrap().exit_code;
        assert_eq!(code, Some(0), "{command:?} in {id}");
        String::from_utf8_lossy(&written).into_owned()
    }
}

/// Its state in Docker's word.
pub(crate) fn status(container: &ContainerInspectResponse) -> Option<ContainerStateStatusEnum> {
    container.state.as_ref()?.status
}

/// Whether its processes exist.
pub(crate) fn is_live(container: &ContainerInspectResponse) -> bool {
    use ContainerStateStatusEnum::{PAUSED, RESTARTING, RUNNING};
    matches!(status(container), Some(RUNNING | PAUSED | RESTARTING))
}

/// When its process was started last.
pub(crate) fn started_at(container: &ContainerInspectResponse) -> String {
    container.state.as_ref().and_then(|state| state.started_at.clone()).unwrap_or_default()
}

/// The process of a running container, as the host numbers it.
pub(crate) fn pid(container: &ContainerInspectResponse) -> i32 {
    let pid = container.state.as_ref().and_then(|state| state.pid).unwrap_or_default();
    i32::try_from(pid).unwrap()
}

/// One of its labels.
pub(crate) fn label<'a>(container: &'a ContainerInspectResponse, name: &str) -> &'a str {
    let labels = container.config.as_ref().and_then(|config| config.labels.as_ref());
    labels.and_then(|labels| labels.get(name)).map_or("", String::as_str)
}

/// The task that it is an attempt of.
pub(crate) fn task_of(container: &ContainerInspectResponse) -> &str {
    label(container, labels::TASK)
}

/// Its name, without Docker's slash.
pub(crate) fn name(container: &ContainerInspectResponse) -> &str {
    container.name.as_deref().unwrap_or_default().trim_start_matches('/')
}
