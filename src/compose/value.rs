//! A Compose file as a tree in which every value knows its place.

use std::collections::BTreeMap;

use super::place::Place;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) tag: Option<Tag>,
    pub(super) at: Place,
}

/// What a value is. Scalars stay as they are spelt: whether `0440` or `yes` is a number, a truth or a text is
/// said by who reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Map),
}

/// By key; the order in the file means nothing in Compose.
pub(super) type Map = BTreeMap<String, Entry>;

/// A value in a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key_at: Place,
    pub(super) node: Node,
}

/// What becomes of a value when files are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// `!reset`: it vanishes.
    Reset,
    /// `!override`: it stands in place of what was there.
    Override,
}

impl Node {
    pub(super) fn new(value: Value, at: &Place) -> Self {
        Self { value, tag: None, at: at.clone() }
    }

    pub(super) fn scalar(text: impl Into<String>, at: &Place) -> Self {
        Self::new(Value::Scalar(text.into()), at)
    }

    /// A map that is written in another form in this place.
    pub(super) fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Self)>, at: &Place) -> Self {
        let entry = |(key, node): (&str, Self)| (key.to_owned(), Entry { key_at: at.clone(), node });
        Self::new(Value::Map(fields.into_iter().map(entry).collect()), at)
    }

    pub(super) fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = &self.value { Some(map) } else { None }
    }

    pub(super) fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Value::Map(map) = &mut self.value { Some(map) } else { None }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Value::Scalar(text) = &self.value { Some(text) } else { None }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        if let Value::List(items) = &self.value { Some(items) } else { None }
    }

    pub(super) fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The value of a key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        Some(&self.as_map()?.get(key)?.node)
    }

    /// The text of a key, if this is a map that has one.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// What it is, in the words of a sentence.
    pub(super) fn kind(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text) => quote(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// The longest text that is repeated in a sentence, in characters.
const MAX_QUOTE: usize = 80;

/// A text of a user in a sentence, on one line and not too much of it.
pub(super) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_QUOTE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}
