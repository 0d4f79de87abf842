//! What a process of orc is: a manager, a worker, or one manager and its workers in one.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::Client;
use crate::clock::Clock;
use crate::engine::docker::{Docker, DockerEnv, InvalidAddress};
use crate::engine::{Deadlines, Engine};
use crate::manager::{self, Manager};
use crate::model::id::NodeName;
use crate::model::node::NodeFacts;
use crate::plan::cluster::reconcile::Patience;
use crate::serve::{self, BindError, Bound};
use crate::settings::{MANAGER_PORT, Settings, WORKER_PORT};
use crate::store::Error as StoreError;
use crate::store::manager::ManagerStore;
use crate::store::worker::WorkerStore;
use crate::wire::submission::BindRoots;
use crate::worker::keeper::{Keeper as WorkerKeeper, Start};
use crate::worker::sync::Sync;
use crate::worker::{self, hints, machine};

/// What the process is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// One manager and its workers.
    AllInOne,
    /// A manager alone.
    Manager,
    /// A worker alone.
    Worker {
        /// URL of its manager.
        manager: String,
    },
}

/// Why the process cannot begin or go on. Each is a sentence that names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine's address is none.
    #[error(transparent)]
    Docker(#[from] InvalidAddress),
    /// The manager's address is none.
    #[error(transparent)]
    Client(#[from] crate::client::InvalidBase),
    /// The system does not let orc listen for signals.
    #[error("this system does not let orc listen for SIGTERM: {0}")]
    Signals(std::io::Error),
}

/// Requests and calls under way have so long to end when the process stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// What is said of the engine is asked so often.
const DESCRIBE_EVERY: Duration = Duration::from_secs(30);

/// Ends of everything that runs.
struct Process {
    stop: CancellationToken,
    tracker: TaskTracker,
    /// The first error that ends the process.
    failed: watch::Sender<Option<StoreError>>,
}

/// Runs until a signal, or until a database can no longer be trusted. The containers go on running.
pub async fn run(settings: Settings, role: Role) -> Result<(), RoleError> {
    serve::descriptors::raise_limit();
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let (failed, mut failure) = watch::channel(None);
    let process = Process { stop: CancellationToken::new(), tracker: TaskTracker::new(), failed };
    let signals = Signals::listen().map_err(RoleError::Signals)?;
    let mut banner = Vec::new();
    match &role {
        Role::AllInOne => {
            let prepared = prepare_workers(&settings, settings.workers).await?;
            let manager = prepare_manager(&settings).await?;
            let url = format!("http://{}", manager.bound);
            banner.extend(prepared.iter().map(|worker| worker.banner(settings.workers)));
            banner.push(format!("Starting Orc manager at {}", manager.bound));
            start_manager(&process, &settings, manager).await?;
            for worker in prepared {
                start_worker(&process, &settings, worker, &url).await?;
            }
        }
        Role::Manager => {
            let manager = prepare_manager(&settings).await?;
            banner.push(format!("Starting Orc manager at {}", manager.bound));
            start_manager(&process, &settings, manager).await?;
        }
        Role::Worker { manager } => {
            for worker in prepare_workers(&settings, 1).await? {
                banner.push(worker.banner(1));
                start_worker(&process, &settings, worker, manager).await?;
            }
        }
    }
    // A closed stdout is no reason not to serve.
    let _ = writeln!(std::io::stdout(), "{}", banner.join("\n"));
    tokio::select! {
        () = signals.first() => tracing::info!("stopping; the containers go on running"),
        _ = failure.wait_for(Option::is_some) => {}
    }
    process.stop.cancel();
    process.tracker.close();
    if tokio::time::timeout(FAREWELL, process.tracker.wait()).await.is_err() {
        tracing::debug!("something was still under way");
    }
    let failure = failure.borrow().clone();
    failure.map_or(Ok(()), |error| Err(RoleError::Store(error)))
}

/// A manager whose store and address are taken.
struct PreparedManager {
    store: ManagerStore,
    bound: Bound,
}

/// A worker whose store and address are taken.
struct PreparedWorker {
    number: u16,
    node: NodeName,
    store: WorkerStore,
    bound: Bound,
}

impl PreparedWorker {
    fn banner(&self, workers: u16) -> String {
        match workers {
            1 => format!("Starting Orc worker at {}", self.bound),
            _ => format!("Starting Orc worker-{} at {}", self.number, self.bound),
        }
    }
}

async fn prepare_manager(settings: &Settings) -> Result<PreparedManager, RoleError> {
    let store = ManagerStore::open(&settings.data_dir, Clock.now().wall).await?;
    let bound = serve::bind(&settings.manager, MANAGER_PORT)?;
    Ok(PreparedManager { store, bound })
}

async fn prepare_workers(settings: &Settings, count: u16) -> Result<Vec<PreparedWorker>, RoleError> {
    let mut prepared = Vec::new();
    for index in 0..count {
        let number = index + 1;
        let store = WorkerStore::open(&settings.data_dir, u32::from(number), Clock.now().wall).await?;
        let bound = serve::bind(&settings.worker_at(index), WORKER_PORT)?;
        let own_name = settings.node_name.clone().filter(|_| count == 1);
        let node = own_name.unwrap_or_else(|| default_name(number));
        prepared.push(PreparedWorker { number, node, store, bound });
    }
    Ok(prepared)
}

fn default_name(number: u16) -> NodeName {
    format!("worker-{number}").parse().expect("\"worker-\" and a number is a node name")
}

async fn start_manager(
    process: &Process,
    settings: &Settings,
    prepared: PreparedManager,
) -> Result<(), RoleError> {
    let reader = prepared.store.reader();
    let patience = Patience { retention: settings.retention, ..Patience::default() };
    let (keeper, ends) = manager::keeper::Keeper::open(prepared.store, settings.scheduler, patience).await?;
    let roots = BindRoots(settings.bind_mounts.clone());
    let handle = Manager::new(ends, reader, roots, process.stop.clone());
    process.keep(keeper.run(process.stop.clone()));
    let options = serve::Options { routes: manager::http::ROUTES, ..serve::Options::default() };
    serve::start(prepared.bound, manager::http::router(handle), options, &process.stop, &process.tracker);
    Ok(())
}

async fn start_worker(
    process: &Process,
    settings: &Settings,
    prepared: PreparedWorker,
    manager_url: &str,
) -> Result<(), RoleError> {
    let engine = Arc::new(Docker::connect(&docker_env(settings), Deadlines::default())?);
    let client = Client::new(manager_url)?;
    let (describe, facts) = watch::channel(NodeFacts {
        ip: "127.0.0.1".to_owned(),
        api: format!("http://{}", prepared.bound),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..machine::facts()
    });
    let start = Start {
        node: prepared.node,
        store: prepared.store,
        engine: engine.clone(),
        boot: machine::boot_id(),
        facts,
        tracker: process.tracker.clone(),
    };
    let (keeper, worker) = WorkerKeeper::open(start).await?;
    let node = keeper.node().clone();
    process.keep(keeper.run(process.stop.clone()));
    process.spawn(describe_engine(engine.clone(), describe));
    process.tracker.spawn(hints::listen(engine.clone(), worker.clone(), process.stop.clone()));
    let tracker = process.tracker.clone();
    let sync = Sync { node: node.clone(), worker: worker.clone(), engine, manager: client.clone(), tracker };
    process.tracker.spawn(sync.run(process.stop.clone()));
    let options = serve::Options { routes: worker::http::ROUTES, ..serve::Options::default() };
    let api = worker::http::Api { worker, node, manager: client };
    serve::start(prepared.bound, worker::http::router(api), options, &process.stop, &process.tracker);
    Ok(())
}

fn docker_env(settings: &Settings) -> DockerEnv {
    let docker = &settings.docker;
    let in_home = || std::env::home_dir().map(|home| home.join(".docker"));
    DockerEnv {
        host: docker.host.clone(),
        config_dir: docker.config_dir.clone().or_else(in_home),
        context: docker.context.clone(),
        tls_verify: docker.tls_verify,
        api_version: docker.api_version.clone(),
    }
}

/// Keeps what is said of the engine up to date.
async fn describe_engine<E: Engine>(engine: Arc<E>, describe: watch::Sender<NodeFacts>) {
    loop {
        let wait = match engine.info().await {
            Ok(info) => {
                describe.send_modify(|facts| {
                    facts.engine = info.version;
                    facts.cores = info.cores;
                    facts.memory = info.memory;
                });
                DESCRIBE_EVERY
            }
            Err(failure) => {
                tracing::debug!("the engine does not describe itself: {failure}");
                Duration::from_secs(1)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

impl Process {
    /// Runs a keeper; the process ends when it fails.
    fn keep(&self, keeper: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
        let failed = self.failed.clone();
        self.tracker.spawn(async move {
            if let Err(error) = keeper.await {
                failed.send_replace(Some(error));
            }
        });
    }

    /// Runs something until the stop.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled(work).await });
    }
}

/// SIGTERM and SIGINT, caught from the beginning, so that one that comes early is not lost.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn first(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
