//! Labels of nodes: what a key and a value may be, so that every constraint can ask for them.

use super::placement::Fact;

/// The longest key, in characters.
const LONGEST_KEY: usize = 63;

/// The longest value, in characters.
const LONGEST_VALUE: usize = 255;

/// Refuses what is no key of a label; the error is a sentence without a capital letter.
pub fn check_key(key: &str) -> Result<(), String> {
    if Fact::names_label(key) && key.len() <= LONGEST_KEY {
        return Ok(());
    }
    let shown: String = key.chars().take(LONGEST_KEY).collect();
    Err(format!(
        "{shown:?} is no key of a label: 1 to {LONGEST_KEY} of the characters a-z A-Z 0-9 . _ - / are, a letter or digit \
         first and last, such as zone"
    ))
}

/// Refuses what is no value of the label `key`; the error is a sentence without a capital letter.
pub fn check_value(key: &str, value: &str) -> Result<(), String> {
    if value.chars().count() <= LONGEST_VALUE && !value.chars().any(char::is_control) {
        return Ok(());
    }
    Err(format!(
        "the value of the label {key} is longer than {LONGEST_VALUE} characters, or has control characters in it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_a_constraint_can_ask_for() {
        for key in ["zone", "a", "example.org/disk_kind-2", &"k".repeat(63)] {
            assert_eq!(check_key(key), Ok(()), "{key}");
        }
        for key in ["", "-a", "a.", "a b", "ä", "a=b", &"k".repeat(64)] {
            assert!(check_key(key).unwrap_err().contains("is no key of a label"), "{key}");
        }
    }

    #[test]
    fn a_value_is_a_line_of_bearable_length() {
        for value in ["", "a b=c", &"ä".repeat(255)] {
            assert_eq!(check_value("zone", value), Ok(()), "{value}");
        }
        for value in ["a\nb", "\0", &"v".repeat(256)] {
            assert!(check_value("zone", value).unwrap_err().contains("the label zone"), "{value:?}");
        }
    }
}
