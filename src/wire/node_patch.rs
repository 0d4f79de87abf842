//! What an operator changes of a node: `PATCH /nodes/{name}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::label;
use crate::model::node::Availability;

/// More cores than any machine has.
const MOST_CORES: f64 = 65_536.0;

/// What is to be different; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NodePatchInput {
    /// "active" (takes tasks), "pause" (takes nothing new) or "drain" (what it has moves away, too).
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// Labels to set, and with null to take away. They win over those that the worker says of itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Option<String>>,
    /// What tasks may not have of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<ReservedInput>,
    /// Whether the last node that takes tasks may be drained.
    #[serde(default)]
    pub force: bool,
}

/// What tasks may not have of a node; what is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReservedInput {
    /// Cores.
    #[serde(rename = "CPU", default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
}

impl NodePatchInput {
    /// Refuses values that make no sense; the error is a sentence that names the field.
    pub fn check(&self) -> Result<(), String> {
        for (key, value) in &self.labels {
            label::check_key(key)
                .and_then(|()| value.as_ref().map_or(Ok(()), |value| label::check_value(key, value)))
                .map_err(|problem| format!("In Labels, {problem}"))?;
        }
        let cpu = self.reserved.and_then(|reserved| reserved.cpu);
        if let Some(cpu) = cpu.filter(|cpu| !(0.0..=MOST_CORES).contains(cpu)) {
            return Err(format!(
                "Reserved.CPU is {cpu}: a number of cores from 0 to {MOST_CORES} belongs there"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::strict;

    fn read(body: &Value) -> Result<NodePatchInput, String> {
        let input: NodePatchInput =
            strict::decode(body.to_string().as_bytes()).map_err(|error| error.to_string())?;
        input.check().map(|()| input)
    }

    #[test]
    fn what_is_named_changes_and_what_is_not_stays() {
        assert_eq!(read(&json!({})), Ok(NodePatchInput::default()));
        let patch = read(&json!({
            "Availability": "drain", "Labels": { "zone": "a", "old": null }, "Reserved": { "CPU": 0.5 }, "Force": true,
        }));
        let wanted = NodePatchInput {
            availability: Some(Availability::Drain),
            labels: [("old".to_owned(), None), ("zone".to_owned(), Some("a".to_owned()))].into(),
            reserved: Some(ReservedInput { cpu: Some(0.5), ..ReservedInput::default() }),
            force: true,
        };
        assert_eq!(patch, Ok(wanted));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (body, words) in [
            (json!({ "Availability": "drained" }), &["Availability", "drained", "\"drain\""][..]),
            (json!({ "Label": {} }), &["Label is no known field", "Labels is"]),
            (json!({ "Reserved": { "Cpu": 1 } }), &["Reserved.Cpu is no known field", "CPU"]),
            (json!({ "Reserved": { "CPU": -1 } }), &["Reserved.CPU is -1", "from 0"]),
            (json!({ "Reserved": { "Memory": -1 } }), &["Reserved.Memory", "0 or more"]),
            (json!({ "Labels": { "a b": "c" } }), &["In Labels", "\"a b\" is no key of a label"]),
            (json!({ "Labels": { "-": null } }), &["\"-\" is no key of a label"]),
            (json!({ "Labels": { "zone": "a\u{7}" } }), &["the label zone", "control characters"]),
            (json!({ "Labels": { "zone": 1 } }), &["Labels.zone is the integer 1"]),
        ] {
            let sentence = read(&body).unwrap_err();
            assert!(words.iter().all(|word| sentence.contains(word)), "{body}: {sentence}");
        }
    }
}
