//! What the sign-in form does.

use axum::{
    extract::{FromRequest as _, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use store::{HalfWay, LoginAttempt, RelyingParty, Secret, SessionKind, User};

use super::show::{Destination, FormPage, into_gate};
use crate::{
    App,
    csrf::OpenForm,
    problem::PageError,
    session::{address, agent, set_cookie},
    shell::scripted,
    wording::counted,
};

/// `POST /sign-in`.
pub(crate) async fn submit(
    State(app): State<App>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let (address, agent) = (address(&parts), agent(&parts));
    let OpenForm(fields) = OpenForm::from_request(Request::from_parts(parts, body), &app).await?;
    let to = Destination::of_form(&fields);
    let name = fields.get("name").chars().take(200).collect::<String>();
    let password = Secret::new(fields.raw("password").as_bytes().to_vec());
    let code = Some(fields.get("code")).filter(|code| !code.is_empty());
    let passkey_roles = &app.passkey_required;
    let attempt = app
        .store
        .log_in_where(&name, &password, code, address, passkey_roles)
        .await?;
    match attempt {
        LoginAttempt::NeedsPasskey(user) => {
            let why = format!(
                "Whoever is {} signs in with a passkey here. Touch yours; if it is lost, have \
                 another administrator reset your account, or `redkeep user reset` on the machine.",
                user.role
            );
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            again(&app, to, name, why, false, status)
        }
        LoginAttempt::Accepted(user) => accepted(&app, &user, &to, address, &agent, false).await,
        LoginAttempt::NeedsCode(half_way) => {
            let mut page = FormPage::new(&app, to);
            if half_way.has_passkey
                && let Ok(rp) = RelyingParty::of(&app.addresses.console_origin)
            {
                page.asked = app.store.begin_passkey_factor(&rp, &half_way).await?;
                page.is_half_way = page.asked.is_some();
            }
            page.name = name;
            page.needs_code = true;
            page.error = Some(words_for(&half_way, page.is_half_way).to_owned());
            answer(&page, StatusCode::UNPROCESSABLE_ENTITY)
        }
        LoginAttempt::Wrong => {
            let why = "Name, password or code is wrong.";
            let (status, why) = (StatusCode::UNPROCESSABLE_ENTITY, why.to_owned());
            again(&app, to, name, why, code.is_some(), status)
        }
        LoginAttempt::Limited {
            retry_after_seconds,
        } => {
            let seconds = usize::try_from(retry_after_seconds).unwrap_or(1).max(1);
            let wait = counted(seconds, "second");
            let why = format!("Too many attempts. Try again in {wait}.");
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = again(&app, to, name, why, code.is_some(), status)?;
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            Ok(response)
        }
    }
}

/// What is asked for after a right password.
fn words_for(half_way: &HalfWay, asks_passkey: bool) -> &'static str {
    match (half_way.has_codes, asks_passkey) {
        (true, true) => {
            "This account has a second factor. Touch your passkey, or type the password again and \
             the code."
        }
        (false, true) => {
            "This account has a passkey. Touch it, or type the password again and a recovery code."
        }
        (true, false) => "This account has a second factor. Type the password again and the code.",
        (false, false) => {
            "This account has a passkey, which works by the console's host name alone. Open it by \
             that name, or type the password again and a recovery code."
        }
    }
}

pub(super) async fn accepted(
    app: &App,
    user: &User,
    to: &Destination,
    address: Option<std::net::IpAddr>,
    agent: &str,
    by_passkey: bool,
) -> Result<Response, PageError> {
    let (session, secret) = app
        .store
        .open_session(user.id, SessionKind::Console, None, address, agent)
        .await?;
    if by_passkey {
        app.store.mark_fresh(session.id);
    }
    let needs_passkey =
        user.passkeys == 0 && app.passkey_required.iter().any(|it| it.is(&user.role));
    let mut response = if user.must_change_password {
        PageError::NeedsPassword.into_response()
    } else if needs_passkey {
        PageError::NeedsPasskey.into_response()
    } else if to.gate.is_empty() {
        Redirect::to(to.next_path()).into_response()
    } else {
        into_gate(app, &session, to).into_response()
    };
    response
        .headers_mut()
        .insert(header::SET_COOKIE, set_cookie(&secret));
    Ok(response)
}

pub(super) fn again(
    app: &App,
    to: Destination,
    name: String,
    why: String,
    needs_code: bool,
    status: StatusCode,
) -> Result<Response, PageError> {
    let page = FormPage {
        name,
        error: Some(why),
        needs_code,
        ..FormPage::new(app, to)
    };
    answer(&page, status)
}

fn answer(page: &FormPage, status: StatusCode) -> Result<Response, PageError> {
    let mut response = scripted(page)?;
    *response.status_mut() = status;
    Ok(response)
}
