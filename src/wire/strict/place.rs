//! Where in a text a value is.

use serde::de::{DeserializeOwned, IgnoredAny};

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the field of this name.
    Field(String),
    /// To the element of this number, from 0.
    Element(usize),
}

/// A line and a column in bytes, both from 1.
pub(super) type Position = (usize, usize);

/// The position of the byte after these ones.
pub(super) fn after(before: &[u8]) -> Position {
    let last_line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    (before.split(|byte| *byte == b'\n').count(), last_line.len() + 1)
}

/// Where the value at the end of `path` begins in `text`, which is valid JSON; where the last value on the way
/// begins when the path leads nowhere.
pub(super) fn locate(text: &str, path: &[Step]) -> Position {
    let start = skip_space(text, 0);
    let end = path.iter().try_fold(start, |at, step| match step {
        Step::Field(name) => field(text, at, name).ok_or(at),
        Step::Element(index) => element(text, at, *index).ok_or(at),
    });
    let (Ok(offset) | Err(offset)) = end;
    after(&text.as_bytes()[..offset])
}

/// Where the value of a field begins, in the object that begins at `at`.
fn field(text: &str, at: usize, name: &str) -> Option<usize> {
    let mut at = at + 1;
    loop {
        let (key, end) = read::<String>(text, at)?;
        let value = skip_space(text, skip_space(text, end) + 1);
        if key == name {
            return Some(value);
        }
        at = next(text, value)?;
    }
}

/// Where an element begins, in the array that begins at `at`.
fn element(text: &str, at: usize, index: usize) -> Option<usize> {
    let first = skip_space(text, at + 1);
    (0..index).try_fold(first, |at, _| next(text, at).map(|at| skip_space(text, at)))
}

/// What is behind the comma behind the value that begins at `at`.
fn next(text: &str, at: usize) -> Option<usize> {
    let (_, end) = read::<IgnoredAny>(text, at)?;
    let comma = skip_space(text, end);
    text[comma..].starts_with(',').then_some(comma + 1)
}

/// One value from `at` on, and where it ends.
fn read<T: DeserializeOwned>(text: &str, at: usize) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter();
    let value = values.next()?.ok()?;
    Some((value, at + values.byte_offset()))
}

fn skip_space(text: &str, at: usize) -> usize {
    text.len() - text.get(at..).unwrap_or_default().trim_ascii_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_path() {
        let text = " {\"a\": [1, {\"b\\u0063\" :\n\ttrue}, []], \"d\":{}, \"\": \"e\"}";
        let field = |name: &str| Step::Field(name.to_owned());
        for (path, position) in [
            (vec![], (1, 2)),
            (vec![field("a")], (1, 8)),
            (vec![field("a"), Step::Element(0)], (1, 9)),
            (vec![field("a"), Step::Element(1)], (1, 12)),
            (vec![field("a"), Step::Element(1), field("bc")], (2, 2)),
            (vec![field("a"), Step::Element(2)], (2, 9)),
            (vec![field("d")], (2, 18)),
            (vec![field("")], (2, 26)),
            (vec![field("nowhere"), field("d")], (1, 2)),
            (vec![field("a"), Step::Element(9)], (1, 8)),
        ] {
            assert_eq!(locate(text, &path), position, "{path:?}");
        }
    }
}
