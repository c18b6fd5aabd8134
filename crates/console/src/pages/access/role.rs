//! Changing a user's role.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use model::{
    access::{Permission, Role},
    id::UserId,
};

use crate::{
    App,
    csrf::Posted,
    grants,
    problem::{PageError, Problem},
};

/// `POST /access/users/{id}/role`: `role`.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    let role: Role = fields
        .get("role")
        .parse()
        .map_err(|error: model::access::UnknownWord| Problem::bad_form(error.to_string()))?;
    let role = grants::role(&app, &by.caller, role).await?;
    grants::user(&app, &by.caller, UserId(id)).await?;
    app.store
        .set_role(UserId(id), role, &by.caller.actor())
        .await?;
    Ok(Redirect::to("/access?done=role"))
}
