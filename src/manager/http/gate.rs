//! Who may use which route: a table, which is the gate itself. A route without a row is nobody's.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, RawPathParams, Request, State as Extract};
use axum::http::header::{ALLOW, AUTHORIZATION, CONNECTION, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::Manager;
use crate::model::access::Role;
use crate::model::id::NodeName;
use crate::model::time::Timestamp;
use crate::serve::{ApiError, Peer};
use crate::trust::registry::Registry;
use crate::trust::server::{Door, Visitor};
use crate::trust::{ApiToken, Digest, NodeCertificate};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Everybody: the join token in the body is looked at by its handler.
    Join,
    /// Tokens whose role includes this one.
    Role(Role),
    /// The worker of the node in the path, and nobody else beyond this machine.
    Node,
    /// The worker of the node in the path, and tokens whose role includes this one.
    NodeOr(Role),
}

use Access::{Join, Node, NodeOr, Public};

const READ: Access = Access::Role(Role::Read);
const OPERATE: Access = Access::Role(Role::Operate);
const ADMIN: Access = Access::Role(Role::Admin);

/// A route and who may use it.
pub type Row = (Method, &'static str, Access);

/// Every route. `HEAD` is as `GET`.
pub const TABLE: &[Row] = &[
    (Method::GET, "/tasks", READ),
    (Method::POST, "/tasks", OPERATE),
    (Method::GET, "/tasks/{id}", READ),
    (Method::DELETE, "/tasks/{id}", OPERATE),
    (Method::GET, "/tasks/{id}/events", READ),
    (Method::GET, "/tasks/{id}/logs", READ),
    (Method::GET, "/tasks/{id}/why", READ),
    (Method::GET, "/events", READ),
    (Method::GET, "/nodes", READ),
    (Method::GET, "/nodes/{name}", READ),
    (Method::PATCH, "/nodes/{name}", ADMIN),
    (Method::DELETE, "/nodes/{name}", ADMIN),
    (Method::GET, "/rebalance", READ),
    (Method::POST, "/rebalance", ADMIN),
    (Method::GET, "/services", READ),
    (Method::POST, "/services", OPERATE),
    (Method::GET, "/services/{name}", READ),
    (Method::PUT, "/services/{name}", OPERATE),
    (Method::DELETE, "/services/{name}", OPERATE),
    (Method::GET, "/services/{name}/versions", READ),
    (Method::GET, "/services/{name}/endpoints", READ),
    (Method::POST, "/services/{name}/scale", OPERATE),
    (Method::POST, "/services/{name}/rollback", OPERATE),
    (Method::POST, "/services/{name}/rollout", OPERATE),
    (Method::GET, "/services/{name}/runs", READ),
    (Method::POST, "/services/{name}/runs", OPERATE),
    (Method::POST, "/services/{name}/schedule", OPERATE),
    (Method::GET, "/secrets", READ),
    (Method::POST, "/secrets", OPERATE),
    (Method::GET, "/secrets/{name}", READ),
    (Method::DELETE, "/secrets/{name}", OPERATE),
    (Method::POST, "/secrets/{name}/versions", OPERATE),
    (Method::POST, "/secrets/{name}/compare", OPERATE),
    (Method::GET, "/configs", READ),
    (Method::POST, "/configs", OPERATE),
    (Method::GET, "/configs/{name}", READ),
    (Method::DELETE, "/configs/{name}", OPERATE),
    (Method::GET, "/configs/{name}/data", READ),
    (Method::POST, "/configs/{name}/versions", OPERATE),
    (Method::POST, "/configs/{name}/compare", OPERATE),
    (Method::GET, "/images", READ),
    (Method::GET, "/images/{image}", READ),
    (Method::PUT, "/images/{image}", OPERATE),
    (Method::GET, "/nodes/{name}/images/{image}", Node),
    (Method::GET, "/nodes/{name}/secrets/{secret}/{version}", Node),
    (Method::GET, "/nodes/{name}/configs/{config}/{version}", Node),
    (Method::POST, "/nodes/{name}/tasks", NodeOr(Role::Operate)),
    (Method::DELETE, "/nodes/{name}/tasks/{id}", NodeOr(Role::Operate)),
    (Method::POST, "/nodes/{name}/sync", Node),
    (Method::POST, "/nodes/{name}/streams/{id}", Node),
    (Method::POST, "/nodes/{name}/certificate", Node),
    (Method::POST, "/join", Join),
    (Method::GET, "/tokens", ADMIN),
    (Method::POST, "/tokens", ADMIN),
    (Method::DELETE, "/tokens/{id}", ADMIN),
    (Method::GET, "/ca", READ),
    (Method::POST, "/ca/rotate", ADMIN),
    (Method::GET, "/state", READ),
    (Method::POST, "/state/accept", ADMIN),
    (Method::GET, "/healthz", Public),
    (Method::GET, "/readyz", Public),
    (Method::GET, "/openapi.json", READ),
];

/// Who sends a request. It stands in the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A process of this machine, over loopback and without a token where none is needed, or a worker of this process: it
    /// may do everything.
    Local,
    /// The bearer of a token.
    Bearer(Role),
    /// The worker of this node, by its certificate.
    Node(NodeCertificate),
    /// Somebody who is not known, and why.
    Nobody(String),
}

impl Principal {
    /// Who that is, in words, as far as it is known.
    pub fn in_words(&self) -> String {
        match self {
            Self::Local => "somebody on the manager's own machine".to_owned(),
            Self::Bearer(role) => format!("the bearer of a token of the role {role}"),
            Self::Node(certificate) => format!("the worker of {}", certificate.node),
            Self::Nobody(_) => "nobody".to_owned(),
        }
    }
}

/// What a token in a URL is called: never let in, for URLs end up in logs and histories.
const IN_QUERY: &[&str] = &["token", "access_token", "api_key"];

/// Lets a request pass, or answers it.
pub async fn check(
    Extract(manager): Extract<Arc<Manager>>,
    parameters: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(path) = request.extensions().get::<MatchedPath>().cloned() else {
        return next.run(request).await;
    };
    let now = manager.clock.now().wall;
    let peer = request.extensions().get::<Peer>();
    let door = manager.invitation().map(|invitation| &invitation.door);
    let known = Known { registry: &manager.standing(), door, own: manager.own(), now };
    let principal = principal(peer, request.headers(), &known);
    let is_of_former = known.is_of_former(peer);
    let node = parameters.iter().find(|(key, _)| *key == "name").map(|(_, name)| name);
    let admitted = match access(request.method(), path.as_str()) {
        Ruled::To(access) => refuse_token_in_query(request.uri().query().unwrap_or_default())
            .and_then(|()| admit(&principal, access, node)),
        Ruled::OtherMethods(allow) => {
            return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allow)]).into_response();
        }
        Ruled::Nobodys => {
            Err(ApiError::forbidden("Nobody may use this route, for it is in no table: this is a bug in orc"))
        }
    };
    // So that whoever goes on does so on a new connection, with the next certificate.
    let is_ageing = matches!(&principal, Principal::Node(certificate) if now >= certificate.at(0.8));
    request.extensions_mut().insert(principal);
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => refused(error),
    };
    if is_ageing || is_of_former || response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn refused(error: ApiError) -> Response {
    let is_unknown = error.status() == StatusCode::UNAUTHORIZED;
    let mut response = error.into_response();
    if is_unknown {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// What the table says of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ruled {
    To(Access),
    /// The path is there for these, as the header `Allow` has them.
    OtherMethods(String),
    Nobodys,
}

fn access(method: &Method, path: &str) -> Ruled {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let rows = || TABLE.iter().filter(|(_, known, _)| *known == path);
    if let Some((_, _, access)) = rows().find(|(known, _, _)| known == method) {
        return Ruled::To(*access);
    }
    let mut methods: BTreeSet<&str> = rows().map(|(known, _, _)| known.as_str()).collect();
    if methods.contains("GET") {
        methods.insert("HEAD");
    }
    let allow = methods.into_iter().collect::<Vec<_>>().join(",");
    if allow.is_empty() { Ruled::Nobodys } else { Ruled::OtherMethods(allow) }
}

/// What principals are known by.
struct Known<'a> {
    registry: &'a Registry,
    /// Where those from elsewhere come in, if they may.
    door: Option<&'a Door>,
    /// The digest of the token of this process's own workers, when a token is needed over loopback.
    own: Option<Digest>,
    now: Timestamp,
}

impl Known<'_> {
    /// Whether a worker shows a certificate of an authority that another follows.
    fn is_of_former(&self, peer: Option<&Peer>) -> bool {
        let Some(Peer::Tls(Visitor::Node(_, authority))) = peer else { return false };
        self.door.is_some_and(|door| door.authority().pin() != *authority)
    }

    /// Who the worker with this genuine certificate of this authority is by now.
    fn worker(&self, certificate: &NodeCertificate, authority: Digest) -> Principal {
        if !self.door.is_some_and(|door| door.believes(authority)) {
            return Principal::Nobody(format!(
                "The certificate of {} is from before this cluster's authority was rotated: let the worker join again \
                 with the line that `orc node token` prints",
                certificate.node
            ));
        }
        match self.registry.check(certificate, self.now) {
            Ok(()) => Principal::Node(certificate.clone()),
            Err(refusal) => Principal::Nobody(refusal.to_string()),
        }
    }
}

/// Who sends a request over this connection, with these headers.
fn principal(peer: Option<&Peer>, headers: &HeaderMap, known: &Known<'_>) -> Principal {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    if let Some(first) = shown.next() {
        // Who shows something wants to be taken for that, on this machine too.
        return if shown.next().is_some() {
            Principal::Nobody("One header Authorization at most belongs in a request".to_owned())
        } else {
            bearer(first, known)
        };
    }
    match peer {
        Some(Peer::Local) if known.own.is_none() => Principal::Local,
        Some(Peer::Tls(Visitor::Node(certificate, authority))) => known.worker(certificate, *authority),
        Some(Peer::Tls(Visitor::Unfit(why))) => Principal::Nobody(why.clone()),
        Some(Peer::Local | Peer::Tls(Visitor::Unnamed) | Peer::Elsewhere) | None => Principal::Nobody(
            "Nothing says who you are: add the header \"Authorization: Bearer TOKEN\". `orc token create` on the \
             manager's host makes a token, and a worker joins with the line that `orc node token` prints there"
                .to_owned(),
        ),
    }
}

fn bearer(header: &HeaderValue, known: &Known<'_>) -> Principal {
    let token = header.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let Some(token) = token else {
        return Principal::Nobody("The header Authorization is not of the form \"Bearer TOKEN\"".to_owned());
    };
    let token: ApiToken = match token.parse() {
        Ok(token) => token,
        Err(problem) => return Principal::Nobody(format!("In the header Authorization, {problem}")),
    };
    if known.own == Some(token.digest()) {
        return Principal::Local;
    }
    let role = known.registry.bearer(&token, known.now);
    role.map_or_else(|refusal| Principal::Nobody(refusal.to_string()), Principal::Bearer)
}

/// Whether somebody may use a route; `node` is the name in its path.
pub fn admit(principal: &Principal, access: Access, node: Option<&str>) -> Result<(), ApiError> {
    let role = match access {
        Access::Public | Access::Join => return Ok(()),
        Access::Role(role) | Access::NodeOr(role) => Some(role),
        Access::Node => None,
    };
    match principal {
        Principal::Local => Ok(()),
        Principal::Nobody(why) => Err(ApiError::unauthorized(why.clone())),
        Principal::Bearer(own) => match role {
            Some(wanted) if own.includes(wanted) => Ok(()),
            Some(wanted) => Err(ApiError::forbidden(format!(
                "This takes a token of the role {wanted}, and yours is of the role {own}"
            ))),
            None => Err(ApiError::forbidden("This is for the worker of that node alone, by its certificate")),
        },
        Principal::Node(certificate) => {
            let own: &NodeName = &certificate.node;
            match access {
                Access::Node | Access::NodeOr(_) if node == Some(own.as_str()) => Ok(()),
                Access::Node | Access::NodeOr(_) => Err(ApiError::forbidden(format!(
                    "You are the worker of {own}, and may speak for that node alone"
                ))),
                _ => Err(ApiError::forbidden(format!(
                    "You are the worker of {own}: this is for people and their tokens"
                ))),
            }
        }
    }
}

/// Refuses a query with something like a token in it. It may be void from now on, for others may have read it.
fn refuse_token_in_query(query: &str) -> Result<(), ApiError> {
    let keys = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    match keys.into_iter().find(|key| IN_QUERY.iter().any(|known| known.eq_ignore_ascii_case(key))) {
        Some(_) => Err(ApiError::bad_request(
            "A token belongs in the header Authorization, never in a URL, which others may read in logs: revoke this \
             one with `orc token revoke ID`",
        )),
        None => Ok(()),
    }
}
