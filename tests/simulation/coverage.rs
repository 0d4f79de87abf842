//! Counts what histories met, so that what the generator never makes is noticed.

use std::collections::BTreeMap;
use std::fmt;

/// How often each thing happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coverage(BTreeMap<(&'static str, &'static str), u64>);

impl Coverage {
    pub(crate) fn count(&mut self, kind: &'static str, what: &'static str) {
        *self.0.entry((kind, what)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    /// Which of these never happened.
    pub(crate) fn missing(&self, kind: &'static str, all: &[&'static str]) -> Vec<String> {
        let never = all.iter().filter(|what| !self.0.contains_key(&(kind, what)));
        never.map(|what| format!("{kind}: {what}")).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((kind, what), count) in &self.0 {
            writeln!(f, "{count:>10}  {kind}: {what}")?;
        }
        Ok(())
    }
}
