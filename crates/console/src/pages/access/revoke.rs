//! Revoking sessions and tokens: one's own, or anybody's with `Administer`.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use model::{
    access::Permission,
    id::{SessionId, TokenId},
};

use crate::{
    App,
    csrf::{Fields, Posted},
    problem::{PageError, Problem},
    session::SignedIn,
};

fn back(fields: &Fields) -> Redirect {
    match fields.get("back") {
        "/access" => Redirect::to("/access?done=revoked"),
        _ => Redirect::to("/account?done=revoked"),
    }
}

fn whose(by: &SignedIn) -> Option<model::id::UserId> {
    (!by.may(Permission::Administer)).then_some(by.caller.principal.user)
}

/// `POST /access/sessions/{id}/revoke`.
pub(crate) async fn session(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    let id = SessionId(id);
    // Looking it up among one's own says nothing about the sessions of others.
    let found = app.store.sessions(whose(&by)).await?;
    if !found.iter().any(|session| session.id == id) {
        return Err(Problem::not_found("such session").into());
    }
    app.store.revoke_session(id, &by.caller.actor()).await?;
    Ok(back(&fields))
}

/// `POST /account/sessions/revoke-others`: all of one's own but this one.
pub(crate) async fn others(
    State(app): State<App>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    app.store.revoke_other_sessions(&by.caller.actor()).await?;
    Ok(Redirect::to("/account?done=others"))
}

/// `POST /access/tokens/{id}/revoke`.
pub(crate) async fn token(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    let id = TokenId(id);
    let found = app.store.tokens(whose(&by)).await?;
    if !found.iter().any(|token| token.id == id) {
        return Err(Problem::not_found("such token").into());
    }
    app.store.revoke_token(id, &by.caller.actor()).await?;
    Ok(back(&fields))
}
