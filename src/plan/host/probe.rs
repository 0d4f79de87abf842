//! Health checks: when to ask, and what the answers amount to.

use crate::model::spec::HealthCheck;
use crate::model::state::Health;
use crate::model::time::Moment;

/// The health of one running container as its HTTP check sees it. Begins anew with each container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// When its container was first seen running; `None` while none is watched.
    pub since: Option<Moment>,
    /// When to ask next.
    pub next: Option<Moment>,
    /// An answer is awaited.
    pub asking: bool,
    /// Failures in a row that count.
    pub failures: u32,
    /// What was wrong the last time, in words.
    pub last_failure: Option<String>,
    /// What it amounts to.
    pub health: Health,
}

/// The first question comes soon, so that a healthy task shows it soon.
const FIRST: std::time::Duration = std::time::Duration::from_secs(1);

impl Probe {
    /// Begins to watch a container. One that was healthy before this worker was restarted still is, as far as
    /// anybody knows.
    pub fn begin(check: &HealthCheck, before: Health, now: Moment) -> Self {
        let next = Some(now + check.interval().min(FIRST));
        let health = if before == Health::Healthy { before } else { Health::Starting };
        Self { since: Some(now), next, health, ..Self::default() }
    }

    /// Takes an answer in: `Err` says in words what was wrong.
    pub fn take(&mut self, check: &HealthCheck, healthy: bool, now: Moment) {
        self.asking = false;
        self.next = Some(now + check.interval());
        if healthy {
            self.failures = 0;
            self.health = Health::Healthy;
            return;
        }
        let starting = self.health == Health::Starting;
        if starting && self.since.is_some_and(|since| now.since(since) < check.start_period()) {
            return;
        }
        self.failures += 1;
        if self.failures >= check.retries {
            self.health = Health::Unhealthy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(start_period_ms: u64) -> HealthCheck {
        HealthCheck {
            path: "/health".to_owned(),
            interval_ms: 10_000,
            timeout_ms: 5_000,
            retries: 3,
            start_period_ms,
        }
    }

    fn after(start_period_ms: u64, answers: &[(u64, bool)]) -> Health {
        let check = check(start_period_ms);
        let mut probe = Probe::begin(&check, Health::None, Moment(0));
        for (at, healthy) in answers {
            probe.take(&check, *healthy, Moment(*at));
        }
        probe.health
    }

    #[test]
    fn as_many_failures_in_a_row_as_allowed_make_it_unhealthy() {
        assert_eq!(after(0, &[]), Health::Starting);
        assert_eq!(after(0, &[(1_000, true)]), Health::Healthy);
        assert_eq!(after(0, &[(1_000, false), (2_000, false)]), Health::Starting);
        assert_eq!(after(0, &[(1_000, false), (2_000, false), (3_000, false)]), Health::Unhealthy);
        assert_eq!(after(0, &[(1, true), (2, false), (3, false), (4, true), (5, false)]), Health::Healthy);
    }

    #[test]
    fn failures_within_the_start_period_do_not_count_until_it_was_healthy_once() {
        let failing = [(1_000, false), (2_000, false), (3_000, false), (4_000, false)];
        assert_eq!(after(5_000, &failing), Health::Starting);
        let was_healthy = [(500, true), (1_000, false), (2_000, false), (3_000, false)];
        assert_eq!(after(5_000, &was_healthy), Health::Unhealthy);
    }

    #[test]
    fn the_next_question_comes_an_interval_after_the_last_answer() {
        let mut probe = Probe::begin(&check(0), Health::None, Moment(0));
        assert_eq!(probe.next, Some(Moment(1_000)));
        probe.take(&check(0), true, Moment(1_200));
        assert_eq!(probe.next, Some(Moment(11_200)));
    }
}
