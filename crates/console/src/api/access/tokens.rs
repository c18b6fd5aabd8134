//! Tokens.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::{
    access::{Permission, Scope},
    id::{TokenId, UserName},
    rules::Source,
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::NewToken;

use super::{own_or_admin, whose};
use crate::{
    App,
    api::Body,
    grants,
    pages::account::token::known_networks,
    problem::{ApiError, Problem},
    session::Authenticated,
};

/// `GET /tokens`.
pub(in crate::api) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    own_or_admin(&caller)?;
    let tokens = app.store.tokens(whose(&caller)).await?;
    Ok(Json(json!({ "tokens": tokens })))
}

/// The body of a new token.
#[derive(Deserialize)]
pub(in crate::api) struct Make {
    /// Whose; the caller's own when left out.
    #[serde(default)]
    user: Option<UserName>,
    scopes: Vec<Scope>,
    label: String,
    days: i64,
    /// From where it may be used; anywhere when left out.
    #[serde(default)]
    networks: Vec<Source>,
}

/// `POST /tokens`.
pub(in crate::api) async fn make(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(body): Body<Make>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    own_or_admin(&caller)?;
    if body.scopes.is_empty() || body.scopes.len() > Scope::ALL.len() {
        return Err(Problem::bad_form("name the scopes of the token, each once").into());
    }
    if !(1..=365).contains(&body.days) {
        return Err(Problem::bad_form("a token lasts 1 to 365 days").into());
    }
    if body.label.trim().is_empty() || body.label.chars().count() > 100 {
        return Err(Problem::bad_form("say in 1 to 100 characters what the token is for").into());
    }
    known_networks(&app, &body.networks).await?;
    let user = match &body.user {
        Some(name) if *name != caller.principal.name => {
            caller.require(Permission::Administer)?;
            let user = app.store.user_by_name(name).await?;
            let id = user.ok_or_else(|| Problem::not_found("such user"))?.id;
            grants::user(&app, &caller, id).await?;
            id
        }
        _ => caller.principal.user,
    };
    let expires_at = app.store.clock().now().plus_seconds(body.days * 86_400);
    let new = NewToken {
        user,
        label: body.label,
        scopes: body.scopes,
        expires_at,
        networks: body.networks,
    };
    let (token, secret) = app.store.make_token(new, &caller.actor()).await?;
    let body = json!({ "token": token, "secret": secret });
    Ok((StatusCode::CREATED, Json(body)))
}

/// `DELETE /tokens/{id}`.
pub(in crate::api) async fn revoke(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    own_or_admin(&caller)?;
    let tokens = app.store.tokens(whose(&caller)).await?;
    if !tokens.iter().any(|token| token.id == TokenId(id)) {
        return Err(Problem::not_found("such token").into());
    }
    app.store.revoke_token(TokenId(id), &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
