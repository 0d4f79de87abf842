//! Tokens and admissions: given out, used, and made void.

use std::sync::Arc;
use std::time::Duration;

use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use super::{Manager, Trouble};
use crate::model::access::{Role, Token};
use crate::model::id::NodeName;
use crate::model::time::Timestamp;
use crate::trust::authority::SigningRequest;
use crate::trust::registry::{Earlier, Name, Refusal};
use crate::trust::server::Door;
use crate::trust::{ApiToken, Digest, JoinToken, Registry};

/// How long a worker may join with a token when nothing is said.
const JOIN_LIFE: Duration = Duration::from_hours(1);

/// What others are let in with.
#[derive(Debug)]
pub struct Invitation {
    /// Where they come in by TLS, and with it the authority that signs the certificates of workers.
    pub door: Door,
    /// Host and port at which workers reach this manager.
    pub address: String,
}

impl Invitation {
    /// What a person types on another machine.
    pub fn login(&self) -> String {
        format!("orc login https://{} --pin {}", self.address, self.door.authority().pin())
    }
}

/// What a token is to be good for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What it lets its bearer do.
    pub role: Role,
    /// What it is for.
    pub name: String,
    /// How long it lives; `None` = an hour to join, else without end.
    pub life: Option<Duration>,
    /// How often it may be used; `None` = once to join, else without end.
    pub uses: Option<u32>,
    /// What becomes of those of its role before it.
    pub earlier: Earlier,
}

/// A token that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The token itself: a secret.
    pub secret: String,
    /// What to type on the other machine.
    pub command: Option<String>,
    /// What is kept of it.
    pub token: Token,
}

impl Manager {
    /// With others let in.
    #[must_use = "this is another one"]
    pub fn inviting(self, invitation: Invitation) -> Self {
        Self { invitation: Some(invitation), ..self }
    }

    /// With nobody obeyed over loopback but bearers of tokens. This one is for the process's own workers, and is never
    /// written down.
    #[must_use = "this is another one"]
    pub fn guarding_loopback(self, own: &ApiToken) -> Self {
        Self { own: Some(own.digest()), ..self }
    }

    /// The digest of the token of this process's own workers, when a token is needed over loopback.
    pub const fn own(&self) -> Option<Digest> {
        self.own
    }

    /// What others are let in with.
    pub const fn invitation(&self) -> Option<&Invitation> {
        self.invitation.as_ref()
    }

    /// Tokens and admissions, as far as they are durable.
    pub fn standing(&self) -> Arc<Registry> {
        self.standing.borrow().clone()
    }

    /// Makes a token. One to join is made by a manager that others can reach, and by no other: `None`.
    pub async fn grant(&self, wish: Wish) -> Result<Option<Made>, Trouble> {
        let (id, digest, secret, command) = match (wish.role, self.invitation()) {
            (Role::Join, None) => return Ok(None),
            (Role::Join, Some(invitation)) => {
                let token = JoinToken::generate(invitation.door.authority().pin());
                let command = format!("orc worker --join {token}@{}", invitation.address);
                (token.id(), token.digest(), token.to_string(), Some(command))
            }
            (_, invitation) => {
                let token = ApiToken::generate();
                (token.id(), token.digest(), token.to_string(), invitation.map(Invitation::login))
            }
        };
        let joins = wish.role == Role::Join;
        let now = self.clock.now().wall;
        let token = Token {
            id,
            role: wish.role,
            name: wish.name,
            digest: digest.to_string(),
            created_at: now,
            expires_at: wish.life.or(joins.then_some(JOIN_LIFE)).map(|life| now.after(life)),
            uses_left: wish.uses.or(joins.then_some(1)),
            revoked_at: None,
        };
        self.ask(Message::Grant { token: token.clone(), earlier: wish.earlier }).await?;
        Ok(Some(Made { secret, command, token }))
    }

    /// Makes a token void.
    pub async fn revoke(&self, id: String) -> Result<(), Trouble> {
        self.ask(Message::Revoke { id }).await.map(drop)
    }

    /// Writes down that a worker is let in.
    pub async fn join(
        &self,
        token: JoinToken,
        node: NodeName,
        request: &SigningRequest,
    ) -> Result<(), Trouble> {
        self.ask(Message::Join { token, node, key: request.key }).await.map(drop)
    }
}

impl Keeper {
    pub(super) fn join(&mut self, token: &JoinToken, node: &NodeName, key: Digest, now: Timestamp) -> Answer {
        let name = if self.cluster.node(node).is_some() { Name::Taken } else { Name::Free };
        let joined = self.registry.join(token, node, key, name, now);
        if joined.is_ok() {
            tracing::info!(node.name = %node, token.id = token.id(), "a worker was let in");
        }
        answer(joined)
    }

    pub(super) fn grant(&mut self, token: &Token, earlier: Earlier) -> Answer {
        tracing::info!(token.id, token.role = %token.role, "a token was made");
        self.registry.grant(token.clone(), earlier);
        Answer::Done
    }

    pub(super) fn revoke(&mut self, id: &str, now: Timestamp) -> Answer {
        let revoked = self.registry.revoke(id, now);
        if revoked.is_ok() {
            tracing::info!(token.id = id, "a token was made void");
        }
        answer(revoked)
    }

    /// Puts a node out: its certificate counts no more. For whoever removes it.
    pub fn put_out(&mut self, node: &NodeName, now: Timestamp) {
        self.registry.remove(node, now);
    }
}

fn answer(result: Result<(), Refusal>) -> Answer {
    result.map_or_else(|refusal| Answer::Refused(Refused::Trust(refusal)), |()| Answer::Done)
}
