//! One condition on a node: `node.labels.zone==a`, `node.memory>=16GiB`, `!node.labels.gpu`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::value::{Value, quantity};
use crate::model::id::NodeName;

/// A condition on a node. It is what its text says: equal and ordered by that alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Constraint {
    text: String,
    fact: Fact,
    test: Test,
}

/// What a constraint asks of a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// That there is one: `node.labels.gpu`.
    Present,
    /// That there is none: `!node.labels.gpu`.
    Absent,
    /// That it equals one of these: `==`, `in (…)`.
    AnyOf(Vec<Value>),
    /// That it equals none of these, or is absent: `!=`, `not in (…)`.
    NoneOf(Vec<Value>),
    /// That it stands so to this: `>=`, `<=`, `>`, `<`.
    Is(Relation, Value),
}

/// How one value stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
}

impl Relation {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::AtLeast => order.is_ge(),
            Self::AtMost => order.is_le(),
            Self::Above => order.is_gt(),
            Self::Below => order.is_lt(),
        }
    }
}

/// What a sentence about a bad constraint ends with.
const OPERATORS: &str = "==, !=, >=, <=, >, <, \"in (a, b)\" and \"not in (a, b)\" compare; a label alone asks \
                         whether there is one, and with ! before it whether there is none";

impl Constraint {
    /// That a node is one of these.
    pub fn is_one_of(names: &[&NodeName]) -> Self {
        let listed: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let text = match listed.as_slice() {
            [one] => format!("node.name=={one}"),
            several => format!("node.name in ({})", several.join(", ")),
        };
        let values = listed.into_iter().map(|name| Value::Text(name.to_owned())).collect();
        Self { text, fact: Fact::Name, test: Test::AnyOf(values) }
    }

    /// As its owner wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is about.
    pub const fn fact(&self) -> &Fact {
        &self.fact
    }

    /// Whether a node matches whose value of [`Constraint::fact`] is this one; `None` = it has none.
    pub fn admits(&self, value: Option<&Value>) -> bool {
        let equals = |wanted: &Value| value.and_then(|value| value.compare(wanted)) == Some(Ordering::Equal);
        match &self.test {
            Test::Present => value.is_some(),
            Test::Absent => value.is_none(),
            Test::AnyOf(wanted) => wanted.iter().any(equals),
            Test::NoneOf(unwanted) => !unwanted.iter().any(equals),
            Test::Is(relation, wanted) => {
                value.and_then(|value| value.compare(wanted)).is_some_and(|order| relation.holds(order))
            }
        }
    }
}

impl FromStr for Constraint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let shown: String = text.chars().take(64).collect();
        let (negated, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest.trim_start()));
        let end = rest.find(|c| !Fact::may_contain(c)).unwrap_or(rest.len());
        let (fact, comparison) = rest.split_at(end);
        if fact.is_empty() || text.len() > 1024 {
            return Err(format!("{shown:?} is no constraint, such as \"node.labels.zone==a\": {OPERATORS}"));
        }
        let fact =
            Fact::from_str(fact).map_err(|problem| format!("in the constraint {shown:?}, {problem}"))?;
        let asked = match (negated, comparison.trim()) {
            (_, "") => existence(&fact, negated),
            (true, _) => {
                Err(format!("has ! before a comparison; != and \"not in\" are the negated ones. {OPERATORS}"))
            }
            (false, comparison) => comparison_of(&fact, comparison),
        };
        let asked = asked.map_err(|problem| format!("the constraint {shown:?} {problem}"))?;
        Ok(Self { text: text.to_owned(), fact, test: asked })
    }
}

/// Only labels can be absent.
fn existence(fact: &Fact, negated: bool) -> Result<Test, String> {
    match (fact, negated) {
        (Fact::Label(_), false) => Ok(Test::Present),
        (Fact::Label(_), true) => Ok(Test::Absent),
        _ => Err(format!("compares {fact} with nothing, and every node has one: {OPERATORS}")),
    }
}

fn comparison_of(fact: &Fact, comparison: &str) -> Result<Test, String> {
    let words = comparison.strip_prefix("not").map(str::trim_start);
    if let Some(list) = words.and_then(|rest| rest.strip_prefix("in")) {
        return list_of(fact, list).map(Test::NoneOf);
    }
    if let Some(list) = comparison.strip_prefix("in") {
        return list_of(fact, list).map(Test::AnyOf);
    }
    let end = comparison.find(|c| !"=!<>~".contains(c)).unwrap_or(comparison.len());
    let (operator, value) = comparison.split_at(end);
    let value = value.trim();
    match operator {
        "==" => value_of(fact, value).map(|value| Test::AnyOf(vec![value])),
        "!=" => value_of(fact, value).map(|value| Test::NoneOf(vec![value])),
        ">=" => bound_of(fact, value).map(|bound| Test::Is(Relation::AtLeast, bound)),
        "<=" => bound_of(fact, value).map(|bound| Test::Is(Relation::AtMost, bound)),
        ">" => bound_of(fact, value).map(|bound| Test::Is(Relation::Above, bound)),
        "<" => bound_of(fact, value).map(|bound| Test::Is(Relation::Below, bound)),
        "" => Err(format!("has no operator behind {fact}: {OPERATORS}")),
        _ => Err(format!("has {operator:?} behind {fact}, which is no operator: {OPERATORS}")),
    }
}

/// `(a, b)`.
fn list_of(fact: &Fact, list: &str) -> Result<Vec<Value>, String> {
    let inner = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
    let inner =
        inner.ok_or_else(|| "has no list in brackets behind its \"in\", such as in (a, b)".to_owned())?;
    inner.split(',').map(|value| value_of(fact, value.trim())).collect()
}

/// What a fact is compared with for equality.
fn value_of(fact: &Fact, text: &str) -> Result<Value, String> {
    match fact {
        _ if text.is_empty() => Err(format!(
            "compares {fact} with nothing: a value belongs behind the operator, such as {fact}==a"
        )),
        Fact::Name | Fact::Ip | Fact::Label(_) => Ok(Value::Text(text.to_owned())),
        _ => bound_of(fact, text),
    }
}

/// What a fact is compared with for order.
fn bound_of(fact: &Fact, text: &str) -> Result<Value, String> {
    match fact {
        Fact::Name | Fact::Ip => {
            Err(format!("asks whether {fact} is more or less than another: only ==, != and in compare it"))
        }
        Fact::Engine | Fact::Version => version(text).ok_or_else(|| {
            format!("compares {fact} with {text:?}: a version belongs there, such as 24 or 24.0.7")
        }),
        Fact::Cores | Fact::Label(_) => quantity(text)
            .map(Value::Number)
            .ok_or_else(|| format!("compares {fact} with {text:?}: a number belongs there, such as 8")),
        Fact::Memory | Fact::Disk => quantity(text)
            .map(Value::Number)
            .ok_or_else(|| format!("compares {fact} with {text:?}: bytes belong there, such as 16GiB")),
    }
}

/// Numbers with points between them, and nothing behind.
fn version(text: &str) -> Option<Value> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    Value::version_of(text).filter(|version| {
        plain && matches!(version, Value::Version(parts) if parts.len() == text.split('.').count())
    })
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Constraint {}

impl PartialOrd for Constraint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Constraint {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Constraint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Constraint> for String {
    fn from(constraint: Constraint) -> Self {
        constraint.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Constraint {
        text.parse().unwrap()
    }

    /// Which of these values of a label, the last one being its absence, a constraint admits.
    fn admitted(text: &str, labels: &[&str]) -> Vec<bool> {
        let constraint = read(text);
        let values = labels.iter().map(|label| Some(Value::Text((*label).to_owned()))).chain([None]);
        values.map(|value| constraint.admits(value.as_ref())).collect()
    }

    #[test]
    fn every_operator_means_what_it_says() {
        for (text, wanted) in [
            ("node.labels.rack==9", [true, false, false, false]),
            ("node.labels.rack != 9", [false, true, true, true]),
            ("node.labels.rack in (9, b)", [true, false, true, false]),
            ("node.labels.rack not in (9,b)", [false, true, false, true]),
            ("node.labels.rack", [true, true, true, false]),
            ("!node.labels.rack", [false, false, false, true]),
            ("node.labels.rack>=10", [false, true, false, false]),
            ("node.labels.rack<10", [true, false, false, false]),
            ("node.labels.rack<=10", [true, true, false, false]),
            ("node.labels.rack > 9", [false, true, false, false]),
        ] {
            assert_eq!(admitted(text, &["9", "10", "b"]), wanted, "{text}");
        }
    }

    #[test]
    fn facts_compare_in_their_own_units() {
        let admits = |text: &str, value: Value| read(text).admits(Some(&value));
        assert!(admits("node.memory>=16GiB", Value::Number(17_179_869_184.0)));
        assert!(!admits("node.memory>16GiB", Value::Number(17_179_869_184.0)));
        assert!(admits("node.cores in (4, 8)", Value::Number(8.0)));
        assert!(admits("node.engine>=24", Value::Version(vec![24, 0, 7])));
        assert!(admits("node.engine==24", Value::Version(vec![24, 0, 7])));
        assert!(!admits("node.engine>24", Value::Version(vec![24, 0, 7])));
        assert!(admits("node.name!=box-1", Value::Text("box-2".to_owned())));
        assert!(!read("node.engine>=24").admits(None));
    }

    #[test]
    fn it_keeps_its_text_and_reads_it_back() {
        let constraint = read("  node.labels.disk in (ssd,nvme) ");
        assert_eq!(constraint.text(), "node.labels.disk in (ssd,nvme)");
        let json = serde_json::to_string(&constraint).unwrap();
        assert_eq!(serde_json::from_str::<Constraint>(&json).unwrap(), constraint);
    }

    #[test]
    fn what_does_not_parse_is_named_with_what_would() {
        for (text, says) in [
            ("", "is no constraint, such as"),
            ("!", "is no constraint, such as"),
            ("==a", "is no constraint, such as"),
            ("zone==a", "write node.labels.zone if that is a label"),
            ("node.labels.==a", "names no label"),
            ("node.labels.zone=a", "\"=\" behind node.labels.zone, which is no operator: ==, !="),
            ("node.labels.zone=~a", "\"=~\" behind"),
            ("node.labels.zone==", "compares node.labels.zone with nothing"),
            ("node.labels.zone is a", "has no operator behind node.labels.zone"),
            ("node.labels.zone in a,b", "no list in brackets"),
            ("node.labels.zone in ()", "with nothing"),
            ("node.labels.zone in (a,,b)", "with nothing"),
            ("node.labels.zone>=a", "a number belongs there"),
            ("!node.labels.zone==a", "!= and \"not in\" are the negated ones"),
            ("node.cores", "every node has one"),
            ("!node.name", "every node has one"),
            ("node.name>=a", "only ==, != and in compare it"),
            ("node.cores>=many", "a number belongs there, such as 8"),
            ("node.memory>=16XiB", "bytes belong there, such as 16GiB"),
            ("node.engine>=new", "a version belongs there, such as 24"),
            ("node.engine>=24.", "a version belongs there"),
        ] {
            let refusal = text.parse::<Constraint>().unwrap_err();
            assert!(refusal.contains(says), "{text}: {refusal}");
        }
    }
}
