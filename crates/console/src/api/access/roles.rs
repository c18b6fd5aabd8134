//! Roles.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::access::{Permission, Permissions, Role, RoleName};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    App,
    api::Body,
    grants,
    problem::{ApiError, Problem},
    session::Authenticated,
};

fn shown(role: Role) -> Value {
    json!({
        "name": role,
        "permissions": role.permissions(),
        "built_in": !matches!(role, Role::Custom(_)),
    })
}

/// `GET /roles`.
pub(in crate::api) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    let all = grants::all(&app).await?.into_iter().map(shown);
    Ok(Json(json!({ "roles": all.collect::<Vec<_>>() })))
}

/// The body of a role.
#[derive(Deserialize)]
pub(in crate::api) struct Set {
    permissions: Permissions,
}

fn name(text: &str) -> Result<RoleName, Problem> {
    let parsed = text.parse();
    parsed.map_err(|_| {
        Problem::bad_form("a role's name is 1 to 32 of a-z, 0-9 and -, starting with a letter")
    })
}

/// `PUT /roles/{name}`.
pub(in crate::api) async fn set(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(text): Path<String>,
    Body(body): Body<Set>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    let name = name(&text)?;
    grants::permissions(&caller, body.permissions)?;
    let actor = caller.actor();
    let set = app.store.set_custom_role(name, body.permissions, &actor);
    Ok(Json(json!({ "role": shown(Role::Custom(set.await?)) })))
}

/// `DELETE /roles/{name}`.
pub(in crate::api) async fn remove(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(text): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require(Permission::Administer)?;
    let actor = caller.actor();
    app.store.remove_custom_role(name(&text)?, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
