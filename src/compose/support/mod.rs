//! What orc does with each key of the Compose specification: it honours it, warns of it, or refuses it.
//!
//! The table is in `table`; a key that it does not have is no key of the specification.

mod deploy_table;
mod resource_table;
mod service_table;
mod table;

use std::fmt;

use super::place::Place;
use super::problem::Problems;
use super::value::{Entry, Node, Value, quote};
use crate::spelling::resembling;

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Support {
    /// It is read as the specification says, and handed on; `deploy` tells of values that services cannot have.
    Honoured,
    /// It is not done; the text says what happens instead.
    Warned(&'static str),
    /// It is an error, since what was meant cannot be had otherwise; the text says what would be right.
    Refused(&'static str),
}

/// What becomes of one key of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where the key is written.
    pub at: Place,
    /// The way to it, as in `services.web.deploy.replicas`.
    pub key: String,
    /// What becomes of it.
    pub support: Support,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.support {
            Support::Honoured => write!(f, "{}: {} is honoured", self.at, self.key),
            Support::Warned(instead) => write!(f, "{}: {} is not honoured: {instead}", self.at, self.key),
            Support::Refused(why) => write!(f, "{}: {} is refused: {why}", self.at, self.key),
        }
    }
}

/// What becomes of a key of the specification, written as in `services.*.ports[].target`.
pub fn support_of(key: &str) -> Option<Support> {
    table::find(key)
}

/// Every key that the table has, written so.
pub fn keys() -> impl Iterator<Item = &'static String> {
    table::keys()
}

/// What becomes of every key in a file, by place. Keys that are refused or that nobody knows are errors as well.
pub(super) fn findings(root: &Node, problems: &mut Problems) -> Vec<Finding> {
    let mut walk = Walk { findings: Vec::new(), problems };
    walk.node(root, "", "");
    let mut findings = walk.findings;
    findings.sort();
    findings.dedup();
    findings
}

struct Walk<'p> {
    findings: Vec<Finding>,
    problems: &'p mut Problems,
}

impl Walk<'_> {
    /// `pattern` is how the table calls the place, `key` how the file does.
    fn node(&mut self, node: &Node, pattern: &str, key: &str) {
        match &node.value {
            Value::Map(map) => {
                for (name, entry) in map {
                    self.entry(name, entry, pattern, key);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.node(item, &format!("{pattern}[]"), &format!("{key}[{index}]"));
                }
            }
            Value::Null | Value::Scalar(_) => {}
        }
    }

    fn entry(&mut self, name: &str, entry: &Entry, pattern: &str, key: &str) {
        let join =
            |path: &str, name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let (inner, inner_key) = (join(pattern, name), join(key, name));
        let any = join(pattern, "*");
        if table::has_below(&any) {
            // Names are the user's own; what is in them is not.
            return self.node(&entry.node, &any, &inner_key);
        }
        if let Some(support) = table::find(&inner) {
            let at = entry.key_at.clone();
            if let Support::Refused(why) = support {
                self.problems.error(&at, format!("`{name}` is refused: {why}"));
            }
            self.findings.push(Finding { at, key: inner_key.clone(), support });
            if support == Support::Honoured {
                self.node(&entry.node, &inner, &inner_key);
            }
        } else if !name.starts_with("x-") && (pattern.is_empty() || table::has_below(pattern)) {
            self.problems.error(&entry.key_at, unknown(name, pattern));
        }
    }
}

fn unknown(name: &str, pattern: &str) -> String {
    let siblings = table::below(pattern);
    let place =
        if pattern.is_empty() { "at the top of a Compose file".to_owned() } else { "here".to_owned() };
    match resembling(name, siblings.iter().copied()) {
        Some(meant) => format!("{} is no key {place}; did you mean `{meant}`?", quote(name)),
        None if siblings.len() <= 12 => {
            let known = siblings.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            format!("{} is no key {place}; there are {known}", quote(name))
        }
        None => format!("{} is no key {place}; a key of your own begins with `x-`", quote(name)),
    }
}
