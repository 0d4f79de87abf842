//! The floor: the bare Engine API, called with what orc sends and in the best order that is known.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, EventMessage, HostConfig, RestartPolicy, RestartPolicyNameEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, EventsOptionsBuilder, KillContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptions,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use orc::model::id::TaskId;
use orc::settings::Settings;

/// What every container runs. It ends at once on SIGTERM.
pub(crate) const IMAGE: &str = "orc-test/echo:latest";

/// On every container of a run, whoever made it; its value is the run.
pub(crate) const LABEL: &str = "orc-bench.run";

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// Seconds for one call.
const TIMEOUT: u64 = 120;

/// A client of the engine that keeps nothing in mind.
pub(crate) struct Bare {
    docker: Docker,
    host: String,
    run: String,
}

impl Bare {
    /// The engine at `DOCKER_HOST`, which must have the image.
    pub(crate) async fn connect(settings: &Settings) -> anyhow::Result<Self> {
        let host = settings.docker.host.clone().unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let Some(socket) = host.strip_prefix("unix://") else {
            bail!("DOCKER_HOST is {host}: the benchmarks speak with an engine over a Unix socket only");
        };
        let docker = Docker::connect_with_unix(socket, TIMEOUT, bollard::API_DEFAULT_VERSION)?;
        docker.inspect_image(IMAGE).await.with_context(|| {
            format!("the engine at {host} has no {IMAGE}: run scripts/with-engine.sh cargo bench")
        })?;
        Ok(Self { docker, host, run: TaskId::generate().to_string() })
    }

    /// `DOCKER_HOST` for an orc beside it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The value of [`LABEL`].
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Version of the engine.
    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        Ok(self.docker.version().await?.version.unwrap_or_default())
    }

    /// Creates and starts one container; its ID.
    pub(crate) async fn start(&self) -> anyhow::Result<String> {
        let name = format!("orc-bench-floor-{}", TaskId::generate());
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let id = self.docker.create_container(Some(options), self.body()).await?.id;
        self.docker.start_container(&id, None::<StartContainerOptions>).await?;
        Ok(id)
    }

    /// What orc sends for a task of [`IMAGE`] and nothing else.
    fn body(&self) -> ContainerCreateBody {
        let labels = ["cluster", "node", "task", "attempt", "spec", "cpu", "memory"];
        let labels = labels.map(|name| (format!("orc-bench.{name}"), "as many labels as orc's".to_owned()));
        let run = (LABEL.to_owned(), self.run.clone());
        let never = RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None };
        ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            labels: Some(labels.into_iter().chain([run]).collect()),
            host_config: Some(HostConfig {
                publish_all_ports: Some(true),
                restart_policy: Some(never),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }

    /// Stops and removes one container.
    pub(crate) async fn stop(&self, id: &str) -> anyhow::Result<()> {
        self.docker.stop_container(id, None::<StopContainerOptions>).await?;
        self.remove(id).await
    }

    /// Removes one container, running or not.
    pub(crate) async fn remove(&self, id: &str) -> anyhow::Result<()> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        Ok(self.docker.remove_container(id, Some(options)).await?)
    }

    /// Starts `count` containers, so many at a time; the seconds that it took, and their IDs.
    pub(crate) async fn start_many(
        &self,
        count: usize,
        at_a_time: usize,
    ) -> anyhow::Result<(f64, Vec<String>)> {
        let begin = Instant::now();
        let starts = (0..count).map(|_| self.start());
        let ids: Vec<String> = stream::iter(starts).buffer_unordered(at_a_time).try_collect().await?;
        Ok((begin.elapsed().as_secs_f64(), ids))
    }

    /// Stops and removes containers, so many at a time; the seconds that it took.
    pub(crate) async fn stop_many(&self, ids: &[String], at_a_time: usize) -> anyhow::Result<f64> {
        let begin = Instant::now();
        let stops = stream::iter(ids.iter().map(|id| self.stop(id)));
        stops.buffer_unordered(at_a_time).try_collect::<Vec<()>>().await?;
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Kills a container, whoever made it.
    pub(crate) async fn kill(&self, id: &str) -> anyhow::Result<()> {
        Ok(self.docker.kill_container(id, None::<KillContainerOptions>).await?)
    }

    /// The deaths of this run's containers as the engine tells them, from `since` on (seconds since 1970).
    pub(super) fn deaths(
        &self,
        since: i64,
    ) -> impl Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin + use<> {
        let filters = HashMap::from([
            ("type".to_owned(), vec!["container".to_owned()]),
            ("event".to_owned(), vec!["die".to_owned()]),
            ("label".to_owned(), vec![self.label()]),
        ]);
        let options = EventsOptionsBuilder::new().since(&since.to_string()).filters(&filters).build();
        self.docker.events(Some(options)).boxed()
    }

    fn label(&self) -> String {
        format!("{LABEL}={}", self.run)
    }

    /// Removes every container of this run. What a killed orc had asked for may still come: looks until there
    /// is none twice.
    pub(crate) async fn clean(&self) -> anyhow::Result<()> {
        const APART: Duration = Duration::from_millis(300);
        const PATIENCE: Duration = Duration::from_mins(1);
        let filters = HashMap::from([("label".to_owned(), vec![self.label()])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let (begin, mut empty) = (Instant::now(), 0);
        while empty < 2 {
            ensure!(
                begin.elapsed() < PATIENCE,
                "containers with the label {} cannot be removed",
                self.label()
            );
            let found = self.docker.list_containers(Some(options.clone())).await?;
            empty = if found.is_empty() { empty + 1 } else { 0 };
            let ids = found.into_iter().filter_map(|container| container.id);
            let removals = stream::iter(ids.map(|id| async move { self.remove(&id).await }));
            // What is being removed already shows up in the next list, if it does not go.
            let _: Vec<_> = removals.buffer_unordered(8).collect().await;
            tokio::time::sleep(APART).await;
        }
        Ok(())
    }
}
