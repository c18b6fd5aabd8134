//! Enrolment, first step: name and password.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::{Html, IntoResponse, Response},
};
use model::access::Role;

use super::enrolment;
use crate::{App, assets, pages::Asked, problem::PageError, shell::page as render};

/// The form.
#[derive(Template)]
#[template(path = "enrol/form.html")]
pub(super) struct FormPage {
    pub(super) style: &'static str,
    pub(super) token: String,
    pub(super) role: Role,
    /// It renews an account that is there.
    pub(super) is_renewal: bool,
    /// The name that was fixed beforehand, if one was.
    pub(super) fixed: Option<String>,
    pub(super) name: String,
    pub(super) name_error: Option<String>,
    pub(super) password_error: Option<String>,
    /// By whom the invitation can be taken instead.
    pub(super) providers: Vec<crate::Offered>,
}

impl FormPage {
    pub(super) fn new(token: &str, enrolment: &store::Enrolment) -> Self {
        Self {
            style: assets::style_path(),
            token: token.to_owned(),
            role: enrolment.role,
            is_renewal: enrolment.renews.is_some(),
            fixed: enrolment.name.as_ref().map(ToString::to_string),
            name: String::new(),
            name_error: None,
            password_error: None,
            providers: Vec::new(),
        }
    }
}

/// `GET /enrol?token=…`.
pub(crate) async fn page(
    State(app): State<App>,
    Query(asked): Asked,
) -> Result<Response, PageError> {
    let token = asked.get("token").map(String::as_str).unwrap_or_default();
    let enrolment = enrolment(&app, token).await?;
    let mut page = FormPage::new(token, &enrolment);
    // The first account is a local one, and a local one is renewed as such.
    if enrolment.renews.is_none() && !app.store.users().await?.is_empty() {
        page.providers = crate::pages::sign_in::show::offered(&app);
    }
    let Html(page) = render(&page)?;
    Ok(Html(page).into_response())
}
