//! What can be asked of a node, by name: `node.labels.zone`, `node.cores`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing that is known of every node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fact {
    /// `node.name`
    Name,
    /// `node.ip`
    Ip,
    /// `node.engine`: the version of its Docker Engine.
    Engine,
    /// `node.version`: the version of its orc.
    Version,
    /// `node.cores`: logical processors.
    Cores,
    /// `node.memory`: bytes in all.
    Memory,
    /// `node.disk`: bytes in all.
    Disk,
    /// `node.labels.NAME`
    Label(String),
}

/// What stands before the name of a label.
const LABELS: &str = "node.labels.";

/// The facts that every node has, by name.
const BUILT_IN: [(&str, Fact); 7] = [
    ("node.name", Fact::Name),
    ("node.ip", Fact::Ip),
    ("node.engine", Fact::Engine),
    ("node.version", Fact::Version),
    ("node.cores", Fact::Cores),
    ("node.memory", Fact::Memory),
    ("node.disk", Fact::Disk),
];

impl Fact {
    /// Whether `c` may be in the name of a fact or of a label.
    pub(super) const fn may_contain(c: char) -> bool {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/')
    }

    /// Whether a label of this name can be asked for.
    pub fn names_label(name: &str) -> bool {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        name.len() <= 128
            && name.chars().all(Self::may_contain)
            && edge(name.chars().next())
            && edge(name.chars().next_back())
    }
}

impl FromStr for Fact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, fact)) = BUILT_IN.iter().find(|(name, _)| *name == text) {
            return Ok(fact.clone());
        }
        let shown: String = text.chars().take(64).collect();
        if let Some(label) = text.strip_prefix(LABELS) {
            return Self::names_label(label).then(|| Self::Label(label.to_owned())).ok_or_else(|| {
                format!(
                    "{shown:?} names no label: behind {LABELS} stand up to 128 of the characters a-z A-Z 0-9 . _ - /, \
                     a letter or digit first and last, such as {LABELS}zone"
                )
            });
        }
        let known = BUILT_IN.map(|(name, _)| name).join(", ");
        let hint = if Self::names_label(text) && !text.starts_with("node.") {
            format!("; write {LABELS}{shown} if that is a label of the node")
        } else {
            String::new()
        };
        Err(format!("{shown:?} is nothing that is known of a node: {known} and {LABELS}NAME are{hint}"))
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => write!(f, "{LABELS}{name}"),
            known => {
                BUILT_IN.iter().find(|(_, fact)| fact == known).map_or(Ok(()), |(name, _)| f.write_str(name))
            }
        }
    }
}

impl TryFrom<String> for Fact {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Fact> for String {
    fn from(fact: Fact) -> Self {
        fact.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_prints_as_it_reads() {
        for (name, _) in BUILT_IN {
            assert_eq!(name.parse::<Fact>().map(|fact| fact.to_string()), Ok(name.to_owned()));
        }
        let label = "node.labels.example.org/disk_kind-2";
        assert_eq!(label.parse(), Ok(Fact::Label("example.org/disk_kind-2".to_owned())));
        assert_eq!(Fact::Label("zone".to_owned()).to_string(), "node.labels.zone");
    }

    #[test]
    fn what_is_no_fact_is_refused_with_what_would_be_one() {
        let refusal = |text: &str| text.parse::<Fact>().unwrap_err();
        assert!(refusal("zone").ends_with("write node.labels.zone if that is a label of the node"));
        assert!(refusal("node.hostname").contains("node.name, node.ip"));
        assert!(!refusal("node.hostname").contains("if that is a label"));
        for text in ["node.labels.", "node.labels.-a", "node.labels.a.", "node.labels.ä"] {
            assert!(refusal(text).contains("names no label"), "{text}");
        }
        for text in ["", "Node.name", "node", "node.", "node.labels", "node.Cores"] {
            assert!(refusal(text).contains("nothing that is known"), "{text}");
        }
    }
}
