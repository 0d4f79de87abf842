//! When the manager decides, and how far at a time.

use std::time::Duration;

use super::keeper::Keeper;
use crate::model::time::Now;
use crate::plan::cluster::change::Change;
use crate::plan::cluster::reconcile::{PASS, reconcile};
use crate::store::Error;

/// Decisions that lead to decisions come to rest before.
const ROUNDS: usize = 4;

/// Whoever decides twice a second and has not for so long, or for half a lease, stood still.
const STOOD_STILL: Duration = Duration::from_secs(2);

impl Keeper {
    /// A process that was stopped, or whose disk hung, could hear nobody: what was said meanwhile waits to be read.
    pub(super) fn notice_standstill(&mut self, now: Now) {
        if now.moment.since(self.decided_at) > STOOD_STILL.min(self.patience.lease / 2) {
            tracing::warn!("the manager stood still for a while: every node has a whole lease from now on");
            self.carry_out(&Change::Awoke, now);
        }
        self.decided_at = now.moment;
    }

    /// Decides one pass; whether there is more to decide at once.
    pub(super) fn decide_pass(&mut self, now: Now) -> bool {
        for _ in 0..ROUNDS {
            let changes = reconcile(&mut self.cluster, self.patience, now);
            let made = changes.iter().filter(|change| self.carry_out(change, now)).count();
            if changes.len() >= PASS {
                return true;
            }
            if made == 0 {
                break;
            }
        }
        false
    }

    /// Decides and writes one pass; whether there is more to decide at once.
    pub(super) async fn plan(&mut self) -> Result<bool, Error> {
        let now = self.clock.now();
        self.notice_standstill(now);
        let more = self.decide_pass(now);
        match self.commit().await {
            Err(error) if error.must_exit() => return Err(error),
            Err(error) => {
                tracing::warn!("what was decided could not be written and is decided anew: {error}");
            }
            Ok(()) => self.answer_polls(),
        }
        self.note_broken_polls();
        Ok(more)
    }
}
