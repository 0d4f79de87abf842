//! All Docker: one trait towards an engine, the real one behind it, and a fake one for faults that a real
//! one cannot be made to show.
//!
//! Every method is one conversation with the engine and decides nothing: no retries, no look before a leap.
//! Every method has a deadline of its own and ends as [`Failure::Unknown`] when that passes. All but `create`
//! may be repeated at will; `create` is made repeatable by its deterministic name (rule R1).

pub mod docker;
pub mod fake;
pub mod labels;

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use crate::model::container::{Container, Exit, Failure, Identity, Owner};
use crate::model::id::{ContainerId, ExecId, TaskId};
use crate::model::network::{Attachment, Network, NetworkId};
use crate::model::spec::TaskSpec;

/// One Docker Engine.
pub trait Engine: Send + Sync + 'static {
    /// What the engine says of itself. `GET /info` and `GET /volumes`.
    fn info(&self) -> impl Future<Output = Result<EngineInfo, Failure>> + Send;

    /// Every container of `owner`, in any state. A failed list is not an empty list (rule R7): a container of
    /// a task that cannot be understood fails the whole list; one whose labels name no task is left out. `GET /containers/json?all=true&filters=…`.
    fn list(&self, owner: &Owner) -> impl Future<Output = Result<Vec<Container>, Failure>> + Send;

    /// One container by ID or name, with [`Container::details`]. One that is not `owner`'s, or whose labels
    /// cannot be read, is a [`Failure::Conflict`] that says whose it is. `GET /containers/{id}/json`.
    fn inspect(
        &self,
        owner: &Owner,
        id_or_name: &str,
    ) -> impl Future<Output = Result<Container, Failure>> + Send;

    /// Creates a container in its networks, never starts it. [`Failure::Missing`] = no such image, [`Failure::Conflict`] =
    /// the name is taken. Where this fails, a container may be there all the same that is not in all of its networks.
    /// `POST /containers/create?name=…`, and for each network but the first `POST /networks/{name}/connect`.
    fn create(
        &self,
        owner: &Owner,
        name: &str,
        identity: &Identity,
        spec: &TaskSpec,
    ) -> impl Future<Output = Result<ContainerId, Failure>> + Send;

    /// Starts a container; one that runs already is a success. `POST /containers/{id}/start`.
    fn start(&self, id: &ContainerId) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Thaws a paused container; one that is not paused is a success. `POST /containers/{id}/unpause`.
    fn unpause(&self, id: &ContainerId) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Asks it to stop by the signal of `spec` or image, and kills it when its time is over; one that has
    /// ended is a success. Waits for the end. `POST /containers/{id}/stop`.
    fn stop(
        &self,
        id: &ContainerId,
        spec: Option<&TaskSpec>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes a container with its anonymous volumes; one that is gone is a success, one whose removal is
    /// under way a [`Failure::Conflict`]. `DELETE /containers/{id}?force=true&v=true`.
    fn remove(&self, id: &ContainerId) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Gives a container another name; one that has it already is a success. [`Failure::Conflict`] = the name is
    /// taken. `POST /containers/{id}/rename?name=…`.
    fn rename(&self, id: &ContainerId, name: &str) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sets CPU, memory and restart policy to what `spec` says. `POST /containers/{id}/update`.
    fn restore_limits(
        &self,
        id: &ContainerId,
        spec: &TaskSpec,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Runs a program inside a running container, as the container's own user, to its end; [`Failure::Conflict`] = the
    /// container does not run. The Engine API has no way to end a program: one that takes longer than `limit` goes on,
    /// and is told as [`Executed::Runs`], or as [`Executed::Waits`] where the engine itself is late. `POST /containers/{id}/exec`, `POST /exec/{id}/start`, `GET /exec/{id}/json`.
    fn exec(
        &self,
        id: &ContainerId,
        command: &[String],
        limit: Duration,
    ) -> impl Future<Output = Result<Executed, Failure>> + Send;

    /// Whether a program that was given to [`Engine::exec`] still runs, or may yet begin. [`Failure::Missing`] = the engine knows of no
    /// such one: it has ended some time ago, or its container has. `GET /exec/{id}/json`.
    fn exec_runs(&self, id: &ExecId) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// Fetches an image with the host's registry credentials, telling its progress; [`Failure::Unknown`]
    /// when nothing moved for 60 s. `POST /images/create`.
    fn pull(
        &self,
        image: &str,
        progress: watch::Sender<String>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Takes in an image that comes as an archive, telling its progress; [`Failure::Refused`] = that did not bring `image`,
    /// [`Failure::Unknown`] when nothing moved for 60 s. `POST /images/load`.
    fn load(
        &self,
        image: &str,
        archive: BoxStream<'static, io::Result<Bytes>>,
        progress: watch::Sender<String>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The network of a name, whoever's it is; [`Failure::Missing`] = there is none. `GET /networks/{name}`.
    fn network(&self, owner: &Owner, name: &str) -> impl Future<Output = Result<Network, Failure>> + Send;

    /// Every network that `owner` made, and nobody else's. `GET /networks?filters=…`.
    fn networks(&self, owner: &Owner) -> impl Future<Output = Result<Vec<Network>, Failure>> + Send;

    /// Makes a bridge of this name, with `owner`'s labels. Engines before 25 make a second one where there is one:
    /// look before. `POST /networks/create`.
    fn create_network(
        &self,
        owner: &Owner,
        wanted: &Attachment,
    ) -> impl Future<Output = Result<NetworkId, Failure>> + Send;

    /// Removes a network; one that is gone is a success, one in which containers run [`Failure::Refused`].
    /// `DELETE /networks/{id}`.
    fn remove_network(&self, id: &NetworkId) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What happens to `owner`'s containers from now on: hints, never truth (rule R9). Ends when the engine
    /// goes away. `GET /events`.
    fn events(&self, owner: &Owner) -> BoxStream<'static, Result<EngineEvent, Failure>>;

    /// What a container wrote. `GET /containers/{id}/logs`.
    fn logs(&self, id: &ContainerId, options: &LogOptions) -> BoxStream<'static, Result<LogChunk, Failure>>;
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineInfo {
    /// Version of the engine: `20.10.24`.
    pub version: String,
    /// Logical processors that it may use.
    pub cores: u32,
    /// Bytes of memory of its host.
    pub memory: u64,
    /// Its named volumes whose data is on its host; `None` = it does not say now.
    pub volumes: Option<BTreeSet<String>>,
}

/// Something happened to a container of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// To which one.
    pub container: ContainerId,
    /// Of which task.
    pub task: TaskId,
    /// Docker's word: `die`, `kill`, `destroy`, `update`, `pause`, `health_status: unhealthy` …
    pub action: String,
    /// Of a `kill`: the number of the signal, as far as it is told.
    pub signal: Option<u32>,
    /// Of a `die`: how it ended. Whether memory had to do with it, this does not tell.
    pub exit: Option<Exit>,
}

/// What became of a program in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executed {
    /// It has ended.
    Ended {
        /// 0 is success; 126 and 127: it could not be run at all.
        code: i64,
        /// What it wrote, both outputs as they came: its first [`EXEC_OUTPUT`] bytes.
        output: String,
    },
    /// It still runs.
    Runs(ExecId),
    /// The engine has taken it on and not begun it yet: it may begin later.
    Waits(ExecId),
}

/// So much of what a program writes is kept, in bytes.
pub const EXEC_OUTPUT: usize = 4096;

/// Which part of a container's output is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Go on with what it will write.
    pub follow: bool,
    /// Only so many last lines; `None` = all.
    pub tail: Option<u64>,
    /// Only what was written since, in seconds since 1970.
    pub since: Option<i64>,
    /// Begin each line with its time.
    pub timestamps: bool,
}

/// A piece of a container's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Whether it is from stderr.
    pub stderr: bool,
    /// The bytes as written; not aligned to lines.
    pub bytes: Bytes,
}

/// How long each kind of call may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Reading and small changes.
    pub call: Duration,
    /// Creating, starting and removing. Stopping has its grace period and [`Deadlines::call`].
    pub slow: Duration,
    /// A pull of which nothing moves.
    pub pull_idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            slow: Duration::from_secs(30),
            pull_idle: Duration::from_mins(1),
        }
    }
}
