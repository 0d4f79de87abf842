//! Tokens and admissions as their tables hold them.

use serde::Serialize;
use sqlx::FromRow;

use crate::model::access::{Admission, Token};
use crate::store::column::{optional, text, time, word};
use crate::store::scan::Stored;

/// One row of `tokens`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct TokenRow {
    id: String,
    role: String,
    name: String,
    digest: String,
    created_at: String,
    expires_at: Option<String>,
    uses_left: Option<u32>,
    revoked_at: Option<String>,
}

/// Takes an array of rows. Of a token that is there already only its end is written again.
pub(super) const UPSERT_TOKENS: &str = "
    WITH input AS MATERIALIZED (SELECT value FROM json_each(?))
    INSERT INTO tokens (id, role, name, digest, created_at, expires_at, uses_left, revoked_at)
    SELECT
        value ->> 'id', value ->> 'role', value ->> 'name', value ->> 'digest', value ->> 'created_at',
        value ->> 'expires_at', value ->> 'uses_left', value ->> 'revoked_at'
    FROM input WHERE true
    ON CONFLICT (id) DO UPDATE SET uses_left = excluded.uses_left, revoked_at = excluded.revoked_at";

impl From<&Token> for TokenRow {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            role: token.role.word().to_owned(),
            name: token.name.clone(),
            digest: token.digest.clone(),
            created_at: token.created_at.to_string(),
            expires_at: text(token.expires_at.as_ref()),
            uses_left: token.uses_left,
            revoked_at: text(token.revoked_at.as_ref()),
        }
    }
}

impl Stored for TokenRow {
    type Item = Token;

    fn decode(self) -> Result<Token, String> {
        Ok(Token {
            role: word("role", &self.role)?,
            created_at: time("created_at", &self.created_at)?,
            expires_at: optional("expires_at", self.expires_at.as_ref(), time)?,
            revoked_at: optional("revoked_at", self.revoked_at.as_ref(), time)?,
            id: self.id,
            name: self.name,
            digest: self.digest,
            uses_left: self.uses_left,
        })
    }
}

/// One row of `admissions`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct AdmissionRow {
    node: String,
    key: String,
    admitted_at: String,
    removed_at: Option<String>,
}

/// Takes an array of rows.
pub(super) const UPSERT_ADMISSIONS: &str = "
    WITH input AS MATERIALIZED (SELECT value FROM json_each(?))
    INSERT INTO admissions (node, key, admitted_at, removed_at)
    SELECT value ->> 'node', value ->> 'key', value ->> 'admitted_at', value ->> 'removed_at'
    FROM input WHERE true
    ON CONFLICT (node) DO UPDATE SET
        key = excluded.key, admitted_at = excluded.admitted_at, removed_at = excluded.removed_at";

impl From<&Admission> for AdmissionRow {
    fn from(admission: &Admission) -> Self {
        Self {
            node: admission.node.to_string(),
            key: admission.key.clone(),
            admitted_at: admission.admitted_at.to_string(),
            removed_at: text(admission.removed_at.as_ref()),
        }
    }
}

impl Stored for AdmissionRow {
    type Item = Admission;

    fn decode(self) -> Result<Admission, String> {
        Ok(Admission {
            node: word("node", &self.node)?,
            admitted_at: time("admitted_at", &self.admitted_at)?,
            removed_at: optional("removed_at", self.removed_at.as_ref(), time)?,
            key: self.key,
        })
    }
}
