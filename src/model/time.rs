//! Two kinds of time: one that people read, one that decides.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A point of wall-clock time in whole milliseconds. For people's eyes and for history: decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z; what lies outside chrono's range becomes its edge.
    pub fn from_millis(millis: i64) -> Self {
        let edge = if millis < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        Self(DateTime::from_timestamp_millis(millis).unwrap_or(edge))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// RFC 3339 with nanoseconds and offset, as the API prints times.
    pub fn to_rfc3339_nanos(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Nanos, true)
    }

    /// Reads RFC 3339, keeping whole milliseconds. An offset may not lead out of the years 0 to 9999, which four digits
    /// can write.
    pub fn parse(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        (0..=9_999).contains(&time.year()).then(|| Self::from_millis(time.timestamp_millis()))
    }

    /// So much later.
    #[must_use = "this is another time"]
    pub fn after(self, duration: Duration) -> Self {
        Self::from_millis(
            self.millis().saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// So much earlier.
    #[must_use = "this is another time"]
    pub fn before(self, duration: Duration) -> Self {
        Self::from_millis(
            self.millis().saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long before `later` this was; zero when it was not before.
    pub fn until(self, later: Self) -> Duration {
        (later.0 - self.0).to_std().unwrap_or_default()
    }
}

/// Fixed width, UTC, milliseconds: sorts as text and is what SQLite's own date functions print.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no time, such as \"2026-11-22T07:26:19.690Z\""))
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

/// A point on a monotonic clock that counts suspend, in milliseconds since boot. Means nothing elsewhere:
/// never stored, never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Both clocks, read together: what every decision gets as its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Decides.
    pub moment: Moment,
    /// Is written down.
    pub wall: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_fixed_width_and_reads_back() {
        let time = Timestamp::from_millis(1_795_332_379_690);
        assert_eq!(time.to_string(), "2026-11-22T07:26:19.690Z");
        assert_eq!(time.to_rfc3339_nanos(), "2026-11-22T07:26:19.690000000Z");
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        assert_eq!(Timestamp::parse("2026-11-22T08:26:19.690999+01:00"), Some(time));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn moments_never_run_below_zero() {
        assert_eq!(Moment(5).since(Moment(9)), Duration::ZERO);
        assert_eq!(Moment(5) - Duration::from_secs(1), Moment(0));
        assert_eq!(Moment(5) + Duration::from_secs(1), Moment(1005));
    }
}
