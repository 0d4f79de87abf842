//! What a process of orc is: a manager, a worker, or one manager and its workers in one.

mod addresses;
mod manager;
mod signals;
mod worker;

use std::io::Write;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::signals::Signals;
pub use self::worker::{Employer, JoinLine};
use crate::client::InvalidBase;
use crate::engine::docker::InvalidAddress;
use crate::serve::{self, BindError};
use crate::settings::Settings;
use crate::store::Error as StoreError;
use crate::trust::TrustError;
use crate::worker::membership::JoinError;

/// What the process is to be.
#[derive(Debug, Clone)]
pub enum Role {
    /// One manager and its workers.
    AllInOne,
    /// A manager alone.
    Manager,
    /// A worker alone, for this manager.
    Worker(Employer),
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
    /// A key or a certificate cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The engine's address is none.
    #[error(transparent)]
    Docker(#[from] InvalidAddress),
    /// The manager's address is none.
    #[error(transparent)]
    Client(#[from] InvalidBase),
    /// The manager does not let this worker join.
    #[error("this worker could not join: {0}")]
    Join(#[from] JoinError),
    /// The worker belongs elsewhere.
    #[error("{0}")]
    Elsewhere(String),
    /// The manager could not write down what it begins with.
    #[error(transparent)]
    Manager(#[from] crate::manager::Trouble),
    /// The system does not let orc listen for signals.
    #[error("this system does not let orc listen for SIGTERM: {0}")]
    Signals(std::io::Error),
}

/// Requests and calls under way have so long to end when the process stops.
const FAREWELL: Duration = Duration::from_secs(3);

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
    let banner = process.begin(&settings, role).await?;
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

impl Process {
    /// Starts what the role is made of; the lines that are printed first. All addresses and databases are taken before
    /// anything runs.
    async fn begin(&self, settings: &Settings, role: Role) -> Result<Vec<String>, RoleError> {
        let mut banner = Vec::new();
        match role {
            Role::AllInOne => {
                let prepared = worker::prepare(settings, settings.workers).await?;
                let manager = manager::prepare(settings).await?;
                let employer = manager.employer();
                banner.extend(prepared.iter().map(|worker| worker.banner(settings.workers)));
                banner.extend(manager.start(self, settings).await?);
                for worker in prepared {
                    worker.start(self, settings, employer.clone()).await?;
                }
            }
            Role::Manager => {
                banner.extend(manager::prepare(settings).await?.start(self, settings).await?);
            }
            Role::Worker(employer) => {
                for worker in worker::prepare(settings, 1).await? {
                    banner.push(worker.banner(1));
                    worker.start(self, settings, employer.clone()).await?;
                }
            }
        }
        Ok(banner)
    }

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
