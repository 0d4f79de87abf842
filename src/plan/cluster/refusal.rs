//! Why a user's change of the cluster cannot be made.

use crate::model::id::{NodeName, RequestId, TaskId};
use crate::model::image::ImageName;
use crate::model::managed_file::FileKey;
use crate::model::port::Port;
use crate::model::service::ServiceName;

/// Why a user's change cannot be made. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another live task has the name.
    #[error(
        "the name {name:?} is in use by the live task {holder}; stop that one first, or choose another name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: TaskId,
    },
    /// There is a task with this ID.
    #[error(
        "a task with the ID {0} exists already; send the TaskEvent that made it again, or choose another Task.ID"
    )]
    TaskExists(TaskId),
    /// The request's ID was used for something else.
    #[error(
        "a TaskEvent with the ID {0} was accepted before and asked for something else; choose another ID"
    )]
    RequestReused(RequestId),
    /// There is no such task.
    #[error("no task has the ID {0}")]
    UnknownTask(TaskId),
    /// There is no such node.
    #[error("no node is called {0}; `orc node ls` lists them")]
    UnknownNode(NodeName),
    /// A node lives.
    #[error(
        "{0} is still heard of: end its worker first, or drain it with `orc node drain {0}`; with force it is \
         removed all the same, and its tasks run elsewhere"
    )]
    NodeLives(NodeName),
    /// A node that is gone has tasks.
    #[error(
        "{node} is not heard of, but {tasks} live tasks are on it: with force they are taken for stopped there and run \
         elsewhere; do that only when that machine is off for good"
    )]
    NodeHasTasks {
        /// Which node.
        node: NodeName,
        /// How many.
        tasks: u32,
    },
    /// The last node would take no tasks any more.
    #[error(
        "{node} is the last node that takes tasks: its {tasks} live tasks could go nowhere. Let another node join or \
         activate one first; with force it is closed all the same"
    )]
    LastNode {
        /// Which node.
        node: NodeName,
        /// How many it has.
        tasks: u32,
    },
    /// The database went back in time.
    #[error("{0}")]
    SafeMode(String),
    /// Nothing is wrong with the database.
    #[error("this manager's history is the latest that any worker knows: there is nothing to accept")]
    NothingToAccept,
    /// Another worker has the same identity.
    #[error(
        "another worker speaks for {0} already: two with one identity cannot both run its tasks. End one of them; on \
         a copied machine, remove the worker's database and let it join under a name of its own"
    )]
    NodeTwice(NodeName),
    /// There is no such service.
    #[error("no service is called {0}; `orc service ls` lists them")]
    UnknownService(ServiceName),
    /// There is one of that name.
    #[error("a service is called {0} already: change that one, or choose another name")]
    ServiceExists(ServiceName),
    /// Another service has a port.
    #[error("the port {port} is the service {holder}'s on every node: publish another one")]
    PortTaken {
        /// Which.
        port: Port,
        /// Whose.
        holder: ServiceName,
    },
    /// One of that name is damaged.
    #[error(
        "the service {0} is in the database and cannot be read, so nothing is done about it: orc's log says why"
    )]
    UnreadableService(ServiceName),
    /// It is on its way out.
    #[error(
        "{service} was removed, and {tasks} of its tasks are still ending: the name is free once they have"
    )]
    ServiceLeaves {
        /// Which.
        service: ServiceName,
        /// How many.
        tasks: usize,
    },
    /// Somebody else has changed it meanwhile.
    #[error(
        "{service} is not at version {expected} any more: version {version} was made meanwhile, by {by}. Look at what it \
         is now, and send your change on top of that"
    )]
    ServiceChanged {
        /// Which.
        service: ServiceName,
        /// What the user took it to be.
        expected: u64,
        /// What it is.
        version: u64,
        /// Who made that.
        by: String,
    },
    /// It has no number of tasks.
    #[error("{service} is of the mode {mode}: only a replicated service has a number of tasks to change")]
    NotReplicated {
        /// Which.
        service: ServiceName,
        /// Of which mode.
        mode: &'static str,
    },
    /// It has no runs.
    #[error("{service} is of the mode {mode}: only a service of the mode cron has runs")]
    NotByClock {
        /// Which.
        service: ServiceName,
        /// Of which mode.
        mode: &'static str,
    },
    /// Its runs may not overlap, and one goes on.
    #[error(
        "run {run} of {service} has not ended, and its runs may not overlap: wait for it, stop its task, or let Overlap be \
         \"allow\" or \"replace\""
    )]
    RunGoesOn {
        /// Of which.
        service: ServiceName,
        /// The run's number.
        run: u32,
    },
    /// A version is not kept, or never was.
    #[error("{service} has no version {version} to bring back; it has {}", numbers(.kept))]
    UnknownVersion {
        /// Of which.
        service: ServiceName,
        /// The version.
        version: u64,
        /// Those that there are.
        kept: Vec<u64>,
    },
    /// It has only one version.
    #[error("{0} has no version before this one to bring back")]
    NoVersionBefore(ServiceName),
    /// There is no such secret or config.
    #[error("there is no {kind} called {name}; `orc {kind} ls` lists them", kind = .0.kind, name = .0.name)]
    UnknownFile(FileKey),
    /// There is no such version of it.
    #[error("{key} has no version {version}")]
    UnknownFileVersion {
        /// Of which.
        key: FileKey,
        /// The version.
        version: u64,
    },
    /// A worker asks for what no task on its node names.
    #[error("no task that is to run on {node} names version {version} of {key}")]
    NotAssigned {
        /// Whose worker.
        node: NodeName,
        /// For which.
        key: FileKey,
        /// The version.
        version: u64,
    },
    /// There is one of that name, and something else is in it.
    #[error(
        "{key} is there already, and has other contents: `orc {kind} update` makes a new version of it, or choose another name",
        key = .0, kind = .0.kind
    )]
    FileExists(FileKey),
    /// It is in use.
    #[error("{key} is in use by {by}: take it out there first")]
    FileInUse {
        /// Which.
        key: FileKey,
        /// By whom, in words.
        by: String,
    },
    /// There is no such image here.
    #[error("this manager has no image {0}: `orc deploy` builds and sends it")]
    UnknownImage(ImageName),
    /// A worker asks for what no task on its node names.
    #[error("no task that is to run on {node} names the image {image}")]
    ImageNotNamed {
        /// Whose worker.
        node: NodeName,
        /// For which.
        image: ImageName,
    },
    /// A field's value is not possible.
    #[error("{0}")]
    BadSpec(String),
    /// No node that there is could ever run its tasks.
    #[error("no node could ever run it, even if it ran nothing else: {0}")]
    NeverFits(String),
    /// A rollout cannot go on like that.
    #[error("{0}")]
    NothingToSteer(String),
}

fn numbers(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
