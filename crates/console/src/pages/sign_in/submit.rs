//! What the sign-in form does.

use axum::{
    extract::{FromRequest as _, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use store::{LoginAttempt, Secret, SessionKind, User};

use super::show::{Destination, FormPage, into_gate};
use crate::{
    App,
    csrf::OpenForm,
    problem::PageError,
    session::{address, agent, set_cookie},
    shell::page as render,
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
    match app.store.log_in(&name, &password, code, address).await? {
        LoginAttempt::Accepted(user) => accepted(&app, &user, &to, address, &agent).await,
        LoginAttempt::NeedsCode => {
            let why = "This account has a second factor. Type the password again and the code.";
            again(
                to,
                name,
                why.to_owned(),
                true,
                StatusCode::UNPROCESSABLE_ENTITY,
            )
        }
        LoginAttempt::Wrong => {
            let why = "Name, password or code is wrong.";
            again(
                to,
                name,
                why.to_owned(),
                code.is_some(),
                StatusCode::UNPROCESSABLE_ENTITY,
            )
        }
        LoginAttempt::Limited {
            retry_after_seconds,
        } => {
            let seconds = usize::try_from(retry_after_seconds).unwrap_or(1).max(1);
            let wait = counted(seconds, "second");
            let why = format!("Too many attempts. Try again in {wait}.");
            let mut response = again(to, name, why, code.is_some(), StatusCode::TOO_MANY_REQUESTS)?;
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            Ok(response)
        }
    }
}

async fn accepted(
    app: &App,
    user: &User,
    to: &Destination,
    address: Option<std::net::IpAddr>,
    agent: &str,
) -> Result<Response, PageError> {
    let (session, secret) = app
        .store
        .open_session(user.id, SessionKind::Console, None, address, agent)
        .await?;
    let mut response = if to.gate.is_empty() {
        Redirect::to(to.next_path()).into_response()
    } else {
        into_gate(app, &session, to).into_response()
    };
    response
        .headers_mut()
        .insert(header::SET_COOKIE, set_cookie(&secret));
    Ok(response)
}

fn again(
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
        ..FormPage::new(to)
    };
    Ok((status, render(&page)?).into_response())
}
