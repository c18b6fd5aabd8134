//! Changing one's password.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use store::{LoginAttempt, Secret};

use super::show::build;
use crate::{
    App, csrf::Posted, problem::PageError, session::SignedIn, shell::page as render,
    wording::sentence,
};

/// `POST /account/password`: `present`, `password`, `again`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let principal = &by.caller.principal;
    let (password, again) = (fields.raw("password"), fields.raw("again"));
    if let Err(error) = app.store.check_password(&principal.name, password) {
        return refuse(&app, &by, sentence(&error.to_string())).await;
    }
    if password != again {
        return refuse(
            &app,
            &by,
            "The two new passwords are not the same.".to_owned(),
        )
        .await;
    }
    // Whoever finds an open browser must not be able to take the account over. Without a code, a
    // right password is answered by "needs a code"; that is right enough here.
    let present = Secret::new(fields.raw("present").as_bytes().to_vec());
    match app
        .store
        .confirm_identity(&principal.name, &present, None, by.caller.address)
        .await?
    {
        LoginAttempt::Accepted(_) | LoginAttempt::NeedsCode(_) => {}
        LoginAttempt::Wrong | LoginAttempt::NeedsPasskey(_) => {
            return refuse(&app, &by, "The present password is wrong.".to_owned()).await;
        }
        LoginAttempt::Limited {
            retry_after_seconds,
        } => {
            let why = format!("Too many attempts. Try again in {retry_after_seconds} seconds.");
            return refuse(&app, &by, why).await;
        }
    }
    let new = Secret::new(password.as_bytes().to_vec());
    app.store
        .set_password(principal.user, &new, &by.caller.actor())
        .await?;
    // Whoever took this session's cookie before has nothing any more.
    by.renew(&app).await?;
    Ok(Redirect::to("/account?done=password").into_response())
}

async fn refuse(app: &App, by: &SignedIn, why: String) -> Result<Response, PageError> {
    let mut page = build(app, by).await?;
    page.password_error = Some(why);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}
