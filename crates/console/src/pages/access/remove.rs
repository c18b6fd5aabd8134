//! Removing a user. Asks for the name.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use model::{access::Permission, id::UserId};

use crate::{
    App,
    csrf::Posted,
    grants,
    problem::{PageError, Problem},
};

/// `POST /access/users/{id}/remove`: `name` must be the user's.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    grants::user(&app, &by.caller, UserId(id)).await?;
    let user = app.store.user(UserId(id)).await?;
    if fields.get("name") != user.name.as_str() {
        let why = format!("type the name of the user, {}, to remove it", user.name);
        return Err(Problem::bad_form(why).into());
    }
    app.store.remove_user(user.id, &by.caller.actor()).await?;
    Ok(Redirect::to("/access?done=removed"))
}
