//! How a service goes from one version to the next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How tasks of one version make room for those of the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct UpdatePolicy {
    /// Slots that change at a time; 0 = all.
    pub parallelism: u32,
    /// Between the end of one slot's change and the begin of the next, milliseconds.
    pub delay_ms: u64,
    /// Which comes first, the new task or the end of the old one; `None` = as two tasks of it can share what they need.
    pub order: Option<Order>,
    /// A new task counts once it was ready for so long, milliseconds.
    pub monitor_ms: u64,
    /// A new task that is not ready after so long has failed, milliseconds.
    pub deadline_ms: u64,
    /// The share of the slots whose new tasks may fail, 0 to 1, before the whole rollout has.
    pub max_failure_ratio: f64,
    /// What follows then.
    pub on_failure: OnFailure,
    /// So many slots change first, and the others once somebody has promoted the version; 0 = none waits.
    pub canary: u32,
}

/// Which comes first in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The new task is ready before the old one is stopped: no moment without it, and for a while one more.
    StartFirst,
    /// The old task has stopped before the new one is started: for what both need and cannot share.
    StopFirst,
}

/// What follows when too many new tasks have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The last version that was healthy comes back.
    #[default]
    Rollback,
    /// Nothing changes any more before somebody says so.
    Pause,
    /// It goes on all the same.
    Continue,
}

impl Default for UpdatePolicy {
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay_ms: 0,
            order: None,
            monitor_ms: 5_000,
            deadline_ms: 600_000,
            max_failure_ratio: 0.0,
            on_failure: OnFailure::default(),
            canary: 0,
        }
    }
}

impl Order {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::StartFirst => "start-first",
            Self::StopFirst => "stop-first",
        }
    }
}

impl OnFailure {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Pause => "pause",
            Self::Continue => "continue",
        }
    }
}

impl UpdatePolicy {
    /// Between the end of one slot's change and the begin of the next.
    pub const fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// A new task counts once it was ready for so long.
    pub const fn monitor(&self) -> Duration {
        Duration::from_millis(self.monitor_ms)
    }

    /// A new task that is not ready after so long has failed.
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}
