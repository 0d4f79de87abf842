//! How restarts of a task follow each other, in JSON.

use std::time::Duration as Length;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::duration::Duration;
use super::submission::TaskInput;
use crate::model::spec::{RestartPace, RestartPolicy};

/// How restarts follow each other; what is absent is as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Restarts {
    /// The least wait before each: nanoseconds, or a text such as "5s"; absent = none before the first. Those that follow
    /// wait longer and longer, up to 5 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// So many in a row at most, whatever they follow; absent = what `RestartPolicy` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// An attempt that ran for so long clears the count: nanoseconds, or a text such as "2m"; absent = 10 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
}

impl TaskInput {
    /// How its restarts follow each other, checked; the error is a sentence.
    pub(super) fn checked_restarts(&self) -> Result<RestartPace, String> {
        let Some(Restarts { delay, max_attempts, window }) = self.restarts else {
            return Ok(RestartPace::default());
        };
        let policy = self.restart_policy.unwrap_or_default();
        if let Some(most) = max_attempts.filter(|_| has_a_number(policy)) {
            let policy = String::from(policy);
            return Err(format!(
                "Task.Restarts.MaxAttempts is {most} beside the RestartPolicy {policy:?}, which has a number of its own: say \
                 \"on-failure\", \"always\" or \"unless-stopped\" there"
            ));
        }
        if max_attempts == Some(0) {
            return Err("Task.Restarts.MaxAttempts is 0: the RestartPolicy \"no\" says that".to_owned());
        }
        let delay = millis("Delay", delay, Length::ZERO..=Length::from_hours(1))?;
        let window = millis("Window", window, Length::from_secs(1)..=Length::from_hours(24))?;
        Ok(RestartPace { delay_ms: delay.filter(|millis| *millis > 0), max_attempts, window_ms: window })
    }
}

const fn has_a_number(policy: RestartPolicy) -> bool {
    matches!(policy, RestartPolicy::No | RestartPolicy::OnFailure(Some(_)))
}

fn millis(
    field: &str,
    given: Option<Duration>,
    range: std::ops::RangeInclusive<Length>,
) -> Result<Option<u64>, String> {
    let Some(Duration(length)) = given else { return Ok(None) };
    if !range.contains(&length) {
        let [length, least, most] =
            [&length, range.start(), range.end()].map(|length| humantime::format_duration(*length));
        return Err(format!("Task.Restarts.{field} is {length}: from {least} to {most} is possible"));
    }
    Ok(u64::try_from(length.as_millis()).ok())
}

impl From<&RestartPace> for Restarts {
    fn from(pace: &RestartPace) -> Self {
        Self {
            delay: pace.delay().map(Duration),
            max_attempts: pace.max_attempts,
            window: pace.window().map(Duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::strict::decode;

    fn restarts(fields: &str) -> Result<RestartPace, String> {
        let task: TaskInput =
            decode(format!("{{{fields}}}").as_bytes()).map_err(|error| error.to_string())?;
        task.checked_restarts()
    }

    #[test]
    fn a_pace_has_bounds_and_a_number_is_said_once() {
        let pace =
            restarts(r#""RestartPolicy":"always","Restarts":{"Delay":"5s","MaxAttempts":3,"Window":"2m"}"#);
        let wanted = RestartPace { delay_ms: Some(5_000), max_attempts: Some(3), window_ms: Some(120_000) };
        assert_eq!(pace, Ok(wanted));
        assert_eq!(restarts(r#""Restarts":{"Delay":0}"#), Ok(RestartPace::default()));
        for (fields, says) in [
            (r#""RestartPolicy":"on-failure:2","Restarts":{"MaxAttempts":3}"#, "a number of its own"),
            (r#""RestartPolicy":"no","Restarts":{"MaxAttempts":3}"#, "a number of its own"),
            (r#""Restarts":{"MaxAttempts":0}"#, "the RestartPolicy \"no\""),
            (r#""Restarts":{"Delay":"2h"}"#, "Task.Restarts.Delay is 2h: from 0s to 1h"),
            (r#""Restarts":{"Window":"10ms"}"#, "Task.Restarts.Window is 10ms: from 1s to 1day"),
        ] {
            let problem = restarts(fields).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
