//! When something runs by the clock: a cron line in a time zone, and what becomes of runs that overlap or were missed.

use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// The five fields of a cron line, in order.
const FIELDS: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];

/// A cron line in a time zone: five fields as in Vixie cron, or `@hourly` and its like.
///
/// Where clocks are set forward, what would have run in the hour that is left out runs right after it; where they are set
/// back, what runs at a time that comes twice runs the first time. What runs every so often goes on as if nothing had
/// happened ([Debian's cron(8)](https://manpages.debian.org/bookworm/cron/cron.8.en.html)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct CronLine {
    line: String,
    zone: Tz,
    pattern: Cron,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    schedule: String,
    time_zone: String,
}

/// Why a text is no cron line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCron(String);

/// What becomes of a run whose predecessor still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// Both run.
    Allow,
    /// It is left out.
    #[default]
    Forbid,
    /// The predecessor is stopped.
    Replace,
}

/// What becomes of runs that were due while nobody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// They are left out.
    Skip,
    /// The last of them is made up for.
    #[default]
    Once,
    /// All of them are, one after the other.
    All,
}

impl Overlap {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Forbid => "forbid",
            Self::Replace => "replace",
        }
    }
}

impl Missed {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

impl CronLine {
    /// Reads a line, and the name of its time zone as in the IANA database; an empty one is UTC.
    pub fn parse(line: &str, zone: &str) -> Result<Self, InvalidCron> {
        let zone = match zone {
            "" => Tz::UTC,
            zone => zone.parse().map_err(|_| {
                InvalidCron(format!("{zone:?} is no time zone: \"UTC\" and names like \"Europe/Berlin\" are"))
            })?,
        };
        let pattern = parser().parse(line).map_err(|error| explain(line, &error.to_string()))?;
        let cron = Self { line: line.to_owned(), zone, pattern };
        if cron.next_after(Timestamp::from_millis(0)).is_none() {
            return Err(InvalidCron(format!("{line:?} never comes: no date has such a day and month")));
        }
        Ok(cron)
    }

    /// The line as it was written.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// The first time after `at`; `None` = never again.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = DateTime::<Utc>::from_timestamp_millis(at.millis())?.with_timezone(&self.zone);
        let next = self.pattern.find_next_occurrence(&at, false).ok()?;
        Some(Timestamp::from_millis(next.timestamp_millis()))
    }
}

impl fmt::Display for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.line, self.zone)
    }
}

impl TryFrom<Raw> for CronLine {
    type Error = InvalidCron;

    fn try_from(raw: Raw) -> Result<Self, InvalidCron> {
        Self::parse(&raw.schedule, &raw.time_zone)
    }
}

impl From<CronLine> for Raw {
    fn from(cron: CronLine) -> Self {
        Self { time_zone: cron.zone().to_owned(), schedule: cron.line }
    }
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build()
}

/// Says which field is wrong, and where it begins: each is tried alone.
fn explain(line: &str, whole: &str) -> InvalidCron {
    if line.trim_start().starts_with('@') {
        return InvalidCron(format!(
            "{line:?} is no cron line: of the short ones there are @hourly, @daily, @weekly, @monthly and @yearly"
        ));
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let count = fields.len();
        return InvalidCron(format!(
            "{line:?} is no cron line: it has {count} fields, and should have five: {}",
            FIELDS.join(", ")
        ));
    }
    for (at, field) in fields.iter().enumerate() {
        let mut alone = ["*"; FIELDS.len()];
        alone[at] = field;
        if let Err(error) = parser().parse(&alone.join(" ")) {
            let position = column_of(line, at);
            let name = FIELDS[at];
            return InvalidCron(format!(
                "{line:?} is no cron line: character {position}, the {name} {field:?}: {error}"
            ));
        }
    }
    InvalidCron(format!("{line:?} is no cron line: {whole}"))
}

/// At which character, from 1, the field with this number begins.
fn column_of(line: &str, number: usize) -> usize {
    let begins = |(at, letter): &(usize, char)| {
        !letter.is_whitespace() && line.chars().nth(at.wrapping_sub(1)).is_none_or(char::is_whitespace)
    };
    line.chars().enumerate().filter(begins).nth(number).map_or(1, |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::from_millis(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    /// The next runs after a time, in the line's own zone.
    fn runs(line: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let cron = CronLine::parse(line, zone).unwrap();
        let next = |at: &Timestamp| cron.next_after(*at);
        let runs = std::iter::successors(next(&time(after)), next).take(count);
        let local = |at: Timestamp| {
            let at = DateTime::<Utc>::from_timestamp_millis(at.millis()).unwrap();
            at.with_timezone(&cron.zone).format("%d %H:%M %Z").to_string()
        };
        runs.map(local).collect()
    }

    #[test]
    fn a_run_in_the_hour_that_is_left_out_comes_right_after_it() {
        let expected = ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST"];
        assert_eq!(runs("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3), expected);
    }

    #[test]
    fn a_run_at_a_time_that_comes_twice_comes_once() {
        let expected = ["24 02:30 CEST", "25 02:30 CEST", "26 02:30 CET"];
        assert_eq!(runs("30 2 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", 3), expected);
    }

    #[test]
    fn what_runs_every_half_hour_goes_on_over_both() {
        let spring = ["29 01:30 CET", "29 03:00 CEST", "29 03:30 CEST"];
        assert_eq!(runs("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:10:00Z", 3), spring);
        let autumn = ["25 02:30 CEST", "25 02:00 CET", "25 02:30 CET", "25 03:00 CET"];
        assert_eq!(runs("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:10:00Z", 4), autumn);
    }

    #[test]
    fn a_line_that_does_not_parse_says_where() {
        let says = |line: &str| CronLine::parse(line, "").unwrap_err().to_string();
        assert!(says("0 25 * * *").contains("character 3, the hour \"25\""), "{}", says("0 25 * * *"));
        assert!(says("*  * * FOO *").contains("character 8, the month \"FOO\""), "{}", says("*  * * FOO *"));
        assert!(says("* * * *").contains("it has 4 fields, and should have five"));
        assert!(says("@fortnightly").contains("@hourly"));
        assert!(says("0 0 31 2 *").contains("never comes"));
        let zone = CronLine::parse("@daily", "Mars/Olympus").unwrap_err().to_string();
        assert!(zone.contains("Europe/Berlin"), "{zone}");
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let cron = CronLine::parse("0 4 * * MON", "America/New_York").unwrap();
        let json = serde_json::to_string(&cron).unwrap();
        assert_eq!(json, r#"{"Schedule":"0 4 * * MON","TimeZone":"America/New_York"}"#);
        assert_eq!(serde_json::from_str::<CronLine>(&json).unwrap(), cron);
    }
}
