//! A worker joins, and later renews its certificate.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::http::StatusCode;

use super::super::Manager;
use super::super::admission::Invitation;
use crate::model::id::NodeName;
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Id, Json};
use crate::trust::authority::SigningRequest;
use crate::trust::{Authority, JoinToken, TrustError};
use crate::wire::access::{CertificateAnswer, CertificateRequest, JoinAnswer, JoinRequest};

/// Lets a worker in for a join token: it gets a certificate for the key that it has made.
#[utoipa::path(post, path = "/join", request_body = JoinRequest, responses(
    (status = 201, body = JoinAnswer),
    (status = 400, body = ErrorBody),
    (status = 401, body = ErrorBody, description = "The token is mistyped, wrong, expired, used up or void"),
    (status = 409, body = ErrorBody, description = "Another worker has that name"),
    (status = 422, body = ErrorBody, description = "This manager can be reached by its own machine alone"),
))]
pub async fn join(
    Extract(manager): Extract<Arc<Manager>>,
    Json(request): Json<JoinRequest>,
) -> Result<(StatusCode, axum::Json<JoinAnswer>), ApiError> {
    let invitation = invitation(&manager)?;
    let token: JoinToken =
        request.token.parse().map_err(|problem| ApiError::unauthorized(format!("In Token, {problem}")))?;
    let signing = read(&request.csr)?;
    manager.join(token, request.node.clone(), &signing).await?;
    let authority = invitation.door.authority();
    let certificate = sign(&manager, &authority, &signing, &request.node)?;
    let (cluster, ca) = (authority.cluster(), authority.pem().to_owned());
    Ok((StatusCode::CREATED, axum::Json(JoinAnswer { cluster, ca, certificate })))
}

/// Gives a worker its next certificate, for the key that it has already.
#[utoipa::path(post, path = "/nodes/{name}/certificate", request_body = CertificateRequest,
    params(("name" = String, Path, description = "Of the node")), responses(
    (status = 201, body = CertificateAnswer),
    (status = 400, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "The key is not the one with which it joined"),
))]
pub async fn renew(
    Extract(manager): Extract<Arc<Manager>>,
    Id(node): Id<NodeName>,
    Json(request): Json<CertificateRequest>,
) -> Result<(StatusCode, axum::Json<CertificateAnswer>), ApiError> {
    let invitation = invitation(&manager)?;
    let signing = read(&request.csr)?;
    let standing = manager.standing();
    let is_own = |admission: &crate::model::access::Admission| {
        admission.removed_at.is_none() && admission.key == signing.key.to_string()
    };
    if !standing.admission(&node).is_none_or(is_own) {
        return Err(ApiError::forbidden(format!(
            "This is not the key with which {node} joined: let it join again"
        )));
    }
    let authority = invitation.door.authority();
    let certificate = sign(&manager, &authority, &signing, &node)?;
    let ca = authority.pem().to_owned();
    Ok((StatusCode::CREATED, axum::Json(CertificateAnswer { certificate, ca })))
}

/// What others are let in with, of a manager that they can reach.
pub(super) fn invitation(manager: &Manager) -> Result<&Invitation, ApiError> {
    manager.invitation().ok_or_else(nobody_can_join)
}

/// 422: only this machine can reach the manager.
pub(super) fn nobody_can_join() -> ApiError {
    ApiError::unprocessable(
        "This manager listens on this machine alone, so it has no authority, and no worker can join from elsewhere: \
         start it with ORC_MANAGER_HOST (--manager-host) set to an address that others reach, such as 0.0.0.0",
    )
}

fn read(csr: &str) -> Result<SigningRequest, ApiError> {
    SigningRequest::read(csr)
        .map_err(|_| ApiError::bad_request("CSR is not a certificate signing request (PKCS #10) in PEM"))
}

fn sign(
    manager: &Manager,
    authority: &Authority,
    request: &SigningRequest,
    node: &NodeName,
) -> Result<String, ApiError> {
    let failed = |error: TrustError| ApiError::internal(error.to_string());
    authority.sign_node(request, node, manager.clock.now().wall).map_err(failed)
}
