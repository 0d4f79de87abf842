//! Lengths of time in JSON: nanoseconds as in the Docker Engine API, or a text such as "10s".

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "DurationText", into = "u64")]
#[schema(value_type = u64)]
pub struct Duration(pub std::time::Duration);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a length of time: whole nanoseconds, or a text such as \"10s\"")]
enum DurationText {
    Nanos(u64),
    Text(String),
}

impl TryFrom<DurationText> for Duration {
    type Error = String;

    fn try_from(text: DurationText) -> Result<Self, String> {
        match text {
            DurationText::Nanos(nanos) => Ok(Self(std::time::Duration::from_nanos(nanos))),
            DurationText::Text(text) => humantime::parse_duration(&text).map(Self).map_err(|error| {
                format!("{text:?} is no length of time, such as \"10s\" or \"1m 30s\": {error}")
            }),
        }
    }
}

impl From<Duration> for u64 {
    fn from(duration: Duration) -> Self {
        Self::try_from(duration.0.as_nanos()).unwrap_or(Self::MAX)
    }
}
