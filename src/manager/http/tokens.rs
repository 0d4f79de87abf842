//! `/tokens`: what was given out, without the secrets.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;

use super::super::Manager;
use super::super::admission::Wish;
use super::join::nobody_can_join;
use crate::model::access::Role;
use crate::serve::error::ErrorBody;
use crate::serve::{ApiError, Json};
use crate::trust::registry::Earlier;
use crate::wire::access::{Token, TokenInput, TokenMade};

/// The longest that a token may live, if it has an end at all: a hundred years.
const LONGEST_LIFE: u64 = 100 * 365 * 24 * 3_600;

/// The longest name of a token, in letters.
const LONGEST_NAME: usize = 200;

/// Every token, oldest first.
#[utoipa::path(get, path = "/tokens", responses((status = 200, body = Vec<Token>)))]
pub async fn list(Extract(manager): Extract<Arc<Manager>>) -> axum::Json<Vec<Token>> {
    let standing = manager.standing();
    let mut tokens: Vec<_> = standing.tokens().collect();
    tokens.sort_by_key(|token| (token.created_at, &token.id));
    axum::Json(tokens.into_iter().map(Token::from).collect())
}

/// Makes a token. Its secret is shown in this answer and never again.
#[utoipa::path(post, path = "/tokens", request_body = TokenInput, responses(
    (status = 201, body = TokenMade),
    (status = 400, body = ErrorBody),
    (status = 422, body = ErrorBody),
))]
pub async fn create(
    Extract(manager): Extract<Arc<Manager>>,
    Json(input): Json<TokenInput>,
) -> Result<(StatusCode, axum::Json<TokenMade>), ApiError> {
    let made = manager.grant(wish(input)?).await?.ok_or_else(nobody_can_join)?;
    let token = Token::from(&made.token);
    Ok((StatusCode::CREATED, axum::Json(TokenMade { secret: made.secret, command: made.command, token })))
}

fn wish(input: TokenInput) -> Result<Wish, ApiError> {
    if input.name.chars().count() > LONGEST_NAME || input.name.chars().any(char::is_control) {
        return Err(ApiError::unprocessable(format!(
            "Name is longer than {LONGEST_NAME} letters, or has control characters in it"
        )));
    }
    if input.ttl.is_some_and(|seconds| !(1..=LONGEST_LIFE).contains(&seconds)) {
        return Err(ApiError::unprocessable(format!("TTL is a number of seconds from 1 to {LONGEST_LIFE}")));
    }
    if input.uses == Some(0) || input.uses.is_some() && input.role != Role::Join {
        return Err(ApiError::unprocessable("Uses is 1 or more, and only for tokens of the role join"));
    }
    Ok(Wish {
        role: input.role,
        name: input.name,
        life: input.ttl.map(Duration::from_secs),
        uses: input.uses,
        earlier: if input.rotate { Earlier::Void } else { Earlier::Keep },
    })
}

/// Makes a token void.
#[utoipa::path(delete, path = "/tokens/{id}", params(("id" = String, Path, description = "Of the token")), responses(
    (status = 204, description = "It counts no more, at once"),
    (status = 404, body = ErrorBody),
))]
pub async fn revoke(
    Extract(manager): Extract<Arc<Manager>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    manager.revoke(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
