//! Enrolment, second step: the second factor.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::id::{Hash, UserName};
use store::{Bound, Ceremony, RelyingParty, SecondFactor};

use super::{Begun, enrolment, show::FormPage};
use crate::{
    App, assets,
    csrf::OpenForm,
    problem::{PageError, Problem},
    qr,
    shell::{page as render, scripted},
    wording::sentence,
};

/// The QR code and the field for a code from it.
#[derive(Template)]
#[template(path = "enrol/factor.html")]
pub(super) struct FactorPage {
    style: &'static str,
    token: String,
    sealed: String,
    name: String,
    qr: qr::Qr,
    base32: String,
    error: Option<&'static str>,
    script: &'static str,
    asked: Option<Ceremony>,
    not_offered: Option<String>,
    pub(super) passkey_error: Option<String>,
}

impl FactorPage {
    pub(super) async fn new(
        app: &App,
        token: &str,
        begun: &Begun,
        error: Option<&'static str>,
    ) -> Result<Self, Problem> {
        let factor = begun.second_factor();
        let (asked, not_offered) = match RelyingParty::of(&app.addresses.console_origin) {
            Ok(rp) => {
                let bound = Bound::Link(begun.link);
                let asked = app.store.begin_passkey(&rp, &begun.name, bound);
                (Some(asked.await?), None)
            }
            Err(error) => (None, Some(sentence(&error.to_string()))),
        };
        Ok(Self {
            script: assets::script_path(),
            asked,
            not_offered,
            passkey_error: None,
            style: assets::style_path(),
            token: token.to_owned(),
            sealed: begun.seal(app)?,
            name: begun.name.to_string(),
            qr: qr_of(&factor, &begun.name)?,
            base32: in_fours(&factor.base32()),
            error,
        })
    }
}

/// The QR code an authenticator scans.
pub(crate) fn qr_of(factor: &SecondFactor, name: &UserName) -> Result<qr::Qr, Problem> {
    let uri = factor.uri(name, "Redkeep");
    qr::draw(&uri).ok_or_else(|| Problem::bad_form("this name is too long"))
}

/// A key for typing, in groups of four.
pub(crate) fn in_fours(digits: &str) -> String {
    let groups = digits.as_bytes().chunks(4).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(" ")
}

/// `POST /enrol`: checks name and password, then asks for the second factor.
pub(crate) async fn submit(
    State(app): State<App>,
    OpenForm(fields): OpenForm,
) -> Result<Response, PageError> {
    let token = fields.get("token");
    let enrolment = enrolment(&app, token).await?;
    let typed = match &enrolment.name {
        Some(name) => name.to_string(),
        None => fields.get("name").to_owned(),
    };
    let password = fields.raw("password");
    let mut form = FormPage {
        name: typed.clone(),
        ..FormPage::new(token, &enrolment)
    };
    let name = match typed.parse::<UserName>() {
        Ok(name) => match app.store.user_by_name(&name).await? {
            Some(user) if enrolment.renews != Some(user.id) => {
                Err("This name is taken.".to_owned())
            }
            _ => Ok(name),
        },
        Err(error) => Err(format!("A name is {}.", error.rule)),
    };
    let password_error = match &name {
        Ok(name) => app
            .store
            .check_password(name, password)
            .err()
            .map(|e| sentence(&e.to_string())),
        Err(_) => None,
    };
    form.password_error = match password_error {
        None if password != fields.raw("again") => {
            Some("The two passwords are not the same.".to_owned())
        }
        error => error,
    };
    match name {
        Ok(name) if form.password_error.is_none() => {
            let begun = Begun {
                link: Hash::of(token.as_bytes()),
                name,
                password: password.to_owned(),
                factor: SecondFactor::generate().secret.expose().to_vec(),
            };
            let page = FactorPage::new(&app, token, &begun, None).await?;
            scripted(&page)
        }
        Ok(_) => Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&form)?).into_response()),
        Err(why) => {
            form.name_error = Some(why);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&form)?).into_response())
        }
    }
}
