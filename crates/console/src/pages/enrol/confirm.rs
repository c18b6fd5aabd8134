//! Enrolment, last step: the factor is proven, the person is made, the recovery codes are shown.

use std::net::IpAddr;

use askama::Template;
use axum::{
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use store::{NewUser, Secret};

use super::{Begun, begin::FactorPage, enrolment};
use crate::{
    App, assets,
    csrf::OpenForm,
    problem::PageError,
    session,
    shell::{page as render, scripted},
};

/// The recovery codes, this once.
#[derive(Template)]
#[template(path = "enrol/done.html")]
struct DonePage {
    style: &'static str,
    name: String,
    codes: Vec<String>,
    is_renewal: bool,
}

/// `POST /enrol/confirm`.
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
    let factor = begun.second_factor();
    let code: String = fields
        .get("code")
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    if !factor.accepts(&code, app.store.clock().now()) {
        let why = "This code is not right. Wait for the next one and type it at once.";
        let page = FactorPage::new(&app, token, &begun, Some(why)).await?;
        let mut response = scripted(&page)?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    let new = NewUser {
        name: begun.name.clone(),
        role: enrolment.role,
        password: Secret::new(begun.password.clone().into_bytes()),
        second_factor: Some(factor),
        passkey: None,
    };
    done(&app, token, new, address, enrolment.renews.is_some()).await
}

/// Uses the link up and shows the recovery codes.
pub(super) async fn done(
    app: &App,
    token: &str,
    new: NewUser,
    address: Option<IpAddr>,
    is_renewal: bool,
) -> Result<Response, PageError> {
    let (user, codes) = app.store.enrol(token, new, address).await?;
    let page = DonePage {
        style: assets::style_path(),
        name: user.name.to_string(),
        codes,
        is_renewal,
    };
    Ok(render(&page)?.into_response())
}
