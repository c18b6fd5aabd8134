//! Signing in with a passkey: after a right password, or with it alone.

use axum::{
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
    response::Response,
};
use store::{PasskeyError, RelyingParty};

use super::{
    show::Destination,
    submit::{accepted, again},
};
use crate::{
    App,
    csrf::OpenForm,
    problem::PageError,
    session::{address, agent},
    wording::sentence,
};

/// `POST /sign-in/passkey`: `ceremony`, `answer`.
pub(crate) async fn submit(
    State(app): State<App>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let (address, agent) = (address(&parts), agent(&parts));
    let OpenForm(fields) = OpenForm::from_request(Request::from_parts(parts, body), &app).await?;
    let to = Destination::of_form(&fields);
    let rp = RelyingParty::of(&app.addresses.console_origin)?;
    let (token, answer) = (fields.get("ceremony"), fields.get("answer"));
    match app.store.passkey_sign_in(&rp, token, answer, address).await {
        Ok(user) => accepted(&app, &user, &to, address, &agent, true).await,
        Err(PasskeyError::Store(error @ store::StoreError::Database(_))) => Err(error.into()),
        Err(error) => {
            let why = sentence(&error.to_string());
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            again(&app, to, String::new(), why, false, status)
        }
    }
}
