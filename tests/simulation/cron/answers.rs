//! What a user of a service that runs by the clock is answered, and what must be durable by then.

use orc::model::service::Service;
use orc::plan::cluster::change::{Pace, Refusal, ServiceChange};

/// Whether an accepted word is done; `None` = it is none about runs.
pub(crate) fn is_done(service: &Service, change: &ServiceChange) -> Option<bool> {
    match change {
        ServiceChange::Ask { request, .. } => Some(service.schedule.of_request(*request).is_some()),
        ServiceChange::Pace { how: Pace::Suspend, .. } => Some(service.schedule.is_suspended),
        ServiceChange::Pace { how: Pace::Resume, .. } => Some(!service.schedule.is_suspended),
        _ => None,
    }
}

/// Whether a refusal is for a reason that there is.
pub(crate) fn is_true(service: Option<&Service>, refusal: &Refusal) -> bool {
    service.is_some_and(|service| match refusal {
        Refusal::RunGoesOn { run, .. } => service.schedule.open().any(|open| open.number == *run),
        Refusal::NotByClock { .. } => service.wanted().spec.mode.cron().is_none(),
        _ => false,
    })
}
