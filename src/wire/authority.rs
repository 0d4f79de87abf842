//! The cluster's authority in JSON, and how a rotation of it stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What signs the cluster's certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Authority {
    /// SHA-256 of its certificate, hex: by this it is known to whoever logs in or joins.
    pub digest: String,
    /// Since when there is it, RFC 3339; null = since before orc wrote that down.
    pub since: Option<String>,
    /// The rotation that is under way; null = none is.
    pub rotation: Option<Rotation>,
    /// What a person types on another machine to log in.
    pub login: String,
    /// How things are, in a sentence.
    pub message: String,
}

/// One authority follows another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Rotation {
    /// SHA-256 of the former one's certificate, which counts until the end.
    pub former: String,
    /// It does not end by itself before this, RFC 3339.
    pub not_before: String,
    /// How many nodes have certificates of the new one.
    pub renewed: usize,
    /// The nodes that have not been heard of with such a one since the manager started, by their names.
    pub waiting: Vec<String>,
}

/// What is to become of the authority: `POST /ca/rotate`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RotationInput {
    /// false = another one is to follow it; true = that is to end at once.
    pub finish: bool,
}
