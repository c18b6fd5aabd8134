//! Renewing one's own second factor and recovery codes. Each asks for the present password and, where
//! there is a factor, for a present code: whoever finds an open browser gets nothing by it.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use model::id::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use store::{LoginAttempt, SecondFactor, Secret};

use super::show::build;
use crate::{
    App, carried,
    csrf::{Fields, Posted},
    pages::enrol::begin::{in_fours, qr_of},
    problem::{PageError, Problem},
    qr,
    session::SignedIn,
    shell::{Shell, page as render},
};

const PURPOSE: &str = "console-factor";
/// How long the second step may take.
const STEP_SECONDS_MAX: i64 = 10 * 60;

/// What the browser carries from the first step to the second, sealed: the new factor, for this
/// user in this session alone.
#[derive(Serialize, Deserialize)]
struct Begun {
    user: UserId,
    session: SessionId,
    factor: Vec<u8>,
}

impl Begun {
    fn seal(&self, app: &App) -> Result<String, Problem> {
        carried::seal(app, PURPOSE, self)
            .ok_or_else(|| Problem::bad_form("this factor cannot be kept"))
    }

    fn unseal(app: &App, by: &SignedIn, text: &str) -> Result<Self, Problem> {
        let is_theirs =
            |begun: &Self| begun.user == by.caller.principal.user && begun.session == by.session;
        carried::unseal(app, PURPOSE, text, STEP_SECONDS_MAX)
            .filter(is_theirs)
            .ok_or_else(|| Problem::bad_form("this step is out of date; begin again under Account"))
    }

    fn second_factor(&self) -> SecondFactor {
        SecondFactor {
            secret: Secret::new(self.factor.clone()),
        }
    }
}

/// The QR code and the field for a code from it.
#[derive(Template)]
#[template(path = "account/factor.html")]
struct FactorPage {
    shell: Shell,
    sealed: String,
    qr: qr::Qr,
    base32: String,
    error: Option<&'static str>,
}

/// New recovery codes, this once.
#[derive(Template)]
#[template(path = "account/codes.html")]
struct CodesPage {
    shell: Shell,
    codes: Vec<String>,
    /// The factor was renewed with them.
    is_factor: bool,
}

/// `POST /account/factor`: `present`, `code` (where there is a factor).
pub(crate) async fn begin(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    if let Some(refusal) = confirm(&app, &by, &fields).await? {
        return Ok(refusal);
    }
    let begun = Begun {
        user: by.caller.principal.user,
        session: by.session,
        factor: SecondFactor::generate().secret.expose().to_vec(),
    };
    Ok(show(&app, &by, &begun, None).await?.into_response())
}

async fn show(
    app: &App,
    by: &SignedIn,
    begun: &Begun,
    error: Option<&'static str>,
) -> Result<Html<String>, PageError> {
    let factor = begun.second_factor();
    render(&FactorPage {
        shell: Shell::new(app, by, "account", "New second factor").await?,
        sealed: begun.seal(app)?,
        qr: qr_of(&factor, &by.caller.principal.name)?,
        base32: in_fours(&factor.base32()),
        error,
    })
}

/// `POST /account/factor/confirm`: `sealed`, `code` (from the new factor).
pub(crate) async fn confirm_new(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let begun = Begun::unseal(&app, &by, fields.get("sealed"))?;
    let (factor, actor) = (begun.second_factor(), by.caller.actor());
    let renewed = app
        .store
        .renew_second_factor(begun.user, &factor, fields.get("code"), &actor)
        .await?;
    let Some(codes) = renewed else {
        let why = "This code is not right. Wait for the next one and type it at once.";
        let page = show(&app, &by, &begun, Some(why)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    by.renew(&app).await?;
    done(&app, &by, codes, true).await
}

/// `POST /account/recovery-codes`: `present`, `code`.
pub(crate) async fn codes(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    if let Some(refusal) = confirm(&app, &by, &fields).await? {
        return Ok(refusal);
    }
    let (user, actor) = (by.caller.principal.user, by.caller.actor());
    let codes = app.store.renew_recovery_codes(user, &actor).await?;
    done(&app, &by, codes, false).await
}

pub(super) async fn done(
    app: &App,
    by: &SignedIn,
    codes: Vec<String>,
    is_factor: bool,
) -> Result<Response, PageError> {
    let page = CodesPage {
        shell: Shell::new(app, by, "account", "Recovery codes").await?,
        codes,
        is_factor,
    };
    Ok(render(&page)?.into_response())
}

/// Asks for password and code; a refusal is the account page, with what is wrong.
async fn confirm(app: &App, by: &SignedIn, fields: &Fields) -> Result<Option<Response>, PageError> {
    let Some(why) = not_confirmed(app, by, fields).await? else {
        return Ok(None);
    };
    let mut page = build(app, by).await?;
    page.factor_error = Some(why);
    let refusal = (StatusCode::UNPROCESSABLE_ENTITY, render(&page)?);
    Ok(Some(refusal.into_response()))
}

/// Asks for password and code, or password and a sign-in with a passkey a moment ago; why it is not
/// confirmed, if it is not.
pub(super) async fn not_confirmed(
    app: &App,
    by: &SignedIn,
    fields: &Fields,
) -> Result<Option<String>, PageError> {
    if let Some(provider) = app.store.user(by.caller.principal.user).await?.provider {
        return Ok(not_fresh(app, by, &provider));
    }
    let present = Secret::new(fields.raw("present").as_bytes().to_vec());
    let code = Some(fields.get("code")).filter(|code| !code.is_empty());
    let (name, address) = (&by.caller.principal.name, by.caller.address);
    let confirmed = app
        .store
        .confirm_identity(name, &present, code, address)
        .await?;
    let why = match confirmed {
        LoginAttempt::Accepted(_) => return Ok(None),
        LoginAttempt::NeedsCode(_) if app.store.is_fresh(by.session) => return Ok(None),
        LoginAttempt::NeedsCode(_) => {
            "A code is needed: one from the present authenticator, or a recovery code.".to_owned()
        }
        LoginAttempt::Wrong | LoginAttempt::NeedsPasskey(_) => {
            "Password or code is wrong.".to_owned()
        }
        LoginAttempt::Limited {
            retry_after_seconds,
        } => format!("Too many attempts. Try again in {retry_after_seconds} seconds."),
    };
    Ok(Some(why))
}

/// Who has no password here has signed in by their provider a moment ago, or does it again.
pub(super) fn not_fresh(app: &App, by: &SignedIn, provider: &str) -> Option<String> {
    (!app.store.is_fresh(by.session)).then(|| {
        format!("Sign out, sign in again with {provider}, and do this within five minutes.")
    })
}
