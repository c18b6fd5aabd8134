//! The local account for the day no provider answers.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use model::{access::Permission, id::UserId};

use crate::{App, csrf::Posted, grants, problem::PageError};

/// `POST /access/users/{id}/break-glass`: `is` (`yes` or `no`).
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    grants::user(&app, &by.caller, UserId(id)).await?;
    let is_marked = fields.get("is") == "yes";
    let actor = by.caller.actor();
    app.store
        .set_break_glass(UserId(id), is_marked, &actor)
        .await?;
    let done = if is_marked {
        "break-glass"
    } else {
        "no-break-glass"
    };
    Ok(Redirect::to(&format!("/access?done={done}")))
}
