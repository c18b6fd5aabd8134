//! Making a token for oneself.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::access::Scope;
use store::NewToken;

use super::show::build;
use crate::{App, csrf::Posted, problem::PageError, shell::page as render};

/// `POST /account/tokens`: `label`, `scope` (several), `days`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let scopes: Vec<Scope> = fields
        .all("scope")
        .filter_map(|word| word.parse().ok())
        .collect();
    let days = fields
        .get("days")
        .parse::<i64>()
        .ok()
        .filter(|days| (1..=365).contains(days));
    let label: String = fields.get("label").chars().take(100).collect();
    let error = if label.is_empty() {
        Some("Say what the token is for.")
    } else if scopes.is_empty() {
        Some("Choose at least one scope.")
    } else if days.is_none() {
        Some("A token lasts 1 to 365 days.")
    } else {
        None
    };
    let mut page;
    if let Some(error) = error {
        page = build(&app, &by).await?;
        page.token_error = Some(error.to_owned());
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let now = app.store.clock().now();
    let new = NewToken {
        user: by.caller.principal.user,
        label,
        scopes,
        expires_at: now.plus_seconds(days.unwrap_or(1) * 86_400),
    };
    let (_, secret) = app.store.make_token(new, &by.caller.actor()).await?;
    page = build(&app, &by).await?;
    page.made = Some(secret);
    Ok(render(&page)?.into_response())
}
