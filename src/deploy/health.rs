//! `healthcheck`: what a worker asks of a container, and by which it is ready and goes on.

use std::time::Duration as Time;

use super::note::Scope;
use crate::compose::service::health::{HealthCheck, HealthTest};
use crate::wire::probe::Probe;
use crate::wire::submission::{Duration, TaskInput};

/// Docker's own, between two runs and for each.
const USUAL: Time = Time::from_secs(30);

/// Says by what a task is known to be well: one that is not gets no traffic, and is restarted, as in Swarm.
pub(super) fn probe(scope: &mut Scope<'_>, task: &mut TaskInput) {
    let Some(health) = &scope.service.healthcheck else { return };
    let is_said = |test: &[&str]| test.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let test = match &health.test {
        HealthTest::Inherited if says_no_times(health) => return,
        HealthTest::Inherited => {
            scope.warn("healthcheck", "times that it does not say are Docker's usual ones, not the image's");
            Vec::new()
        }
        HealthTest::Disabled => is_said(&["NONE"]),
        HealthTest::Exec(words) => is_said(&["CMD"]).into_iter().chain(words.iter().cloned()).collect(),
        HealthTest::Shell(line) => is_said(&["CMD-SHELL", line]),
    };
    let probe = if health.test == HealthTest::Disabled {
        Probe { test: Some(test), ..Probe::default() }
    } else {
        timed(test, health)
    };
    task.readiness = Some(probe.clone());
    task.liveness = Some(probe);
}

fn says_no_times(health: &HealthCheck) -> bool {
    let times = [health.interval, health.timeout, health.start_period, health.start_interval];
    times.iter().all(Option::is_none) && health.retries.is_none()
}

/// 0 is "not said", in Docker's words.
fn timed(test: Vec<String>, health: &HealthCheck) -> Probe {
    let said = |time: Option<Time>| time.filter(|time| !time.is_zero());
    Probe {
        test: Some(test),
        interval: Some(Duration(said(health.interval).unwrap_or(USUAL))),
        timeout: Some(Duration(said(health.timeout).unwrap_or(USUAL))),
        retries: health.retries.filter(|retries| *retries > 0),
        start_period: said(health.start_period).map(Duration),
        start_interval: said(health.start_interval).map(Duration),
        ..Probe::default()
    }
}
