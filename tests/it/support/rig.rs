//! An engine under test, and the hands that reach it from outside.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use orc::engine::Engine;
use orc::model::container::{Container, Failure, Identity, Owner};
use orc::model::id::ContainerId;
use orc::model::spec::TaskSpec;

use super::cases::{new_identity, new_name};
use super::patience::until;

/// What the program of a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Runs until it is stopped, then ends with 0. The image exposes 7777/tcp.
    Server,
    /// Runs, and does not listen to the signal that asks it to stop.
    Deaf,
    /// Ends at once with this code.
    Ends(u8),
    /// Writes `one`, `two` and `three` on lines of their own and ends with 0.
    Talks,
    /// Cannot be started: there is no such program.
    Absent,
    /// Runs with a HEALTHCHECK that passes.
    Checked,
    /// Runs, and has the programs of a shell: those of [`programs`].
    Shell,
}

/// A command, and how it ends: with this code, after writing this; `None` = not at all.
pub(crate) type Known = (Vec<String>, Option<(i64, String)>);

/// Programs that can be run in a container of [`Kind::Shell`]; the last one does not end.
pub(crate) fn programs() -> Vec<Known> {
    let shell = |line: &str| ["sh", "-c", line].map(str::to_owned).to_vec();
    vec![
        (shell("true"), Some((0, String::new()))),
        (shell("echo one; echo two; exit 3"), Some((3, "one\ntwo\n".to_owned()))),
        (shell("yes | head -c 100000"), Some((0, "y\n".repeat(50_000)))),
        (shell("sleep 100000"), None),
    ]
}

/// One engine, with one owner for this test.
pub(crate) trait Rig: Sync + Sized {
    type Engine: Engine;

    fn engine(&self) -> &Self::Engine;

    /// Whose containers this test makes.
    fn owner(&self) -> &Owner;

    /// A specification whose containers do this.
    fn spec(&self, kind: Kind) -> TaskSpec;

    /// A port of the host that nobody holds.
    fn free_port(&self) -> u16;

    /// Somebody else pauses the container.
    fn pause(&self, id: &ContainerId) -> impl Future<Output = ()>;

    /// Somebody else removes it by force.
    fn vanish(&self, id: &ContainerId) -> impl Future<Output = ()>;

    /// Somebody else renames it.
    fn rename(&self, id: &ContainerId, name: &str) -> impl Future<Output = ()>;

    /// Somebody else sets its memory limit to 64 MiB.
    fn change_limits(&self, id: &ContainerId) -> impl Future<Output = ()>;

    /// Somebody else kills its first process.
    fn kill(&self, id: &ContainerId) -> impl Future<Output = ()>;

    /// A container that has ended because it wanted more than its memory limit.
    fn killed_for_memory(&self) -> impl Future<Output = ContainerId>;

    /// A container without labels of orc.
    fn add_foreign(&self, name: &str) -> impl Future<Output = ContainerId>;

    /// An archive that brings an image of this name, which is not there.
    fn archive_of(&self, image: &str) -> impl Future<Output = Vec<u8>>;

    /// A network without labels of orc.
    fn add_foreign_network(&self, name: &str) -> impl Future<Output = ()>;

    /// Whoever made it takes it away.
    fn remove_foreign_network(&self, name: &str) -> impl Future<Output = ()>;

    /// A container of this kind, created and not started.
    async fn created(&self, kind: Kind) -> (ContainerId, Identity) {
        self.created_of(&self.spec(kind)).await
    }

    /// The same with a specification of one's own.
    async fn created_of(&self, spec: &TaskSpec) -> (ContainerId, Identity) {
        let identity = new_identity();
        let id = self.engine().create(self.owner(), &new_name(), &identity, spec).await.unwrap();
        (id, identity)
    }

    /// A container of this kind, started.
    async fn started(&self, kind: Kind) -> ContainerId {
        let (id, _) = self.created(kind).await;
        self.engine().start(&id).await.unwrap();
        id
    }

    /// The same with a specification of one's own.
    async fn started_of(&self, spec: &TaskSpec) -> ContainerId {
        let (id, _) = self.created_of(spec).await;
        self.engine().start(&id).await.unwrap();
        id
    }

    async fn inspected(&self, id: &ContainerId) -> Container {
        self.engine().inspect(self.owner(), &id.0).await.unwrap()
    }

    /// The container as its end is seen.
    async fn ended(&self, id: &ContainerId) -> Container {
        let has_ended = |container: &Container| !container.status.is_live();
        until("the container ends", || self.inspected(id), has_ended).await
    }

    /// The container as the list shows it.
    async fn listed(&self, id: &ContainerId) -> Option<Container> {
        let list = self.engine().list(self.owner()).await.unwrap();
        list.into_iter().find(|container| container.id == *id)
    }
}

/// Which of its kinds a failure is.
pub(crate) fn kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::Missing(_) => "missing",
        Failure::Conflict(_) => "conflict",
        Failure::Refused(_) => "refused",
        Failure::Unreachable(_) => "unreachable",
        Failure::Unknown(_) => "unknown",
    }
}

/// Asserts that a call failed in this way, with some words about it.
#[track_caller]
pub(crate) fn assert_fails<T: std::fmt::Debug>(result: Result<T, Failure>, wanted: &str) {
    let failure = result.expect_err("this should have failed");
    assert_eq!(kind(&failure), wanted, "{failure:?}");
    assert!(!failure.to_string().is_empty());
}

/// Creates containers until the stream tells of one: a real stream is open some time after it was asked for, and
/// nothing says when. None of these calls is given up, or it might be done after the test.
pub(crate) async fn first_event<T>(
    rig: &impl Rig,
    events: &mut (impl Stream<Item = T> + Unpin),
) -> Option<T> {
    let heard = Cell::new(false);
    let listen = async {
        let event = events.next().await;
        heard.set(true);
        event
    };
    let knock = async {
        while !heard.get() {
            rig.created(Kind::Server).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::join!(listen, knock).0
}
