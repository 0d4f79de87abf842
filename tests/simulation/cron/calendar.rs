//! When something runs by the clock, worked out anew by walking through minutes and days: by none of the code under test.

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use orc::model::cron::CronLine;

const MINUTE: i64 = 60_000;

/// The lines that are simulated, and what they mean.
pub(crate) const LINES: [(&str, Pattern); 11] = [
    ("* * * * *", Pattern::Minutes(1)),
    ("*/7 * * * *", Pattern::Minutes(7)),
    ("*/20 * * * *", Pattern::Minutes(20)),
    ("@hourly", Pattern::Hourly(0)),
    ("30 * * * *", Pattern::Hourly(30)),
    ("@daily", Pattern::Daily { hour: 0, minute: 0 }),
    ("15 1 * * *", Pattern::Daily { hour: 1, minute: 15 }),
    ("0 2 * * *", Pattern::Daily { hour: 2, minute: 0 }),
    ("30 2 * * *", Pattern::Daily { hour: 2, minute: 30 }),
    ("0 3 * * *", Pattern::Daily { hour: 3, minute: 0 }),
    ("0 9 * * MON", Pattern::Mondays { hour: 9 }),
];

/// The time zones in which they are meant: two that set their clocks by an hour, one by half of that, and one that never
/// does and is not a whole number of hours away.
pub(crate) const ZONES: [&str; 5] =
    ["", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// At every minute of the hour that this divides.
    Minutes(u32),
    /// At this minute of every hour.
    Hourly(u32),
    Daily {
        hour: u32,
        minute: u32,
    },
    Mondays {
        hour: u32,
    },
}

/// A line in its time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    pattern: Pattern,
    zone: Tz,
}

impl Calendar {
    pub(super) fn of(line: &CronLine) -> Self {
        let (_, pattern) =
            LINES.into_iter().find(|(text, _)| *text == line.line()).expect("a simulated line");
        Self { pattern, zone: line.zone().parse().expect("a time zone") }
    }

    /// The last times, at most so many, that come after `from` and not after `to`; milliseconds, in order.
    pub(super) fn last(self, from: i64, to: i64, most: usize) -> Vec<i64> {
        let mut times: Vec<i64> = self.back_from(to).take_while(|at| *at > from).take(most).collect();
        times.reverse();
        times
    }

    /// The first time after this one.
    pub(super) fn next(self, after: i64) -> i64 {
        match self.pattern {
            Pattern::Minutes(_) | Pattern::Hourly(_) => {
                let mut minutes = (after.div_euclid(MINUTE) + 1)..;
                minutes.find(|minute| self.has_minute(minute * MINUTE)).expect("it comes") * MINUTE
            }
            Pattern::Daily { .. } | Pattern::Mondays { .. } => {
                let days = self.local(after).date_naive().iter_days();
                let mut times = days.filter_map(|day| self.on(day));
                times.find(|at| *at > after).expect("it comes")
            }
        }
    }

    /// Every time from this one on, the last first.
    fn back_from(self, to: i64) -> Box<dyn Iterator<Item = i64>> {
        match self.pattern {
            Pattern::Minutes(_) | Pattern::Hourly(_) => {
                let last = to.div_euclid(MINUTE);
                let times = (0..).map(move |back| (last - back) * MINUTE);
                Box::new(times.filter(move |at| self.has_minute(*at)))
            }
            Pattern::Daily { .. } | Pattern::Mondays { .. } => {
                let day = self.local(to).date_naive();
                let days = std::iter::successors(Some(day), NaiveDate::pred_opt);
                Box::new(days.filter_map(move |day| self.on(day)).filter(move |at| *at <= to))
            }
        }
    }

    fn local(self, at: i64) -> DateTime<Tz> {
        DateTime::<Utc>::from_timestamp_millis(at).expect("a time").with_timezone(&self.zone)
    }

    fn has_minute(self, at: i64) -> bool {
        let minute = self.local(at).minute();
        match self.pattern {
            Pattern::Minutes(every) => minute.is_multiple_of(every),
            Pattern::Hourly(its) => minute == its,
            Pattern::Daily { .. } | Pattern::Mondays { .. } => false,
        }
    }

    /// When it comes on a day: a time that comes twice counts the first time, and one that is left out where clocks are set
    /// forward comes right after that.
    fn on(self, day: NaiveDate) -> Option<i64> {
        let (hour, minute) = match self.pattern {
            Pattern::Daily { hour, minute } => (hour, minute),
            Pattern::Mondays { hour } if day.weekday() == chrono::Weekday::Mon => (hour, 0),
            _ => return None,
        };
        let wanted = day.and_hms_opt(hour, minute, 0)?;
        let there = |at: &NaiveDateTime| match self.zone.from_local_datetime(at) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.timestamp_millis()),
            LocalResult::None => None,
        };
        (0..180).find_map(|minutes| there(&(wanted + TimeDelta::minutes(minutes))))
    }
}
