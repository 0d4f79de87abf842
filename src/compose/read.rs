//! Values of the tree as values of Rust. What is wrong is told with its place, and reading goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::place::{Located, Place};
use super::problem::Problems;
use super::units;
use super::value::{Map, Node, quote};

/// The fields of a mapping, as they are taken out of it.
pub(super) struct Fields<'n, 'p> {
    map: &'n Map,
    at: &'n Place,
    problems: &'p mut Problems,
}

impl<'n, 'p> Fields<'n, 'p> {
    pub(super) fn of(node: &'n Node, problems: &'p mut Problems) -> Option<Self> {
        let Some(map) = node.as_map() else {
            problems.error(&node.at, format!("{} is here, where a mapping belongs", node.kind()));
            return None;
        };
        Some(Self { map, at: &node.at, problems })
    }

    /// A field that may be missing, or be null, which is the same.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'n Node, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        read(node, self.problems)
    }

    /// A field without which the rest means nothing.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'n Node, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        if self.node(key).is_none() {
            self.problems.error(self.at, format!("`{key}` is missing here"));
        }
        self.optional(key, read)
    }

    /// A field, and where it is.
    pub(super) fn located<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'n Node, &mut Problems) -> Option<T>,
    ) -> Option<Located<T>> {
        let at = self.node(key)?.at.clone();
        Some(Located { value: self.optional(key, read)?, at })
    }

    /// The fields of a mapping in a field.
    pub(super) fn inner(&mut self, key: &str) -> Option<Fields<'n, '_>> {
        let node = self.node(key)?;
        Fields::of(node, self.problems)
    }

    /// Where a field is.
    pub(super) fn place(&self, key: &str) -> Option<Place> {
        self.node(key).map(|node| node.at.clone())
    }

    pub(super) fn error(&mut self, at: &Place, says: impl Into<String>) {
        self.problems.error(at, says);
    }

    fn node(&self, key: &str) -> Option<&'n Node> {
        self.map.get(key).map(|entry| &entry.node).filter(|node| !node.is_null())
    }
}

/// Each value of a list; those that are wrong are told and left out.
pub(super) fn list<T>(
    node: &Node,
    problems: &mut Problems,
    mut read: impl FnMut(&Node, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(items) = node.as_list() else {
        problems.error(&node.at, format!("{} is here, where a list belongs", node.kind()));
        return None;
    };
    Some(items.iter().filter_map(|item| read(item, problems)).collect())
}

/// Each value of a mapping by its key; those that are wrong are told and left out.
pub(super) fn map<T>(
    node: &Node,
    problems: &mut Problems,
    mut read: impl FnMut(&Node, &mut Problems) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let fields = Fields::of(node, problems)?.map;
    Some(fields.iter().filter_map(|(key, entry)| Some((key.clone(), read(&entry.node, problems)?))).collect())
}

pub(super) fn text(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.as_text();
    if text.is_none() {
        problems.error(&node.at, format!("{} is here, where a text belongs", node.kind()));
    }
    text.map(str::to_owned)
}

/// A text that may be left empty.
pub(super) fn text_or_nothing(node: &Node, problems: &mut Problems) -> Option<String> {
    if node.is_null() { Some(String::new()) } else { text(node, problems) }
}

pub(super) fn texts(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    list(node, problems, text)
}

pub(super) fn text_map(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    map(node, problems, text_or_nothing)
}

/// A path, from where it is written.
pub(super) fn path(node: &Node, problems: &mut Problems) -> Option<PathBuf> {
    let text = text(node, problems)?;
    if text.starts_with('~') {
        problems.error(
            &node.at,
            format!("{} begins in a home, and whose is not said; write `${{HOME}}` for yours", quote(&text)),
        );
        return None;
    }
    Some(node.at.resolve(text))
}

pub(super) fn truth(node: &Node, problems: &mut Problems) -> Option<bool> {
    // The words that YAML has ever had for it: variables bring them as texts.
    match text(node, problems)?.to_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        other => {
            problems.error(&node.at, format!("{} is here, where `true` or `false` belongs", quote(other)));
            None
        }
    }
}

/// Whatever can be read from a text; `wanted` is what belongs there, in words.
pub(super) fn parsed<T: FromStr>(wanted: &'static str) -> impl Fn(&Node, &mut Problems) -> Option<T> {
    move |node, problems| {
        let text = text(node, problems)?;
        let value = text.trim().parse().ok();
        if value.is_none() {
            problems.error(&node.at, format!("{} is here, where {wanted} belongs", quote(&text)));
        }
        value
    }
}

/// A number that counts something, from 0.
pub(super) fn count(node: &Node, problems: &mut Problems) -> Option<u32> {
    parsed("a whole number, 0 or more,")(node, problems)
}

/// A number of cores, a ratio: finite and not below 0.
pub(super) fn amount(node: &Node, problems: &mut Problems) -> Option<f64> {
    let amount: f64 = parsed("a number, as in `0.5`,")(node, problems)?;
    if amount.is_finite() && amount >= 0.0 {
        return Some(amount);
    }
    problems.error(&node.at, format!("`{amount}` is here, where a number not below 0 belongs"));
    None
}

/// One word of a few.
pub(super) fn word<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Node, &mut Problems) -> Option<T> {
    move |node, problems| {
        let text = text(node, problems)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            problems.error(
                &node.at,
                format!("{} is here, where one of {} belongs", quote(&text), known.join(", ")),
            );
        }
        found
    }
}

/// A reader of texts from a function that says what is wrong in a sentence.
fn sentence<T>(read: fn(&str) -> Result<T, String>) -> impl Fn(&Node, &mut Problems) -> Option<T> {
    move |node, problems| {
        let text = text(node, problems)?;
        read(&text).map_err(|says| problems.error(&node.at, says)).ok()
    }
}

pub(super) fn port(node: &Node, problems: &mut Problems) -> Option<u16> {
    sentence(units::port_number)(node, problems)
}

pub(super) fn duration(node: &Node, problems: &mut Problems) -> Option<Duration> {
    sentence(units::duration)(node, problems)
}

/// Bytes, as in `512m`.
pub(super) fn bytes(node: &Node, problems: &mut Problems) -> Option<u64> {
    sentence(units::byte_count)(node, problems)
}

/// A file mode, in octal.
pub(super) fn mode(node: &Node, problems: &mut Problems) -> Option<u32> {
    sentence(units::octal)(node, problems)
}
