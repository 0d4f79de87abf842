//! Where a task may go, in JSON: the same in what a user sends and in what is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::placement::{self as model, Constraint, Fact, Weight, Wish};

/// Which nodes a task may be placed on, and which of those it would rather be on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Placement {
    /// All of them must match, such as `node.labels.zone==a`, `node.labels.disk in (ssd,nvme)`, `node.labels.gpu`,
    /// `!node.labels.gpu`, `node.engine>=24`, `node.cores>=8`, `node.memory>=16GiB`, `node.name!=box-1`.
    #[schema(value_type = Vec<String>)]
    pub constraints: Vec<Constraint>,
    /// Decide among the nodes that match, before the scheduler does.
    pub preferences: Vec<Preference>,
    /// Names of the task's own labels: it shares no node with a live task of the same value.
    pub anti_affinity: Vec<String>,
}

/// Either `Prefer` or `Spread`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Preference {
    /// A constraint that need not match: where it does, it gives `Weight` points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub prefer: Option<Constraint>,
    /// Evens out live tasks: gives `Weight` points times the share of them that are elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// How much it counts, 1 to 100, or -100 to -1 to keep away; 50 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub weight: Option<Weight>,
}

/// Over what live tasks are evened out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spread {
    /// Such as `node.labels.zone`, or `node.name`.
    #[schema(value_type = String)]
    pub spread_descriptor: Fact,
    /// Counts only live tasks with the same value of this label of the task; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// No list of rules may be longer: each rule is looked at for each node.
const MOST_RULES: usize = 32;

impl Placement {
    /// The rules, checked, of a task that has `labels`.
    pub(super) fn checked(&self, labels: &BTreeMap<String, String>) -> Result<model::Placement, String> {
        let lists = [
            ("Constraints", self.constraints.len()),
            ("Preferences", self.preferences.len()),
            ("AntiAffinity", self.anti_affinity.len()),
        ];
        if let Some((list, count)) = lists.into_iter().find(|(_, count)| *count > MOST_RULES) {
            return Err(format!("Task.Placement.{list} has {count} entries: {MOST_RULES} are the most"));
        }
        for (index, label) in self.anti_affinity.iter().enumerate() {
            has_label(&format!("Task.Placement.AntiAffinity[{index}]"), label, labels)?;
        }
        let preferences = self.preferences.iter().enumerate().map(|(index, preference)| {
            preference.checked(&format!("Task.Placement.Preferences[{index}]"), labels)
        });
        Ok(model::Placement {
            constraints: self.constraints.clone(),
            preferences: preferences.collect::<Result<_, _>>()?,
            anti_affinity: self.anti_affinity.clone(),
        })
    }
}

impl Preference {
    fn checked(&self, place: &str, labels: &BTreeMap<String, String>) -> Result<model::Preference, String> {
        let weight = self.weight.unwrap_or_default();
        let wish = match (&self.prefer, &self.spread) {
            (Some(constraint), None) => Wish::Prefer(constraint.clone()),
            (None, Some(spread)) => Wish::Spread(spread.checked(place, weight, labels)?),
            _ => {
                return Err(format!(
                    "{place} has {}: one of them belongs there, such as \
                     {{\"Prefer\": \"node.labels.disk==ssd\", \"Weight\": 10}} or \
                     {{\"Spread\": {{\"SpreadDescriptor\": \"node.labels.zone\"}}}}",
                    if self.prefer.is_some() {
                        "both Prefer and Spread"
                    } else {
                        "neither Prefer nor Spread"
                    }
                ));
            }
        };
        Ok(model::Preference { wish, weight })
    }
}

impl Spread {
    fn checked(
        &self,
        place: &str,
        weight: Weight,
        labels: &BTreeMap<String, String>,
    ) -> Result<model::Spread, String> {
        if weight.number() < 0 {
            return Err(format!(
                "{place}.Weight is {}: to spread tasks less than nothing is no wish; 1 to 100 are possible",
                weight.number()
            ));
        }
        if let Some(label) = &self.of {
            has_label(&format!("{place}.Spread.Of"), label, labels)?;
        }
        Ok(model::Spread { over: self.spread_descriptor.clone(), of: self.of.clone() })
    }
}

fn has_label(place: &str, label: &str, labels: &BTreeMap<String, String>) -> Result<(), String> {
    if labels.contains_key(label) {
        return Ok(());
    }
    let shown: String = label.chars().take(64).collect();
    Err(format!(
        "{place} is {shown:?}, a label that the task does not have: tasks with the same value of it are meant, so give \
         it one in Task.Labels, such as {{\"app\": \"web\"}}"
    ))
}

impl From<&model::Placement> for Placement {
    fn from(placement: &model::Placement) -> Self {
        Self {
            constraints: placement.constraints.clone(),
            preferences: placement.preferences.iter().map(Preference::from).collect(),
            anti_affinity: placement.anti_affinity.clone(),
        }
    }
}

impl From<&model::Preference> for Preference {
    fn from(preference: &model::Preference) -> Self {
        let weight = Some(preference.weight);
        match &preference.wish {
            Wish::Prefer(constraint) => Self { prefer: Some(constraint.clone()), spread: None, weight },
            Wish::Spread(spread) => {
                let spread = Spread { spread_descriptor: spread.over.clone(), of: spread.of.clone() };
                Self { prefer: None, spread: Some(spread), weight }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::strict;

    /// What a placement in JSON becomes for a task with the label `app=web`.
    fn read(json: &str) -> Result<model::Placement, String> {
        let placement: Placement = strict::decode(json.as_bytes()).map_err(|error| error.to_string())?;
        placement.checked(&BTreeMap::from([("app".to_owned(), "web".to_owned())]))
    }

    #[test]
    fn what_is_answered_can_be_sent_again() {
        let json = r#"{"Constraints":["node.labels.zone==a"],"Preferences":[{"Prefer":"node.labels.disk==ssd","Weight":-10},{"Spread":{"SpreadDescriptor":"node.labels.zone","Of":"app"},"Weight":50}],"AntiAffinity":["app"]}"#;
        let checked = read(json).unwrap();
        let answered = serde_json::to_string(&Placement::from(&checked)).unwrap();
        assert_eq!(answered, json);
        assert_eq!(read(&answered), Ok(checked));
    }

    #[test]
    fn what_is_no_placement_is_refused_with_its_place() {
        for (json, says) in [
            (r#"{"Constraints": ["zone==a"]}"#, "Constraints[0]: in the constraint \"zone==a\""),
            (
                r#"{"Constraints": ["node.labels.zone=a"]}"#,
                "\"=\" behind node.labels.zone, which is no operator",
            ),
            (r#"{"Constraint": []}"#, "Constraint is no known field; Constraints is"),
            (r#"{"Preferences": [{}]}"#, "Preferences[0] has neither Prefer nor Spread"),
            (
                r#"{"Preferences": [{"Prefer": "node.labels.a", "Spread": {"SpreadDescriptor": "node.labels.a"}}]}"#,
                "Preferences[0] has both",
            ),
            (r#"{"Preferences": [{"Prefer": "node.labels.a", "Weight": 0}]}"#, "0 is no weight"),
            (r#"{"Preferences": [{"Spread": {"SpreadDescriptor": "zone"}}]}"#, "write node.labels.zone"),
            (
                r#"{"Preferences": [{"Spread": {"SpreadDescriptor": "node.name"}, "Weight": -1}]}"#,
                "Task.Placement.Preferences[0].Weight is -1",
            ),
            (
                r#"{"Preferences": [{"Spread": {"SpreadDescriptor": "node.name", "Of": "tier"}}]}"#,
                "Task.Placement.Preferences[0].Spread.Of is \"tier\", a label that the task does not have",
            ),
            (r#"{"AntiAffinity": ["app", "tier"]}"#, "Task.Placement.AntiAffinity[1] is \"tier\""),
        ] {
            let refusal = read(json).unwrap_err();
            assert!(refusal.contains(says), "{json}: {refusal}");
        }
        let many = serde_json::json!({ "Constraints": vec!["node.labels.a"; 33] });
        assert!(read(&many.to_string()).unwrap_err().contains("33 entries: 32 are the most"));
    }
}
