//! How a rotation of the cluster's authority stands, and its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Manager;
use super::admission::Invitation;
use crate::clock::Clock;
use crate::model::id::NodeName;
use crate::model::time::Timestamp;
use crate::trust::authority::NODE_LIFE;
use crate::trust::server::Door;
use crate::trust::{Authority, Digest, Registry};
use crate::wire::authority::{Authority as AuthorityView, Rotation};

/// Whether a rotation is over is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Who has renewed, and who has not.
#[derive(Debug, PartialEq, Eq)]
struct Progress {
    renewed: usize,
    waiting: Vec<NodeName>,
}

impl Progress {
    fn of(door: &Door, registry: &Registry) -> Self {
        let seen = door.seen();
        let (renewed, waiting): (Vec<&NodeName>, _) =
            registry.members().partition(|node| seen.contains(*node));
        Self { renewed: renewed.len(), waiting: waiting.into_iter().cloned().collect() }
    }

    /// Whether nobody needs the former authority any more: every worker has renewed, and no certificate that it signed
    /// is within its dates.
    fn is_over(&self, authority: &Authority, now: Timestamp) -> bool {
        self.waiting.is_empty() && now >= earliest_end(authority)
    }
}

/// When the last certificate of the former authority ends.
fn earliest_end(authority: &Authority) -> Timestamp {
    authority.since().unwrap_or(Timestamp::from_millis(0)).after(NODE_LIFE)
}

impl Manager {
    /// The cluster's authority as people see it.
    pub fn authority(&self, invitation: &Invitation) -> AuthorityView {
        let authority = invitation.door.authority();
        let progress = Progress::of(&invitation.door, &self.standing());
        let until = earliest_end(&authority);
        let rotation = authority.former().map(|former| Rotation {
            former: Digest::of(&former.certificate).to_string(),
            not_before: until.to_rfc3339_nanos(),
            renewed: progress.renewed,
            waiting: progress.waiting.iter().map(ToString::to_string).collect(),
        });
        AuthorityView {
            digest: authority.pin().to_string(),
            since: authority.since().map(Timestamp::to_rfc3339_nanos),
            message: rotation.as_ref().map_or_else(
                || {
                    "It alone signs the cluster's certificates, and counts until another follows it"
                        .to_owned()
                },
                |rotation| in_words(rotation, until),
            ),
            rotation,
            login: invitation.login(),
        }
    }

    /// Ends rotations once nobody needs the former authority any more.
    pub fn rotation_ends(&self, door: Door) -> impl Future<Output = ()> + use<> {
        end_rotations(door, self.standing.clone())
    }
}

fn in_words(rotation: &Rotation, until: Timestamp) -> String {
    let Rotation { former, renewed, waiting, .. } = rotation;
    let all = renewed + waiting.len();
    format!(
        "It follows the authority {former}, which counts until all nodes have renewed their certificates ({renewed} of \
         {all} have; `orc node rm` takes one out that is gone for good), and at least until {until}; `orc ca rotate \
         --finish` ends that at once. Until then, log in again where you have logged in before"
    )
}

async fn end_rotations(door: Door, standing: watch::Receiver<Arc<Registry>>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (authority, now) = (door.authority(), Clock.now().wall);
        let progress = Progress::of(&door, &standing.borrow().clone());
        if authority.former().is_none() || !progress.is_over(&authority, now) {
            continue;
        }
        match door.finish(now) {
            Ok(()) => {
                tracing::info!("the rotation of the cluster's authority is over: all nodes have renewed");
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
}
