//! How old events are: by how long managers have run on the store since, never by the date.
//!
//! The date of a machine may be wrong by a year for a minute, and what was deleted then would be gone for good. So the
//! store notes now and then which events it had at which age of its own, and old ones are found by their numbers.

use std::time::Duration;

use crate::store::insert::{Parameter, Statement};

/// There are so many notes to a retention: what is old is deleted later by that share of it at most.
const NOTES: u32 = 32;

/// Notes how old the store is, and deletes what is older than `retention` by then: the events last, so that they are what
/// is counted.
pub(super) fn statements(lived: Duration, retention: Duration) -> [Statement; 4] {
    let limit = lived.checked_sub(retention);
    let before_note = lived.saturating_sub(retention / NOTES);
    [
        statement(GROW_OLDER, &[Some(lived)]),
        statement(NOTE, &[Some(lived), Some(before_note)]),
        statement(DROP_NOTES, &[limit]),
        statement(PRUNE, &[limit]),
    ]
}

fn statement(sql: &'static str, durations: &[Option<Duration>]) -> Statement {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let parameter = |duration: &Option<Duration>| {
        duration.map_or(Parameter::Null, |duration| Parameter::Integer(millis(duration)))
    };
    Statement { sql: sql.into(), parameters: durations.iter().map(parameter).collect() }
}

const GROW_OLDER: &str = "UPDATE meta SET lived_ms = max(lived_ms, ?)";

const NOTE: &str = "
    INSERT INTO ages (lived_ms, last_event) SELECT ?, last_event FROM meta
    WHERE NOT EXISTS (SELECT 1 FROM ages WHERE lived_ms > ?)
    ON CONFLICT DO NOTHING";

/// The latest of the old ones stays: it says what is old.
const DROP_NOTES: &str =
    "DELETE FROM ages WHERE lived_ms < (SELECT max(lived_ms) FROM ages WHERE lived_ms <= ?)";

/// At most so many at a time that nothing else waits for long.
const PRUNE: &str = "
    DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT 10000)
        AND seq <= (
            SELECT last_event FROM ages WHERE lived_ms <= ? ORDER BY lived_ms DESC LIMIT 1
        )";
