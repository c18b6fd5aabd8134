//! Making an enrolment link.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::{
    access::{Permission, Role},
    id::UserName,
};

use super::show::build;
use crate::{
    App,
    csrf::Posted,
    grants,
    problem::{PageError, Problem},
    shell::page as render,
};

/// How long a link is good: three days.
pub(crate) const LINK_SECONDS: i64 = 3 * 86_400;

/// `POST /access/enrolments`: `role`, `name` (may be empty).
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    by.caller.require(Permission::Administer)?;
    let role: Role = fields
        .get("role")
        .parse()
        .map_err(|error: model::access::UnknownWord| Problem::bad_form(error.to_string()))?;
    let role = grants::role(&app, &by.caller, role).await?;
    let name = match fields.get("name") {
        "" => Ok(None),
        text => text.parse::<UserName>().map(Some),
    };
    let name = match name {
        Ok(name) => name,
        Err(error) => {
            let mut page = build(&app, &by).await?;
            page.enrol_error = Some(format!("A name is {}.", error.rule));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
        }
    };
    let made = app
        .store
        .make_enrolment(role, name, LINK_SECONDS, &by.caller.actor())
        .await?;
    let mut page = build(&app, &by).await?;
    page.link = Some(format!(
        "{}/enrol?token={}",
        app.addresses.console_origin, made.secret
    ));
    Ok(render(&page)?.into_response())
}
