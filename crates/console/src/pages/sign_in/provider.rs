//! Signing in by a provider: the way there, and the way back.
//!
//! What must come back with the browser is sealed into a cookie of the browser that left. The cookie is
//! `SameSite=Lax`: a provider sends the browser back from its own site, and our session's cookie
//! (`Strict`) would stay away.

use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use store::ExternalSignIn;

use super::show::{Destination, OnwardPage, into_gate};
use crate::{
    App, Coming, assets, carried,
    csrf::{Fields, OpenForm},
    pages::Asked,
    problem::{PageError, Problem},
    session::{address, agent, set_cookie},
    shell::page as render,
    wording::sentence,
};

const PURPOSE: &str = "provider-sign-in";
const COOKIE: &str = "__Host-redkeep-sign-in";
/// How long somebody may take at the provider.
const AWAY_SECONDS_MAX: i64 = 15 * 60;
/// Bytes of a cookie every browser keeps, name and attributes apart.
const COOKIE_BYTES_MAX: usize = 3800;

/// What the browser that left carries until it is back.
#[derive(Serialize, Deserialize)]
struct Left {
    provider: String,
    flow: serde_json::Value,
    to: Destination,
    invitation: Option<String>,
}

/// `POST /sign-in/with`: `provider`, where to go, and `invitation` from an enrolment page.
pub(crate) async fn leave(
    State(app): State<App>,
    OpenForm(fields): OpenForm,
) -> Result<Response, PageError> {
    let to = Destination::of_form(&fields);
    let id = fields.get("provider").to_owned();
    let Some(providers) = &app.providers else {
        return Err(Problem::not_found("such way to sign in").into());
    };
    let invitation = invitation(&fields);
    let leaving = match providers.begin(&id).await {
        Ok(leaving) => leaving,
        Err(why) => return refused(&app, to, &why),
    };
    let mut left = Left {
        provider: id,
        flow: leaving.flow,
        to,
        invitation,
    };
    let mut sealed = carried::seal(&app, PURPOSE, &left).unwrap_or_default();
    if sealed.len() > COOKIE_BYTES_MAX {
        // Without the page they were going to; the way in matters more.
        left.to = Destination::default();
        sealed = carried::seal(&app, PURPOSE, &left).unwrap_or_default();
    }
    let mut response = render(&OnwardPage {
        style: assets::style_path(),
        title: "To your sign-in",
        address: leaving.address,
        words: "Go on",
    })?
    .into_response();
    let cookie = format!(
        "{COOKIE}={sealed}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={AWAY_SECONDS_MAX}"
    );
    let cookie = HeaderValue::from_str(&cookie)
        .map_err(|_| Problem::bad_form("this sign-in cannot be carried; begin again"))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn invitation(fields: &Fields) -> Option<String> {
    let text = fields.get("invitation");
    (1..=200).contains(&text.len()).then(|| text.to_owned())
}

/// `GET /sign-in/back/{provider}`: the browser comes back with an answer.
pub(crate) async fn back(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(asked): Asked,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, _) = request.into_parts();
    let mut response = come_back(&app, &id, &asked, &parts).await?;
    // Good once: whatever came of it, another answer needs another question.
    let over = HeaderValue::from_static(
        "__Host-redkeep-sign-in=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    );
    response.headers_mut().append(header::SET_COOKIE, over);
    Ok(response)
}

async fn come_back(
    app: &App,
    id: &str,
    asked: &std::collections::HashMap<String, String>,
    parts: &http::request::Parts,
) -> Result<Response, PageError> {
    let Some(providers) = &app.providers else {
        return Err(Problem::not_found("such way to sign in").into());
    };
    let left: Option<Left> = crate::session::cookie_named(parts, COOKIE)
        .and_then(|sealed| carried::unseal(app, PURPOSE, sealed, AWAY_SECONDS_MAX));
    let Some(left) = left.filter(|left| left.provider == id) else {
        let why = "this sign-in was not begun in this browser, or took too long; begin again";
        return refused(app, Destination::default(), why);
    };
    let get = |name: &str| asked.get(name).cloned();
    let coming = Coming {
        code: get("code"),
        state: get("state"),
        iss: get("iss"),
        error: get("error"),
    };
    let who = match providers.finish(id, left.flow, coming).await {
        Ok(who) => who,
        Err(why) => return refused(app, left.to, &why),
    };
    let (address, agent) = (address(parts), agent(parts));
    let invitation = left.invitation.as_deref();
    let came = app
        .store
        .sign_in_external(&who, invitation, address, &agent);
    match came.await {
        Ok(ExternalSignIn::In(came)) => arrived(app, &came.1, &came.2, &left.to),
        Ok(ExternalSignIn::NotInvited) => {
            let why = "you are known there, but nobody has let you in here; ask an administrator \
                       of Redkeep for an invitation, and open its link";
            refused(app, left.to, why)
        }
        Ok(ExternalSignIn::NoRole) => {
            let why = "you are known there, but none of your groups has a role here; ask an \
                       administrator of Redkeep which one you need";
            refused(app, left.to, why)
        }
        Err(
            error @ (store::StoreError::Conflict(_)
            | store::StoreError::Exists(_)
            | store::StoreError::NotFound(_)),
        ) => refused(app, left.to, &error.to_string()),
        Err(error) => Err(error.into()),
    }
}

/// A page that leads on, and not a redirect: the new session's cookie (`SameSite=Strict`) does not come
/// along on a way that began at another site.
fn arrived(
    app: &App,
    session: &store::Session,
    secret: &store::SessionSecret,
    to: &Destination,
) -> Result<Response, PageError> {
    let mut response = if to.gate.is_empty() {
        render(&OnwardPage {
            style: assets::style_path(),
            title: "You are signed in",
            address: to.next_path().to_owned(),
            words: "Go on",
        })?
        .into_response()
    } else {
        into_gate(app, session, to)?.into_response()
    };
    response
        .headers_mut()
        .append(header::SET_COOKIE, set_cookie(secret));
    Ok(response)
}

fn refused(app: &App, to: Destination, why: &str) -> Result<Response, PageError> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    super::submit::again(app, to, String::new(), sentence(why), false, status)
}
