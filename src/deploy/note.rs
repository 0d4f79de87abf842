//! What of a project orc does not do: where it is written, what happens instead, and whether that may be.

use std::fmt;

use crate::compose::{Finding, Place, Service};

/// What becomes of something that orc does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Something else happens, and people are told.
    Warned,
    /// Nothing is deployed: what was meant cannot be had otherwise.
    Refused,
}

/// One thing that orc does not do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Where it is written.
    pub at: Place,
    /// The way to it, as in `services.web.ports[0]`; this and all within it is meant.
    pub key: String,
    /// What becomes of it.
    pub fate: Fate,
    /// What happens instead, or what would be right.
    pub says: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = if self.fate == Fate::Refused { "is refused" } else { "is not honoured" };
        write!(f, "{}: {} {fate}: {}", self.at, self.key, self.says)
    }
}

/// A service, and where to tell of it.
pub(super) struct Scope<'a> {
    pub(super) service: &'a Service,
    /// What the files have, for the places of keys.
    pub(super) findings: &'a [Finding],
    pub(super) notes: &'a mut Vec<Note>,
}

impl Scope<'_> {
    /// Whether the files say something under this key of the service, as in `deploy.restart_policy`.
    pub(super) fn says(&self, key: &str) -> bool {
        self.find(&self.whole(key)).is_some()
    }

    /// How many entries a list of the service has that have a `target` each.
    pub(super) fn entries(&self, key: &str) -> usize {
        let list = format!("{}[", self.whole(key));
        let is_target =
            |finding: &&Finding| finding.key.starts_with(&list) && finding.key.ends_with("].target");
        self.findings.iter().filter(is_target).count()
    }

    /// What is said under this key is done otherwise.
    pub(super) fn warn(&mut self, key: &str, says: impl Into<String>) {
        let at = self.place_of(key);
        self.tell(key, &at, Fate::Warned, says.into());
    }

    /// What is said under this key cannot be had.
    pub(super) fn refuse(&mut self, key: &str, says: impl Into<String>) {
        let at = self.place_of(key);
        self.tell(key, &at, Fate::Refused, says.into());
    }

    /// The same of what is written at a place of its own, as an entry of a list is.
    pub(super) fn tell(&mut self, key: &str, at: &Place, fate: Fate, says: String) {
        self.notes.push(Note { at: at.clone(), key: self.whole(key), fate, says });
    }

    fn whole(&self, key: &str) -> String {
        let name = &self.service.name;
        if key.is_empty() { format!("services.{name}") } else { format!("services.{name}.{key}") }
    }

    /// Where a key of the service is written; the service itself where it is not.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let known = self.find(&self.whole(key)).map(|finding| finding.at.clone());
        let outermost = key.split(['.', '[']).next().unwrap_or_default();
        known.unwrap_or_else(|| self.service.place_of(outermost).clone())
    }

    fn find(&self, key: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.key == key)
    }
}
