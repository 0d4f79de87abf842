//! `x-orc.cron`: a service that runs by the clock.

use super::note::Scope;
use crate::compose::service::deploy::Mode;
use crate::model::cron::{Missed, Overlap};
use crate::wire::service::ServiceInput;

const OVERLAPS: [Overlap; 3] = [Overlap::Forbid, Overlap::Allow, Overlap::Replace];

const MISSED: [Missed; 3] = [Missed::Once, Missed::Skip, Missed::All];

/// Says when it runs, if that is by the clock.
pub(super) fn schedule(scope: &mut Scope<'_>, input: &mut ServiceInput) {
    let Some(cron) = &scope.service.cron else { return };
    if !matches!(scope.service.deploy.mode, Mode::Replicated(1) | Mode::ReplicatedJob(1)) {
        scope.refuse(
            "deploy",
            "a run by the clock is one task: take `mode` and `replicas` out, or `x-orc.cron`",
        );
    }
    input.mode = Some("cron".to_owned());
    (input.replicas, input.completions) = (None, None);
    input.schedule = Some(cron.schedule.clone());
    input.time_zone.clone_from(&cron.time_zone);
    let overlap = cron.overlap.as_ref();
    input.overlap = overlap.and_then(|text| OVERLAPS.into_iter().find(|known| known.word() == text));
    if overlap.is_some() && input.overlap.is_none() {
        scope.refuse("x-orc.cron.overlap", "`forbid`, `allow` and `replace` are possible");
    }
    let missed = cron.missed.as_ref();
    input.missed = missed.and_then(|text| MISSED.into_iter().find(|known| known.word() == text));
    if missed.is_some() && input.missed.is_none() {
        scope.refuse("x-orc.cron.missed", "`once`, `skip` and `all` are possible");
    }
}
