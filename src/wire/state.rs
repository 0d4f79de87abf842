//! The state of a manager's history in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which history a manager has, and whether it is the latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct History {
    /// UUID of the cluster.
    pub cluster: String,
    /// How often a manager was started on the database, or had an older history accepted.
    pub epoch: u64,
    /// Counts the changes that workers must hear of.
    pub revision: u64,
    /// Why nothing is accepted, placed, stopped, moved or forgotten, in words; null = all is as it should be.
    pub safe_mode: Option<String>,
}
