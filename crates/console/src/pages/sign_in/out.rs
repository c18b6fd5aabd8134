//! Signing out.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
};

use crate::{App, csrf::Posted, problem::PageError, session::clear_cookie};

/// `POST /sign-out`: ends this session and the gate sessions that hang on it.
pub(crate) async fn submit(State(app): State<App>, posted: Posted) -> Result<Response, PageError> {
    app.store
        .revoke_session(posted.by.session, &posted.by.caller.actor())
        .await?;
    let mut response = Redirect::to("/sign-in").into_response();
    response
        .headers_mut()
        .insert(header::SET_COOKIE, clear_cookie());
    Ok(response)
}
