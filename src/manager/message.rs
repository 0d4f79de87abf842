//! What is said to a manager's keeper, and what it answers.

use tokio::sync::oneshot;

use crate::model::access::Token;
use crate::model::id::{NodeName, RequestId, TaskId};
use crate::model::image::{ImageName, StoredImage};
use crate::model::managed_file::{Contents, FileKey, FileKind};
use crate::model::request::Request;
use crate::model::service::ServiceName;
use crate::plan::cluster::change::{self, Force, NodePatch, Put, Refusal, ServiceChange, Submission};
use crate::store::Error;
use crate::trust::registry::{Earlier, Refusal as TrustRefusal};
use crate::trust::{Digest, JoinToken, SealError};
use crate::wire::file::ManagedFile;
use crate::wire::node::Node;
use crate::wire::rebalance::Rebalance;
use crate::wire::service::{Endpoints, Run, Service, Version};
use crate::wire::state::History;
use crate::wire::sync::{StreamRequest, SyncAnswer, SyncRequest};

/// One thing said, and where the answer goes. Answered once it is durable.
#[derive(Debug)]
pub struct Word {
    /// What.
    pub message: Message,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

/// What can be said.
#[derive(Debug)]
pub enum Message {
    /// A user wants a task.
    Submit {
        /// The task.
        submission: Submission,
        /// What is remembered for repetitions.
        request: Request,
    },
    /// A user wants a task to stop.
    Stop {
        /// Which.
        task: TaskId,
        /// What is remembered for repetitions, when it was a `TaskEvent`.
        request: Option<Request>,
    },
    /// A worker speaks.
    Sync {
        /// Which.
        node: NodeName,
        /// What it says.
        request: Box<SyncRequest>,
        /// Told once that is taken in, which may be long before there is news to answer with.
        taken_in: oneshot::Sender<()>,
    },
    /// A user wants to read a task's output.
    Stream {
        /// Which worker has it.
        node: NodeName,
        /// What is wanted.
        request: StreamRequest,
    },
    /// An operator has an older history go on.
    AcceptState,
    /// Is the history the latest?
    State,
    /// A user wants to see the nodes.
    Nodes,
    /// A user wants to see one node.
    Node {
        /// Which.
        node: NodeName,
    },
    /// An operator changes a node.
    SetNode {
        /// Which.
        node: NodeName,
        /// What is to be different.
        patch: NodePatch,
    },
    /// A user wants to see what a rebalance would move.
    ProposeRebalance,
    /// An operator wants tasks moved to where they stand better.
    Rebalance,
    /// An operator takes a node out of the cluster.
    RemoveNode {
        /// Which.
        node: NodeName,
        /// Whether it may be one that is still heard of, or that has tasks.
        force: Force,
    },
    /// A user changes a service.
    Service {
        /// How.
        change: ServiceChange,
    },
    /// A user wants to see the services.
    Services,
    /// A user wants to see one service.
    ServiceOf {
        /// Which.
        service: ServiceName,
    },
    /// A user wants to see who is behind the ports of a service.
    Endpoints {
        /// Which.
        service: ServiceName,
    },
    /// A user wants to see the versions of a service.
    Versions {
        /// Which.
        service: ServiceName,
    },
    /// A user wants a run of a service now.
    Run {
        /// Which, and whose word that is.
        word: change::Word,
        /// Heard once, however often it is sent.
        request: RequestId,
    },
    /// A user wants to see the runs of a service.
    Runs {
        /// Which.
        service: ServiceName,
    },
    /// A user wants a secret or a config, or a version of one.
    PutFile {
        /// Which, and what is said of it.
        put: Box<Put>,
        /// What is in it.
        contents: Contents,
    },
    /// A user wants a secret or a config to be no more.
    RemoveFile {
        /// Which.
        key: FileKey,
        /// Who says so, in words.
        by: String,
    },
    /// A user wants to see the secrets, or the configs.
    Files {
        /// Which of them.
        kind: FileKind,
    },
    /// A user wants to see one secret or config.
    FileOf {
        /// Which.
        key: FileKey,
    },
    /// May the worker of a node have this?
    MayHave {
        /// Which node.
        node: NodeName,
        /// Which file.
        key: FileKey,
        /// Which version.
        version: u64,
    },
    /// A user has sent an image, whose archive is kept.
    PutImage {
        /// Which.
        image: Box<StoredImage>,
    },
    /// A user wants to see the images.
    Images,
    /// May the worker of a node have this image?
    MayFetch {
        /// Which node.
        node: NodeName,
        /// Which image.
        image: ImageName,
    },
    /// A worker wants to be let in.
    Join {
        /// What it shows for it.
        token: JoinToken,
        /// Under which name.
        node: NodeName,
        /// The digest of its public key.
        key: Digest,
    },
    /// A token was made.
    Grant {
        /// Without its secret.
        token: Token,
        /// What becomes of those before it.
        earlier: Earlier,
    },
    /// A token is to be void.
    Revoke {
        /// Its identifier.
        id: String,
    },
}

/// What is answered.
#[derive(Debug)]
pub enum Answer {
    /// It is durable.
    Done,
    /// It was done before: the answer is in the store.
    Repeated,
    /// It is not done, and nothing has changed.
    Refused(Refused),
    /// A worker's word is durable. Never sent: [`Answer::News`] follows.
    Synced,
    /// What a worker must know.
    News(Box<SyncAnswer>),
    /// How the history stands.
    State(History),
    /// The nodes.
    Nodes(Vec<Node>),
    /// One node.
    Node(Box<Node>),
    /// What a rebalance moves.
    Rebalance(Box<Rebalance>),
    /// The services.
    Services(Vec<Service>),
    /// One service.
    Service(Box<Service>),
    /// Who is behind the ports of a service.
    Endpoints(Endpoints),
    /// The versions of a service, oldest first.
    Versions(Vec<Version>),
    /// One run of a service.
    Run(Box<Run>),
    /// The runs of a service, oldest first.
    Runs(Vec<Run>),
    /// The secrets, or the configs.
    Files(Vec<ManagedFile>),
    /// One secret or config.
    File(Box<ManagedFile>),
    /// The images.
    Images(Vec<StoredImage>),
}

/// Why something is not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// It breaks a rule of the cluster.
    #[error(transparent)]
    Rule(#[from] Refusal),
    /// It breaks a rule of letting in.
    #[error(transparent)]
    Trust(#[from] TrustRefusal),
    /// A secret cannot be encrypted.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// There is no room to write it down.
    #[error("{0}")]
    OutOfSpace(String),
    /// It could not be written down.
    #[error("{0}")]
    Store(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::Full(why) => Self::OutOfSpace(why),
            error => Self::Store(error.to_string()),
        }
    }
}
