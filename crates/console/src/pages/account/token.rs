//! Making a token for oneself.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::{
    access::Scope,
    rules::{Source, SourceError},
};
use store::NewToken;

use super::show::{TokenForm, build};
use crate::{
    App,
    csrf::Posted,
    problem::{PageError, Problem},
    shell::page as render,
    wording::sentence,
};

/// Networks as they are typed: names and blocks, apart by commas or spaces.
pub(crate) fn networks(text: &str) -> Result<Vec<Source>, Problem> {
    let words = text
        .split([',', ' ', '\n', '\r', '\t'])
        .filter(|word| !word.is_empty());
    let networks = words.map(|word| {
        let read: Result<Source, SourceError> = word.parse();
        read.map_err(|error| Problem::bad_form(error.to_string()))
    });
    networks.collect()
}

/// A name of a network nobody defined would let nobody in.
pub(crate) async fn known_networks(app: &App, networks: &[Source]) -> Result<(), Problem> {
    let rules = app.store.access_rules().await?.rules;
    for network in networks {
        if let Source::Named(name) = network
            && !rules.networks.contains_key(name)
        {
            let why = format!("there is no network called {name}; define it under Access, Rules");
            return Err(Problem::bad_form(why));
        }
    }
    Ok(())
}

/// `POST /account/tokens`: `label`, `scope` (several), `days`, `networks`.
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
    let read = match networks(fields.get("networks")) {
        Ok(networks) => known_networks(&app, &networks).await.map(|()| networks),
        Err(problem) => Err(problem),
    };
    let error = if label.is_empty() {
        Some("Say what the token is for.".to_owned())
    } else if scopes.is_empty() {
        Some("Choose at least one scope.".to_owned())
    } else if days.is_none() {
        Some("A token lasts 1 to 365 days.".to_owned())
    } else {
        read.as_ref().err().map(|it| sentence(&it.message))
    };
    let mut page;
    if let Some(error) = error {
        page = build(&app, &by).await?;
        page.token_error = Some(error);
        page.token = TokenForm {
            label,
            scopes,
            days,
            networks: fields.get("networks").chars().take(2_000).collect(),
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let now = app.store.clock().now();
    let new = NewToken {
        user: by.caller.principal.user,
        label,
        scopes,
        expires_at: now.plus_seconds(days.unwrap_or(1) * 86_400),
        networks: read.unwrap_or_default(),
    };
    let (_, secret) = app.store.make_token(new, &by.caller.actor()).await?;
    page = build(&app, &by).await?;
    page.made = Some(secret);
    Ok(render(&page)?.into_response())
}
