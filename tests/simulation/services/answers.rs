//! What a user of a service is answered, and what must be durable by then.

use std::sync::Arc;

use orc::model::service::{Mode, Stage, Version};
use orc::model::state::Desired;
use orc::plan::cluster::change::{Expected, Refusal, ServiceChange, Steer, Word};

use crate::cron::answers as cron;
use crate::manager::{Disk, Reply};
use crate::world::{Checked, World, broken};

impl World {
    /// Judges an answer by what is on the manager's disk at this moment. `before` is the
    /// version that was wanted.
    pub(super) fn judge_answer(&self, change: &ServiceChange, before: Option<u64>, reply: &Reply) -> Checked {
        let disk = &self.manager.disk;
        match reply {
            Reply::Accepted => judge_accepted(disk, change, before),
            Reply::Refused(refusal) => judge_refused(disk, change, refusal),
            Reply::Repeated | Reply::Full | Reply::Nothing => Ok(()),
        }
    }
}

fn judge_accepted(disk: &Disk, change: &ServiceChange, before: Option<u64>) -> Checked {
    let name = change.service();
    let lost = |what: &str| broken("S1", format!("{what} of {name} was accepted, and is not on the disk"));
    let Some(service) = disk.service(name) else { return lost("a word") };
    let wanted = service.wanted();
    let is_done = match change {
        ServiceChange::Set { word, spec } => {
            judge_expected(word, before, wanted.number)?;
            service.desired == Desired::Run && wanted.spec == **spec
        }
        ServiceChange::Scale { replicas, .. } => wanted.spec.mode == Mode::Replicated(*replicas),
        ServiceChange::Restore { version: Some(version), .. } => {
            // It may have been the first of twenty that are kept.
            service.versions.get(version).is_none_or(|version| version.spec == wanted.spec)
        }
        ServiceChange::Remove { .. } => service.desired == Desired::Stop,
        ServiceChange::Steer { how: Steer::Pause, .. } => service.is_paused,
        ServiceChange::Steer { how: Steer::Resume, .. } => !service.is_paused,
        ServiceChange::Steer { how: Steer::Promote, .. } => service.stage == Stage::Whole,
        change => cron::is_done(&service, change).unwrap_or(true),
    };
    if is_done { Ok(()) } else { lost(&format!("{change:?}")) }
}

/// S10: whoever says what he takes a service to be changes nothing else.
fn judge_expected(word: &Word, before: Option<u64>, after: u64) -> Checked {
    let as_expected = match word.expected {
        Expected::Anything => true,
        Expected::Absent => before.is_none(),
        Expected::Version(expected) => before == Some(expected),
    };
    // What it is already may be asked for by anybody.
    if as_expected || before == Some(after) {
        return Ok(());
    }
    broken(
        "S10",
        format!("{} was at version {before:?}, and was changed as {:?}", word.service, word.expected),
    )
}

/// S18: what is refused is refused for a reason that there is.
fn judge_refused(disk: &Disk, change: &ServiceChange, refusal: &Refusal) -> Checked {
    let name = change.service();
    let service = disk.service(name);
    let is_true = match refusal {
        Refusal::PortTaken { port, holder } => disk.service(holder).is_some_and(|holder| {
            let mut versions = std::iter::once(holder.wanted()).chain(holder.stable());
            let has_it = |version: &Arc<Version>| version.spec.ports.iter().any(|its| its.published == *port);
            holder.name != *name && versions.any(has_it)
        }),
        Refusal::ServiceLeaves { .. } => service.is_some_and(|service| service.desired == Desired::Stop),
        Refusal::UnknownService(_) => service.is_none(),
        Refusal::ServiceExists(_) | Refusal::NothingToSteer(_) => service.is_some(),
        Refusal::ServiceChanged { expected, version, .. } => {
            expected != version && service.is_some_and(|service| service.wanted().number == *version)
        }
        Refusal::NeverFits(_) => {
            matches!(change, ServiceChange::Set { spec, .. } if spec.task.cpu > 4.0)
        }
        Refusal::NotReplicated { .. } => {
            service.is_some_and(|service| !matches!(service.wanted().spec.mode, Mode::Replicated(_)))
        }
        Refusal::UnknownVersion { version, .. } => {
            service.is_some_and(|service| !service.versions.contains_key(version))
        }
        Refusal::NoVersionBefore(_) => service.is_some_and(|service| service.versions.len() == 1),
        refusal => cron::is_true(service.as_ref(), refusal),
    };
    if is_true { Ok(()) } else { broken("S18", format!("{change:?} is refused: {refusal}")) }
}
