//! Signing out.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
};

use super::show::OnwardPage;
use crate::{
    App, assets, csrf::Posted, problem::PageError, session::clear_cookie, shell::page as render,
};

/// `POST /sign-out`: ends this session and the gate sessions that hang on it.
pub(crate) async fn submit(State(app): State<App>, posted: Posted) -> Result<Response, PageError> {
    let grant = app.store.external_grant(posted.by.session).await?;
    app.store
        .revoke_session(posted.by.session, &posted.by.caller.actor())
        .await?;
    // Here it is over already; whether the provider answers matters no more.
    let farewell = match (&app.providers, grant) {
        (Some(providers), Some((id, grant))) => providers.farewell(&id, grant).await,
        _ => None,
    };
    let mut response = match farewell {
        None => Redirect::to("/sign-in").into_response(),
        // A page and not a redirect: `form-action 'self'` would stop it.
        Some(address) => render(&OnwardPage {
            style: assets::style_path(),
            title: "You are signed out here",
            address,
            words: "Sign out there too",
        })?
        .into_response(),
    };
    response
        .headers_mut()
        .insert(header::SET_COOKIE, clear_cookie());
    Ok(response)
}
