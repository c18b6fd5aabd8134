//! Who may come from where.

use axum::{
    Json,
    extract::{Path, State},
};
use model::{
    access::Permission,
    rules::{AccessRules, Question},
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Secret;

use super::Body;
use crate::{App, problem::ApiError, rules, session::Authenticated};

type Answer = Result<Json<Value>, ApiError>;

/// `GET /access/rules`.
pub(super) async fn show(State(app): State<App>, Authenticated(caller): Authenticated) -> Answer {
    caller.require(Permission::Administer)?;
    Ok(Json(json!(app.store.access_rules().await?)))
}

/// The body of a change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    version: i64,
    rules: AccessRules,
    #[serde(default)]
    shut_out: bool,
}

/// `PUT /access/rules`.
pub(super) async fn set(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(body): Body<Set>,
) -> Answer {
    let kept = rules::save(&app, &caller, body.version, &body.rules, body.shut_out).await?;
    Ok(Json(json!(kept)))
}

/// The body of a confirmation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    version: i64,
}

/// `POST /access/rules/confirm`.
pub(super) async fn confirm(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(Confirm { version }): Body<Confirm>,
) -> Answer {
    caller.require(Permission::Administer)?;
    let by = caller.actor();
    Ok(Json(json!(
        app.store.confirm_access_rules(version, &by).await?
    )))
}

/// `POST /access/rules/undo`.
pub(super) async fn undo(State(app): State<App>, Authenticated(caller): Authenticated) -> Answer {
    caller.require(Permission::Administer)?;
    let by = caller.actor();
    Ok(Json(json!(app.store.undo_access_rules(&by).await?)))
}

/// `GET /access/secrets`: the names of secrets of webhooks.
pub(super) async fn secrets(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Answer {
    caller.require(Permission::Administer)?;
    Ok(Json(
        json!({ "secrets": app.store.webhook_secrets().await? }),
    ))
}

/// The body of `PUT /access/secrets/{name}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    secret: String,
}

/// `PUT /access/secrets/{name}`.
pub(super) async fn keep_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Body(Keep { secret }): Body<Keep>,
) -> Answer {
    caller.require(Permission::Administer)?;
    let secret = Secret::new(secret.into_bytes());
    let by = caller.actor();
    app.store.set_webhook_secret(&name, &secret, &by).await?;
    Ok(Json(json!({ "name": name })))
}

/// `DELETE /access/secrets/{name}`.
pub(super) async fn remove_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> Answer {
    caller.require(Permission::Administer)?;
    app.store
        .remove_webhook_secret(&name, &caller.actor())
        .await?;
    Ok(Json(json!({ "removed": true })))
}

/// `POST /access/simulate`.
pub(super) async fn simulate(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(question): Body<Question>,
) -> Answer {
    Ok(Json(json!(rules::simulate(&app, &caller, question).await?)))
}
