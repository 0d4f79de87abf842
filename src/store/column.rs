//! Values as columns hold them: words, times, JSON, and the checksum over a row.

use std::fmt::Display;
use std::io;

use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::model::state::Ready;
use crate::model::time::Timestamp;

/// Reads an identifier, a name or a word.
pub(super) fn word<'de, T: Deserialize<'de>>(column: &str, text: &'de str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<WordError>::new(text)).map_err(|error| format!("{column}: {error}"))
}

/// Reads a time.
pub(super) fn time(column: &str, text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| format!("{column}: {text:?} is no time, such as 2026-11-22T07:26:19.690Z"))
}

/// Reads JSON.
pub(super) fn json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{column}: {error}"))
}

/// Reads a column that may be NULL.
pub(super) fn optional<'a, T>(
    column: &str,
    text: Option<&'a String>,
    read: impl FnOnce(&str, &'a str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    text.map(|text| read(column, text)).transpose()
}

/// Reads how ready a task is, and the reason beside it.
pub(super) fn ready(word: Option<&String>, why_not: Option<&String>) -> Result<Option<Ready>, String> {
    let read = |word: &String| Ready::of(word, why_not.cloned().unwrap_or_default());
    word.map(read).transpose().map_err(|error| format!("ready: {error}"))
}

/// What the column of `value` holds.
pub(super) fn text(value: Option<&impl Display>) -> Option<String> {
    value.map(ToString::to_string)
}

/// The JSON of a value of ours. None of them can fail to have one; an empty text would be refused by the schema.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The checksum over a row: 64-bit FNV-1a over its JSON. Each of its steps can be undone, so whatever changes
/// a single byte changes the sum.
pub(super) fn checksum(row: &impl Serialize) -> i64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    // Writing to a hasher cannot fail.
    let _ = serde_json::to_writer(&mut hasher, row);
    hasher.0.cast_signed()
}

struct Fnv(u64);

impl io::Write for Fnv {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compares the checksum that was stored with that over what was read.
pub(super) fn verify(stored: Option<i64>, row: &impl Serialize) -> Result<(), String> {
    if stored.is_some_and(|stored| stored != checksum(row)) {
        return Err("the row does not match its checksum: it was damaged, or changed by hand".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::TaskId;
    use crate::model::state::{Health, State};

    #[test]
    fn the_checksum_is_fnv_1a() {
        // Known answers for "" and "foobar" are published by its authors; here the quotes of JSON count too.
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        io::Write::write_all(&mut hasher, b"foobar").unwrap();
        assert_eq!(hasher.0, 0x8594_4171_f739_67e8);
    }

    #[test]
    fn any_flipped_bit_changes_the_checksum() {
        let text = "a row of some length".to_owned();
        let sum = checksum(&text);
        for position in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                let flipped = String::from_utf8(bytes).unwrap();
                assert_ne!(checksum(&flipped), sum, "{position}.{bit}");
            }
        }
    }

    #[test]
    fn words_are_read_and_nonsense_is_named_with_its_column() {
        assert_eq!(word::<State>("state", "running"), Ok(State::Running));
        assert_eq!(word::<Health>("health", "healthy"), Ok(Health::Healthy));
        assert!(word::<TaskId>("id", "bb1d59ef-9fc1-4e4b-a44d-db571eeed203").is_ok());
        let error = word::<State>("state", "runnin").unwrap_err();
        assert!(error.starts_with("state: ") && error.contains("runnin"), "{error}");
        assert!(time("created_at", "yesterday").is_err());
    }
}
