//! A real Docker Engine as a [`Rig`]: the one of `DOCKER_HOST`. What a test creates is removed, however it ends.

use std::collections::HashMap;
use std::future::Future;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, resume_unwind};

use bollard::models::{ContainerCreateBody, ContainerUpdateBody, NetworkCreateRequest};
use bollard::query_parameters as query;
use futures_util::{FutureExt, StreamExt};
use orc::engine::docker::{Docker, DockerEnv};
use orc::engine::{Deadlines, Engine, labels};
use orc::model::container::Owner;
use orc::model::id::ContainerId;
use orc::model::spec::TaskSpec;

use super::cases::{new_owner, spec_of};
use super::rig::{Kind, Rig};

const BUSYBOX: &str = "orc-test/busybox:latest";

pub(crate) struct RealRig {
    engine: Docker,
    owner: Owner,
    /// The same engine, past orc.
    pub(crate) raw: bollard::Docker,
}

impl RealRig {
    /// Runs a test upon the real engine, and then removes what it has created.
    pub(crate) async fn with<F: Future<Output = ()>>(test: impl FnOnce(Self) -> F) {
        let rig = Self::connect().await;
        let (raw, cluster) = (rig.raw.clone(), rig.owner.cluster.to_string());
        let result = AssertUnwindSafe(test(rig)).catch_unwind().await;
        remove_all_of(&raw, &cluster).await;
        if let Err(panic) = result {
            resume_unwind(panic);
        }
    }

    async fn connect() -> Self {
        let host = docker_host();
        let env = DockerEnv { host: Some(host.clone()), ..DockerEnv::default() };
        let engine = Docker::connect(&env, Deadlines::default()).unwrap();
        if let Err(failure) = engine.info().await {
            panic!(
                "this test needs a Docker Engine: {failure}; start one with `make engine`, or set DOCKER_HOST"
            );
        }
        let socket = host.strip_prefix("unix://").expect("the tests reach the engine over a Unix socket");
        let raw = bollard::Docker::connect_with_unix(socket, 60, bollard::API_DEFAULT_VERSION).unwrap();
        Self { engine, owner: new_owner(), raw }
    }
}

/// Where the engine for tests is.
#[expect(clippy::disallowed_methods, reason = "tests have no settings: this is theirs")]
pub(crate) fn docker_host() -> String {
    std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned())
}

/// Removes every container with a cluster's label, and every image that is named after it.
async fn remove_all_of(raw: &bollard::Docker, cluster: &str) {
    let filter = |key: &str, value: String| HashMap::from([(key.to_owned(), vec![value])]);
    let labelled = filter("label", format!("{}={cluster}", labels::CLUSTER));
    let options = query::ListContainersOptionsBuilder::new().all(true).filters(&labelled).build();
    for container in raw.list_containers(Some(options)).await.unwrap() {
        remove(raw, &container.id.unwrap_or_default()).await;
    }
    let options = query::ListNetworksOptionsBuilder::new().filters(&labelled).build();
    for network in raw.list_networks(Some(options)).await.unwrap() {
        // Gone already is as good.
        let _ = raw.remove_network(&network.id.unwrap_or_default()).await;
    }
    let named = filter("reference", format!("*/orc-test/{cluster}"));
    let options = query::ListImagesOptionsBuilder::new().filters(&named).build();
    for image in raw.list_images(Some(options)).await.unwrap() {
        for name in image.repo_tags.iter().filter(|name| name.contains(cluster)) {
            raw.remove_image(name, None::<query::RemoveImageOptions>, None).await.unwrap();
        }
    }
}

async fn remove(raw: &bollard::Docker, id: &str) {
    let options = query::RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    // Gone already is as good.
    let _ = raw.remove_container(id, Some(options)).await;
}

impl Rig for RealRig {
    type Engine = Docker;

    fn engine(&self) -> &Docker {
        &self.engine
    }

    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn spec(&self, kind: Kind) -> TaskSpec {
        let shell = |line: &str| {
            let cmd = Some(["sh", "-c", line].map(str::to_owned).into());
            TaskSpec { cmd, ..spec_of(BUSYBOX) }
        };
        match kind {
            Kind::Server => spec_of("orc-test/echo:latest"),
            Kind::Deaf => shell("trap '' TERM; while :; do sleep 1; done"),
            Kind::Ends(code) => shell(&format!("exit {code}")),
            Kind::Talks => shell("echo one; echo two; echo three"),
            Kind::Absent => TaskSpec { cmd: Some(vec!["/absent".to_owned()]), ..spec_of(BUSYBOX) },
            Kind::Shell => shell("trap 'exit 0' TERM; sleep 100000 & wait"),
            Kind::Checked => spec_of("orc-test/healthcheck:latest"),
        }
    }

    fn free_port(&self) -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    async fn pause(&self, id: &ContainerId) {
        self.raw.pause_container(&id.0).await.unwrap();
    }

    async fn vanish(&self, id: &ContainerId) {
        remove(&self.raw, &id.0).await;
    }

    async fn rename(&self, id: &ContainerId, name: &str) {
        let options = query::RenameContainerOptionsBuilder::new().name(name).build();
        self.raw.rename_container(&id.0, options).await.unwrap();
    }

    async fn change_limits(&self, id: &ContainerId) {
        let limits = ContainerUpdateBody {
            memory: Some(64 << 20),
            memory_swap: Some(128 << 20),
            ..ContainerUpdateBody::default()
        };
        self.raw.update_container(&id.0, limits).await.unwrap();
    }

    async fn kill(&self, id: &ContainerId) {
        self.raw.kill_container(&id.0, None::<query::KillContainerOptions>).await.unwrap();
    }

    async fn killed_for_memory(&self) -> ContainerId {
        let env = vec!["ECHO_MEMORY_MB=64".to_owned()];
        let id = self.started_of(&TaskSpec { memory: 16 << 20, env, ..self.spec(Kind::Server) }).await;
        self.ended(&id).await;
        id
    }

    async fn add_foreign(&self, name: &str) -> ContainerId {
        let options = query::CreateContainerOptionsBuilder::new().name(name).build();
        // The cluster's label alone does not make it orc's, and lets it be cleaned up.
        let cluster = (labels::CLUSTER.to_owned(), self.owner.cluster.to_string());
        let body = ContainerCreateBody {
            image: Some(BUSYBOX.to_owned()),
            labels: Some([cluster].into()),
            ..ContainerCreateBody::default()
        };
        ContainerId(self.raw.create_container(Some(options), body).await.unwrap().id)
    }

    async fn archive_of(&self, image: &str) -> Vec<u8> {
        let (repository, tag) = image.rsplit_once(':').unwrap();
        let options = query::TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
        self.raw.tag_image(BUSYBOX, Some(options)).await.unwrap();
        let pieces: Vec<_> = self.raw.export_image(image).map(Result::unwrap).collect().await;
        self.raw.remove_image(image, None::<query::RemoveImageOptions>, None).await.unwrap();
        pieces.concat()
    }

    async fn add_foreign_network(&self, name: &str) {
        let request = NetworkCreateRequest { name: name.to_owned(), ..NetworkCreateRequest::default() };
        self.raw.create_network(request).await.unwrap();
    }

    async fn remove_foreign_network(&self, name: &str) {
        self.raw.remove_network(name).await.unwrap();
    }
}
