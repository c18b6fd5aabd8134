//! Enrolment, last step, with a passkey instead of codes.

use axum::{
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
    response::Response,
};
use store::{Bound, NewUser, RelyingParty, Secret};

use super::{Begun, begin::FactorPage, confirm::done, enrolment};
use crate::{App, csrf::OpenForm, problem::PageError, session, shell::scripted, wording::sentence};

/// `POST /enrol/passkey`: `token`, `sealed`, `name`, `ceremony`, `answer`.
pub(crate) async fn submit(
    State(app): State<App>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let address = session::address(&parts);
    let OpenForm(fields) = OpenForm::from_request(Request::from_parts(parts, body), &app).await?;
    let token = fields.get("token");
    let enrolment = enrolment(&app, token).await?;
    let begun = Begun::unseal(&app, token, fields.get("sealed"))?;
    let rp = RelyingParty::of(&app.addresses.console_origin)?;
    let bound = Bound::Link(begun.link);
    let (asked, answer) = (fields.get("ceremony"), fields.get("answer"));
    let passkey = app
        .store
        .finish_passkey(&rp, bound, asked, answer, fields.get("name"));
    let passkey = match passkey {
        Ok(passkey) => passkey,
        Err(error) => {
            let mut page = FactorPage::new(&app, token, &begun, None).await?;
            page.passkey_error = Some(sentence(&error.to_string()));
            let mut response = scripted(&page)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(response);
        }
    };
    let new = NewUser {
        name: begun.name.clone(),
        role: enrolment.role,
        password: Secret::new(begun.password.clone().into_bytes()),
        second_factor: None,
        passkey: Some(passkey),
    };
    done(&app, token, new, address, enrolment.renews.is_some()).await
}
