//! What is said about tokens, and when a worker joins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::access::{Role, Token as TokenRow};
use crate::model::id::{ClusterId, NodeName};

/// A worker asks to be let in: `POST /join`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct JoinRequest {
    /// What `orc node token` prints.
    pub token: String,
    /// PKCS #10, PEM. Only its public key counts.
    #[serde(rename = "CSR")]
    pub csr: String,
    /// Under which name.
    #[schema(value_type = String)]
    pub node: NodeName,
}

/// A worker was let in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct JoinAnswer {
    /// The cluster.
    #[schema(value_type = String)]
    pub cluster: ClusterId,
    /// Its authority's certificate, PEM.
    #[serde(rename = "CA")]
    pub ca: String,
    /// The worker's certificate, PEM.
    pub certificate: String,
}

/// A worker asks for its next certificate: `POST /nodes/{name}/certificate`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CertificateRequest {
    /// PKCS #10, PEM. Only its public key counts.
    #[serde(rename = "CSR")]
    pub csr: String,
}

/// Its next certificate.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateAnswer {
    /// PEM.
    pub certificate: String,
    /// The certificate of the authority by which it is, PEM: the worker believes that one from now on.
    #[serde(rename = "CA")]
    pub ca: String,
}

/// What a token is to be good for: `POST /tokens`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TokenInput {
    /// "join", "read", "operate" or "admin".
    #[schema(value_type = String)]
    pub role: Role,
    /// What it is for, in words.
    #[serde(default)]
    pub name: String,
    /// Seconds that it lives; absent = an hour to join, else without end.
    #[serde(rename = "TTL", default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// How many workers may join with it; absent = one. Only for "join".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Whether all earlier ones of its role are void at once.
    #[serde(default)]
    pub rotate: bool,
}

/// A token that was made. It is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TokenMade {
    /// The token itself: a secret.
    pub secret: String,
    /// What to type on the other machine: to join there, or to log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What is known of it from now on.
    #[serde(flatten)]
    pub token: Token,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Token {
    /// Stands in the token itself.
    #[serde(rename = "ID")]
    pub id: String,
    /// "join", "read", "operate" or "admin".
    #[schema(value_type = String)]
    pub role: Role,
    /// What it is for.
    pub name: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; null = it never expires.
    pub expires_at: Option<String>,
    /// How often it may be used from now on; null = without end.
    pub uses_left: Option<u32>,
    /// Since when it is void, RFC 3339; null = it is not.
    pub revoked_at: Option<String>,
}

impl From<&TokenRow> for Token {
    fn from(token: &TokenRow) -> Self {
        Self {
            id: token.id.clone(),
            role: token.role,
            name: token.name.clone(),
            created_at: token.created_at.to_rfc3339_nanos(),
            expires_at: token.expires_at.map(crate::model::time::Timestamp::to_rfc3339_nanos),
            uses_left: token.uses_left,
            revoked_at: token.revoked_at.map(crate::model::time::Timestamp::to_rfc3339_nanos),
        }
    }
}
