//! Resetting another's account: a lost phone, a password somebody has seen.

use axum::{
    extract::{Path, State},
    response::Html,
};
use model::{access::Permission, id::UserId};

use super::{enrol::LINK_SECONDS, show::build};
use crate::{
    App,
    csrf::Posted,
    grants,
    problem::{PageError, Problem},
    shell::page as render,
};

/// `POST /access/users/{id}/reset`: `name` must be the user's. Shows the link, this once.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, fields }: Posted,
) -> Result<Html<String>, PageError> {
    by.caller.require(Permission::Administer)?;
    grants::user(&app, &by.caller, UserId(id)).await?;
    let user = app.store.user(UserId(id)).await?;
    if fields.get("name") != user.name.as_str() {
        let why = format!("type the name of the user, {}, to reset it", user.name);
        return Err(Problem::bad_form(why).into());
    }
    if user.id == by.caller.principal.user {
        let why = "you renew your own password and factor under Account";
        return Err(Problem::bad_form(why).into());
    }
    let actor = by.caller.actor();
    let made = app
        .store
        .reset_account(user.id, LINK_SECONDS, &actor)
        .await?;
    let mut page = build(&app, &by).await?;
    let origin = &app.addresses.console_origin;
    page.link = Some(format!("{origin}/enrol?token={}", made.secret));
    render(&page)
}
