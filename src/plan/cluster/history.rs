//! Whether this history is the latest that anybody knows, and what is done when it is not: rule R7.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::Cluster;
use super::change::{Applied, Heard, Refusal};
use crate::model::epoch::Epoch;
use crate::model::event::{Event, EventKind};
use crate::model::routes::Routes;
use crate::model::time::Now;

impl Cluster {
    /// Why nothing is decided, in words; `None` = all is as it should be.
    pub fn safe_mode(&self) -> Option<String> {
        let (epoch, revision) = self.ahead?;
        let overtaken = epoch <= self.epoch && revision <= self.revision;
        let lost = if overtaken { ", which this database has lost" } else { "" };
        Some(format!(
            "this manager's database is older than what a worker knows (epoch {}, revision {}, but the worker knows epoch \
             {epoch}, revision {revision}{lost}): it was restored from a backup, or copied. Nothing is accepted, placed, \
             stopped, moved or forgotten, and the workers go on with what they have. Bring the right database back, or let \
             this one go on with `orc state accept`: then what it does not know is stopped",
            self.epoch, self.revision
        ))
    }

    /// Notes what a worker knows and this history has not got; whether that is the first of it.
    pub(super) fn falls_behind(&mut self, heard: &Heard) -> bool {
        let Some(known) = heard.known.filter(|known| self.has_lost(*known, heard)) else { return false };
        let before = self.ahead;
        let latest = before.unwrap_or_default();
        self.ahead = Some((latest.0.max(known.0), latest.1.max(known.1)));
        before.is_none()
    }

    /// Numbers alone do not tell: a database that went back counts on from there, and may have caught up with what it
    /// has lost before a worker speaks that knows of it. But of each epoch it remembers by which start of a manager it
    /// began, and up to which revision it went.
    fn has_lost(&self, (epoch, revision): (u64, u64), heard: &Heard) -> bool {
        if epoch > self.epoch || revision > self.revision {
            return true;
        }
        let Some(ours) = self.epochs.get(&epoch) else { return false };
        let later = (Bound::Excluded(epoch), Bound::Unbounded);
        let end = self.epochs.range(later).next().map_or(self.revision, |(_, next)| next.revision);
        heard.start.is_some_and(|theirs| theirs != ours.start) || revision > end
    }

    /// Lets this history go on, as a later one than any that a worker knows. What was before is judged no more.
    pub(super) fn accept_state(&mut self, now: Now) -> Result<Applied, Refusal> {
        let (epoch, revision) = self.ahead.take().ok_or(Refusal::NothingToAccept)?;
        let start = self.start();
        self.epoch = self.epoch.max(epoch) + 1;
        self.revision = self.revision.max(revision) + 1;
        // Workers may know routes of the history that is lost.
        self.services.number_routes_after(Routes::first_of(self.epoch));
        let begun = start.map(|start| Epoch { number: self.epoch, start, revision: self.revision });
        self.epochs = begun.into_iter().map(|epoch| (epoch.number, epoch)).collect::<BTreeMap<_, _>>();
        self.dirty.accepted = begun;
        let revision = self.revision;
        self.nodes.change_all(|member| {
            member.floor = revision;
            member.heard = now.moment;
        });
        let event = Event {
            at: now.wall,
            task: None,
            node: None,
            attempt: 0,
            kind: EventKind::SafeMode,
            exit_code: None,
            message: format!("an operator accepted this history: it goes on with epoch {}", self.epoch),
        };
        Ok(Applied::Changed(vec![event]))
    }
}
