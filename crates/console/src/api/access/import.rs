//! Users brought along from a Node-RED's `adminAuth`.

use axum::{Json, extract::State, http::StatusCode};
use model::{
    access::{Permission, Role},
    id::UserName,
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::ImportedHash;

use crate::{App, api::Body, grants, problem::ApiError, session::Authenticated};

/// The body: one user, with the hash of the password as Node-RED keeps it.
#[derive(Deserialize)]
pub(in crate::api) struct Import {
    name: UserName,
    role: Role,
    bcrypt: String,
}

/// `POST /users/import`.
pub(in crate::api) async fn import(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(body): Body<Import>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require(Permission::Administer)?;
    let role = grants::role(&app, &caller, body.role).await?;
    let hash: ImportedHash = body.bcrypt.parse()?;
    let actor = caller.actor();
    let user = app
        .store
        .import_user(body.name, role, &hash, &actor)
        .await?;
    Ok((StatusCode::CREATED, Json(json!({ "user": user }))))
}
