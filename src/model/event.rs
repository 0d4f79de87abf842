//! One line of history.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::{NodeName, TaskId};
use super::time::Timestamp;

/// What happened, before the store has given it its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// When, by the clock of whoever saw it.
    pub at: Timestamp,
    /// The task that it is about, if any.
    pub task: Option<TaskId>,
    /// The node that it is about, if any.
    pub node: Option<NodeName>,
    /// The attempt that it is about; 0 = none.
    pub attempt: u32,
    /// Its kind.
    pub kind: EventKind,
    /// The exit code that it reports, if any.
    pub exit_code: Option<i64>,
    /// A sentence for people.
    pub message: String,
}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// The kind of an event: one word, as in the database and the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
        }
    };
}

event_kinds! {
    /// A task was accepted.
    Submitted = "submitted",
    /// A user asked for a task to be stopped.
    StopRequested = "stop-requested",
    /// A task was given to a node.
    Placed = "placed",
    /// A task leaves its node for another.
    Moved = "moved",
    /// A task stays at, or goes back to, the node that it was to leave.
    Stays = "stays",
    /// No node fits a task, and why.
    Unplaceable = "unplaceable",
    /// An image is being fetched, or could not be.
    Pulling = "pulling",
    /// An attempt's container was created and started, or was found running.
    Started = "started",
    /// A container that runs already was taken over after a restart.
    Adopted = "adopted",
    /// An attempt ended by itself.
    Exited = "exited",
    /// Something could not be done and will be tried again.
    Trouble = "trouble",
    /// An attempt ended and another follows.
    Restarting = "restarting",
    /// A container was put back as it should be: unpaused, limits restored, a stranger's stop undone.
    Healed = "healed",
    /// A health check changed its mind.
    Health = "health",
    /// A task is done.
    Completed = "completed",
    /// A task is given up.
    Failed = "failed",
    /// A container was removed.
    Removed = "removed",
    /// A node joined or came back.
    NodeReady = "node-ready",
    /// A node has not been heard of for its lease.
    NodeLost = "node-lost",
    /// An operator changed what a node may do, its labels or what is reserved of it.
    NodeChanged = "node-changed",
    /// An operator asked for tasks to be moved to where they stand better, or that is over.
    Rebalance = "rebalance",
    /// An operator took a node out of the cluster.
    NodeRemoved = "node-removed",
    /// An engine does not answer, or answers again.
    Engine = "engine",
    /// A worker let go of a task that may run only once, because it had not heard of its manager for its lease.
    Fenced = "fenced",
    /// A user changed what a service should be, or orc brought an earlier version of it back.
    ServiceChanged = "service-changed",
    /// A user wants a service to be no more.
    ServiceRemoved = "service-removed",
    /// A rollout came to its end, failed, is held or goes on.
    Rollout = "rollout",
    /// A run of a service by the clock was left out or replaced, or is over; or its runs are suspended or go on.
    Run = "run",
    /// A user made a version of a secret or a config, or removed one.
    FileChanged = "file-changed",
    /// A user sent an image that was built for a service, or the manager let go of one.
    ImageChanged = "image-changed",
    /// The manager's database is older than what a worker knows.
    SafeMode = "safe-mode",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for EventKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| format!("{word:?} is no kind of event"))
    }
}
