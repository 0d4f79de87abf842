//! Fetching images: one pull for all the tasks that want it, never in the way of the others.

use std::time::Duration;

use super::call::Call;
use super::{Host, Slot};
use crate::model::container::Failure;
use crate::model::event::EventKind;
use crate::model::id::TaskId;
use crate::model::image::ImageName;
use crate::model::spec::PullPolicy;
use crate::model::time::{Moment, Now};

/// What is known of fetching one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Where it stands.
    pub state: PullState,
    /// When it got there.
    pub at: Moment,
    /// How often in a row it failed.
    pub failures: u32,
}

/// Where a pull stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullState {
    /// Under way, so far in words.
    UnderWay(String),
    /// Done.
    Done,
    /// The registry says no: there is no such image, or not for us.
    Denied(String),
    /// Something on the way failed; tried again at the moment.
    Failed(String, Moment),
}

/// What a task that wants an image has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageNeed {
    /// Go on: it is there.
    Satisfied,
    /// Wait, and say so.
    Wait(String),
    /// Give this attempt up.
    Hopeless(String),
}

/// So many images are fetched at a time.
const AT_A_TIME: usize = 4;

const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_mins(5);

impl Host {
    /// What the task of `slot` has to do about its image before its next create.
    pub(super) fn image_need(&self, slot: &Slot) -> ImageNeed {
        let Some(wanted) = slot.image_wanted else { return ImageNeed::Satisfied };
        let image = &slot.record.assignment.spec.image;
        if slot.record.assignment.spec.pull_policy == PullPolicy::Never {
            let why = format!(
                "the image {image} is not on this host, and PullPolicy \"never\" forbids to fetch it"
            );
            return ImageNeed::Hopeless(why);
        }
        match self.pulls.get(image).map(|pull| (&pull.state, pull.at >= wanted)) {
            Some((PullState::UnderWay(progress), _)) => {
                ImageNeed::Wait(format!("pulling {image}: {progress}"))
            }
            Some((PullState::Done, true)) => ImageNeed::Satisfied,
            Some((PullState::Denied(why), true)) => {
                ImageNeed::Hopeless(format!("cannot pull {image}: {why}"))
            }
            Some((PullState::Failed(why, _), true)) => {
                ImageNeed::Wait(format!("cannot pull {image}: {why}; it is tried again"))
            }
            _ => ImageNeed::Wait(format!("waits to pull {image}")),
        }
    }

    /// The pulls to begin now.
    pub(super) fn pulls_to_begin(&self, now: Moment) -> Vec<Call> {
        let under_way = |pull: &&Pull| matches!(pull.state, PullState::UnderWay(_));
        let room = AT_A_TIME.saturating_sub(self.pulls.values().filter(under_way).count());
        let wanting = self.slots.values().filter(|slot| self.wants_image(slot));
        let mut images: Vec<&String> = wanting
            .filter(|slot| self.may_pull(slot, now))
            .map(|slot| &slot.record.assignment.spec.image)
            .collect();
        images.sort();
        images.dedup();
        images.into_iter().take(room).map(|image| Call::Pull { image: image.clone() }).collect()
    }

    fn wants_image(&self, slot: &Slot) -> bool {
        super::reconcile::wants_to_run(slot) && matches!(self.image_need(slot), ImageNeed::Wait(_))
    }

    fn may_pull(&self, slot: &Slot, now: Moment) -> bool {
        match self.pulls.get(&slot.record.assignment.spec.image).map(|pull| &pull.state) {
            Some(PullState::UnderWay(_)) => false,
            Some(PullState::Failed(_, retry_at)) => *retry_at <= now,
            Some(PullState::Done | PullState::Denied(_)) | None => true,
        }
    }

    /// When the next failed pull is due again.
    pub(super) fn next_pull(&self) -> Option<Moment> {
        let wanting = self.slots.values().filter(|slot| self.wants_image(slot));
        let pulls = wanting.filter_map(|slot| self.pulls.get(&slot.record.assignment.spec.image));
        let due = pulls.filter_map(|pull| match pull.state {
            PullState::Failed(_, retry_at) => Some(retry_at),
            _ => None,
        });
        due.min()
    }

    pub(super) fn pull_begun(&mut self, image: &str, now: Moment) {
        let failures = self.pulls.get(image).map_or(0, |pull| pull.failures);
        let whom = if ImageName::in_reference(image).is_some() { "manager" } else { "registry" };
        let state = PullState::UnderWay(format!("asking the {whom}"));
        self.pulls.insert(image.to_owned(), Pull { state, at: now, failures });
    }

    pub(super) fn pull_moved(&mut self, image: &str, progress: String) {
        if let Some(Pull { state: PullState::UnderWay(so_far), .. }) = self.pulls.get_mut(image) {
            *so_far = progress;
        }
    }

    pub(super) fn pull_ended(&mut self, image: &str, result: Result<(), Failure>, now: Now) {
        let failures = self.pulls.get(image).map_or(0, |pull| pull.failures);
        let (state, failures) = match result {
            Ok(()) => (PullState::Done, 0),
            Err(Failure::Missing(why) | Failure::Refused(why)) => (PullState::Denied(why), failures + 1),
            Err(failure) => {
                let wait = FIRST_RETRY.saturating_mul(1 << failures.min(16)).min(LONGEST_RETRY);
                (PullState::Failed(failure.to_string(), now.moment + wait), failures + 1)
            }
        };
        for task in self.tasks_waiting_for(image) {
            let message = match &state {
                PullState::Failed(why, _) | PullState::Denied(why) => format!("cannot pull {image}: {why}"),
                _ => format!("pulled {image}"),
            };
            self.event(task, EventKind::Pulling, None, message, now);
        }
        self.pulls.insert(image.to_owned(), Pull { state, at: now.moment, failures });
    }

    fn tasks_waiting_for(&self, image: &str) -> Vec<TaskId> {
        let wanting = self
            .slots
            .values()
            .filter(|slot| slot.image_wanted.is_some() && super::reconcile::wants_to_run(slot));
        wanting.filter(|slot| slot.record.assignment.spec.image == image).map(Slot::id).collect()
    }
}
