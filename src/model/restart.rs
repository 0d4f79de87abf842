//! When an attempt of a task that ended is followed by another, and how these follow each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When an attempt that ended is followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RestartPolicy {
    /// Not said: on failure, up to [`RestartPolicy::DEFAULT_RETRIES`] times.
    #[default]
    Unset,
    /// Never.
    No,
    /// On failure; without a number as often as it takes.
    OnFailure(Option<u32>),
    /// Whatever the exit code.
    Always,
    /// The same: a task that was stopped on request stays stopped under either.
    UnlessStopped,
}

impl RestartPolicy {
    /// The number of restarts of the orchestrator before this one.
    pub const DEFAULT_RETRIES: u32 = 3;

    /// Failures in a row that are followed by a restart; `None` = all.
    pub const fn retries(self) -> Option<u32> {
        match self {
            Self::Unset => Some(Self::DEFAULT_RETRIES),
            Self::No => Some(0),
            Self::OnFailure(limit) => limit,
            Self::Always | Self::UnlessStopped => None,
        }
    }

    /// Whether an exit with code 0 is followed by a restart too.
    pub const fn restarts_after_success(self) -> bool {
        matches!(self, Self::Always | Self::UnlessStopped)
    }
}

impl TryFrom<String> for RestartPolicy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let count = text.strip_prefix("on-failure:").map(str::parse::<u32>);
        match (text.as_str(), count) {
            ("", _) => Ok(Self::Unset),
            ("no", _) => Ok(Self::No),
            ("on-failure", _) => Ok(Self::OnFailure(None)),
            ("always", _) => Ok(Self::Always),
            ("unless-stopped", _) => Ok(Self::UnlessStopped),
            (_, Some(Ok(count))) => Ok(Self::OnFailure(Some(count))),
            _ => Err(format!(
                "{text:?} is no restart policy: \"\" (on failure, up to 3 times), \"no\", \"on-failure\", \
                 \"on-failure:5\", \"always\" and \"unless-stopped\" are"
            )),
        }
    }
}

impl From<RestartPolicy> for String {
    fn from(policy: RestartPolicy) -> Self {
        match policy {
            RestartPolicy::Unset => String::new(),
            RestartPolicy::No => "no".to_owned(),
            RestartPolicy::OnFailure(None) => "on-failure".to_owned(),
            RestartPolicy::OnFailure(Some(count)) => format!("on-failure:{count}"),
            RestartPolicy::Always => "always".to_owned(),
            RestartPolicy::UnlessStopped => "unless-stopped".to_owned(),
        }
    }
}

/// How restarts follow each other; what is `None` is as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPace {
    /// The least wait before each, milliseconds; `None` = none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// So many in a row at most, whatever they follow; `None` = what the policy says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// An attempt that ran for so long clears what was counted before it, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
}

impl RestartPace {
    /// The least wait before a restart.
    pub fn delay(&self) -> Option<Duration> {
        self.delay_ms.map(Duration::from_millis)
    }

    /// How long an attempt has to run to clear the count.
    pub fn window(&self) -> Option<Duration> {
        self.window_ms.map(Duration::from_millis)
    }

    /// Whether nobody said anything of it.
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
