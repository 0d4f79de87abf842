//! Which tokens count and which workers are let in: the rules of it, over plain data.
//!
//! It is changed first and written down before anybody is answered; what has to be written is asked for with
//! [`Registry::take_dirty`].

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Digest;
use super::{ApiToken, JoinToken, NodeCertificate};
use crate::model::access::{Admission, Role, Token};
use crate::model::id::NodeName;
use crate::model::time::Timestamp;

/// Tokens and admissions of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    tokens: BTreeMap<String, Token>,
    admissions: BTreeMap<NodeName, Admission>,
    dirty: Dirty,
}

/// What has changed.
#[derive(Debug, Clone, Default)]
pub struct Dirty {
    /// Tokens, by their identifiers.
    pub tokens: BTreeSet<String>,
    /// Admissions, by their nodes.
    pub admissions: BTreeSet<NodeName>,
}

/// What becomes of the tokens of the same role that there are already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// They go on.
    Keep,
    /// They are void from now on.
    Void,
}

/// Why somebody is not let in. Each is a sentence that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token or the certificate does not count.
    #[error("{0}")]
    NotKnown(String),
    /// The name is another's.
    #[error("{0}")]
    NameTaken(String),
    /// There is no such token.
    #[error("{0}")]
    NoSuchToken(String),
}

/// Who else has a name in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A node has it, or had it and was not removed.
    Taken,
    /// Nobody has it.
    Free,
}

impl Registry {
    /// What was written down.
    pub fn restore(
        tokens: impl IntoIterator<Item = Token>,
        admissions: impl IntoIterator<Item = Admission>,
    ) -> Self {
        Self {
            tokens: tokens.into_iter().map(|token| (token.id.clone(), token)).collect(),
            admissions: admissions.into_iter().map(|admission| (admission.node.clone(), admission)).collect(),
            dirty: Dirty::default(),
        }
    }

    /// Every token, by its identifier.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// A token by its identifier.
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id)
    }

    /// The admission of a node.
    pub fn admission(&self, node: &NodeName) -> Option<&Admission> {
        self.admissions.get(node)
    }

    /// The nodes that are let in.
    pub fn members(&self) -> impl Iterator<Item = &NodeName> {
        let present = |admission: &&Admission| admission.removed_at.is_none();
        self.admissions.values().filter(present).map(|admission| &admission.node)
    }

    /// What has changed since this was asked last.
    pub fn take_dirty(&mut self) -> Dirty {
        std::mem::take(&mut self.dirty)
    }

    /// Takes up a new token.
    pub fn grant(&mut self, token: Token, earlier: Earlier) {
        if earlier == Earlier::Void {
            let older = self
                .tokens
                .values_mut()
                .filter(|known| known.role == token.role && known.revoked_at.is_none());
            for known in older {
                known.revoked_at = Some(token.created_at);
                self.dirty.tokens.insert(known.id.clone());
            }
        }
        self.dirty.tokens.insert(token.id.clone());
        self.tokens.insert(token.id.clone(), token);
    }

    /// Makes a token void.
    pub fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        let Some(token) = self.tokens.get_mut(id) else {
            return Err(Refusal::NoSuchToken(format!(
                "No token has the ID {id:?}: `orc token ls` lists them"
            )));
        };
        token.revoked_at.get_or_insert(now);
        self.dirty.tokens.insert(id.to_owned());
        Ok(())
    }

    /// What the bearer of a token may do.
    pub fn bearer(&self, token: &ApiToken, now: Timestamp) -> Result<Role, Refusal> {
        let remedy = "`orc token create` on the manager's host makes one";
        let known = self.find(&token.id(), token.digest()).filter(|known| known.role != Role::Join);
        let known = known
            .ok_or_else(|| Refusal::NotKnown(format!("This token is none of this cluster's: {remedy}")))?;
        check_time(known, now, remedy)?;
        Ok(known.role)
    }

    /// Lets a worker with this key in under a name, for a join token.
    ///
    /// Whoever has the key of the node's admission is the same worker: it is let in again, and that counts as no
    /// further use, so that a worker whose answer was lost may ask again.
    pub fn join(
        &mut self,
        token: &JoinToken,
        node: &NodeName,
        key: Digest,
        name: Name,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let remedy = "`orc node token` on the manager's host prints a new line to join with";
        let known = self.find(&token.id(), token.digest()).filter(|known| known.role == Role::Join);
        let known = known.ok_or_else(|| {
            Refusal::NotKnown(format!("This join token is none of this cluster's: {remedy}"))
        })?;
        check_time(known, now, remedy)?;
        let key = key.to_string();
        let present = self.admissions.get(node).filter(|admission| admission.removed_at.is_none());
        if present.is_some_and(|admission| admission.key == key) {
            return Ok(());
        }
        if present.is_some() || name == Name::Taken {
            return Err(Refusal::NameTaken(format!(
                "Another worker is in this cluster as {node}: give this one a name of its own with --name, or first \
                 take the other one out with `orc node rm {node}`"
            )));
        }
        if known.uses_left == Some(0) {
            return Err(Refusal::NotKnown(format!(
                "This join token {} was used as often as it may be: {remedy}, and --uses says how often it may be \
                 used",
                known.id
            )));
        }
        let id = known.id.clone();
        if let Some(known) = self.tokens.get_mut(&id) {
            known.uses_left = known.uses_left.map(|left| left.saturating_sub(1));
        }
        self.dirty.tokens.insert(id);
        let admission = Admission { node: node.clone(), key, admitted_at: now, removed_at: None };
        self.dirty.admissions.insert(node.clone());
        self.admissions.insert(node.clone(), admission);
        Ok(())
    }

    /// Puts a node out: its certificate counts no more.
    pub fn remove(&mut self, node: &NodeName, now: Timestamp) {
        if let Some(admission) = self.admissions.get_mut(node) {
            admission.removed_at.get_or_insert(now);
            self.dirty.admissions.insert(node.clone());
        }
    }

    /// Whether a genuine certificate counts.
    ///
    /// One of a node of which nothing is written down does: then the database is a copy from before it joined.
    pub fn check(&self, certificate: &NodeCertificate, now: Timestamp) -> Result<(), Refusal> {
        let node = &certificate.node;
        if now > certificate.not_after {
            return Err(Refusal::NotKnown(format!(
                "The certificate of {node} ended at {}, and this manager's clock says {now}: if that is right, let the \
                 worker join again with the line that `orc node token` prints",
                certificate.not_after
            )));
        }
        let Some(admission) = self.admissions.get(node) else { return Ok(()) };
        if let Some(at) = admission.removed_at {
            return Err(Refusal::NotKnown(format!(
                "{node} was taken out of this cluster at {at}: `orc node token` prints the line with which it can join \
                 again"
            )));
        }
        if admission.key != certificate.key.to_string() {
            return Err(Refusal::NotKnown(format!(
                "Another worker has joined as {node} since, at {}: let this one join under a name of its own",
                admission.admitted_at
            )));
        }
        Ok(())
    }

    fn find(&self, id: &str, digest: Digest) -> Option<&Token> {
        self.tokens.get(id).filter(|known| known.digest.parse() == Ok(digest))
    }
}

fn check_time(token: &Token, now: Timestamp, remedy: &str) -> Result<(), Refusal> {
    let id = &token.id;
    if let Some(at) = token.revoked_at {
        return Err(Refusal::NotKnown(format!("The token {id} was made void at {at}: {remedy}")));
    }
    match token.expires_at {
        Some(at) if now >= at => Err(Refusal::NotKnown(format!(
            "The token {id} expired at {at}, and this manager's clock says {now}: {remedy}"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
