//! People: users, enrolment links, tokens, sessions.

pub(super) mod import;
pub(super) mod roles;
pub(super) mod tokens;
pub(super) mod users;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use deploy::Caller;
use model::{
    access::{Permission, Role},
    id::{SessionId, UserId, UserName},
    principal::Via,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Body;
use crate::{
    App, grants,
    pages::access::enrol::LINK_SECONDS,
    problem::{ApiError, Problem},
    session::Authenticated,
};

/// The body of an enrolment.
#[derive(Deserialize)]
pub(super) struct Enrol {
    role: Role,
    #[serde(default)]
    name: Option<UserName>,
}

/// `POST /enrolments`.
pub(super) async fn enrol(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(body): Body<Enrol>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    let role = grants::role(&app, &caller, body.role).await?;
    let made = app
        .store
        .make_enrolment(role, body.name, LINK_SECONDS, &caller.actor())
        .await?;
    Ok(Json(json!({
        "url": format!("{}/enrol?token={}", app.addresses.console_origin, made.secret),
        "role": made.role,
        "name": made.name,
        "expires_at": made.expires_at,
    })))
}

/// Whose things the caller may see: everybody's with `Administer`, else their own.
fn whose(caller: &Caller) -> Option<UserId> {
    let is_all = caller.require(Permission::Administer).is_ok();
    (!is_all).then_some(caller.principal.user)
}

/// A token without `admin` scope changes nothing about access, not even its owner's.
fn own_or_admin(caller: &Caller) -> Result<(), ApiError> {
    if matches!(caller.principal.via, Via::Token { .. }) {
        caller.require(Permission::Administer)?;
    }
    Ok(())
}

/// `GET /sessions`.
pub(super) async fn sessions(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    own_or_admin(&caller)?;
    let sessions = app.store.sessions(whose(&caller)).await?;
    Ok(Json(json!({ "sessions": sessions })))
}

/// `DELETE /sessions/{id}`.
pub(super) async fn revoke_session(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    own_or_admin(&caller)?;
    let sessions = app.store.sessions(whose(&caller)).await?;
    if !sessions.iter().any(|session| session.id == SessionId(id)) {
        return Err(Problem::not_found("such session").into());
    }
    app.store
        .revoke_session(SessionId(id), &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
