//! Where a task may go and where it would rather go, as its owner wrote it.

mod constraint;
mod fact;
mod preference;
mod value;

use serde::{Deserialize, Serialize};

pub use constraint::{Constraint, Relation, Test};
pub use fact::Fact;
pub use preference::{Preference, Spread, Weight, Wish};
pub use value::Value;

/// Which nodes a task may be placed on, and which of those it would rather be on. By default any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Placement {
    /// A node that does not match every one of these is out of the question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// Of the nodes that are left, those that these like best are tried first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<Preference>,
    /// Names of the task's own labels: it shares no node with a live task that has the same value of one of
    /// them, whichever of the two came first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anti_affinity: Vec<String>,
}

impl Placement {
    /// Whether any node will do.
    pub const fn is_empty(&self) -> bool {
        self.constraints.is_empty() && self.preferences.is_empty() && self.anti_affinity.is_empty()
    }
}
