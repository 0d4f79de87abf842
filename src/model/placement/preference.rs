//! What a task would rather have, and how much.

use serde::{Deserialize, Serialize};

use super::constraint::Constraint;
use super::fact::Fact;

/// One wish, and how much it counts against the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Preference {
    /// What is wished for.
    #[serde(flatten)]
    pub wish: Wish,
    /// How much it counts.
    #[serde(default)]
    pub weight: Weight,
}

/// What a task can wish for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wish {
    /// A node that matches.
    Prefer(Constraint),
    /// As many live tasks on each value of a fact.
    Spread(Spread),
}

/// Evens out live tasks over the values of a fact. Nodes without the label are one value of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Spread {
    /// Over the values of which fact.
    #[serde(rename = "SpreadDescriptor")]
    pub over: Fact,
    /// Counts only live tasks with the same value of this label of the task; `None` = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// How much a preference counts: -100 to 100 and not 0. Below 0, what matches is avoided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Weight(i32);

impl Weight {
    /// The number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// 50: room for more and for less.
impl Default for Weight {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<i64> for Weight {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        i32::try_from(number)
            .ok()
            .filter(|number| (-100..=100).contains(number) && *number != 0)
            .map(Self)
            .ok_or_else(|| {
                format!("{number} is no weight: 1 to 100 draws a task there, -100 to -1 keeps it away")
            })
    }
}

impl From<Weight> for i64 {
    fn from(weight: Weight) -> Self {
        weight.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_read_as_they_are_stored() {
        let text = r#"[{"Prefer":"node.labels.disk==ssd","Weight":10},{"Spread":{"SpreadDescriptor":"node.labels.zone","Of":"app"},"Weight":50}]"#;
        let preferences: Vec<Preference> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&preferences).unwrap(), text);
        assert_eq!(preferences[0].weight.number(), 10);
        let short: Preference =
            serde_json::from_str(r#"{"Spread":{"SpreadDescriptor":"node.labels.zone"}}"#).unwrap();
        assert_eq!(short.weight, Weight::default());
    }

    #[test]
    fn a_weight_is_between_100_below_and_above_0_and_not_0() {
        for number in [-100, -1, 1, 100] {
            assert_eq!(Weight::try_from(number).map(i64::from), Ok(number));
        }
        for number in [-101, 0, 101, i64::MAX] {
            assert!(Weight::try_from(number).is_err(), "{number}");
        }
    }
}
