//! What is accepted: nothing from another origin, and forms only with their session's token.

use std::sync::Arc;

use axum::{
    Form,
    extract::{FromRef, FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use model::id::SessionId;
use store::{Keyring, StoreError};
use subtle::ConstantTimeEq;

use crate::{
    App,
    problem::{ApiError, PageError, Problem},
    session::{SignedIn, bearer},
    step_up,
};

/// Bytes of a session's token.
const TOKEN_BYTES: usize = 32;
/// Fields a form may have; a review form has a handful.
const FIELDS_MAX: usize = 200;

/// A session's token: keyed, so that only we can make it.
fn token(app: &App, session: SessionId) -> Result<[u8; TOKEN_BYTES], Problem> {
    let bytes = session.0.to_be_bytes();
    let digest = app.store.keyring().digest("console-csrf", &bytes);
    Ok(*digest.map_err(StoreError::from)?.as_bytes())
}

/// What the forms of one answer carry: the session's token under a pad that is used once.
///
/// Answers are compressed, and whoever can have text reflected into many of them could read a text
/// that stands in all of them from their lengths. Under its pad the token is never the same twice.
pub(crate) fn mask(app: &App, session: SessionId) -> Result<String, Problem> {
    let pad: [u8; TOKEN_BYTES] = Keyring::random();
    let under = std::iter::zip(pad, token(app, session)?).map(|(pad, byte)| pad ^ byte);
    let both: Vec<u8> = pad.into_iter().chain(under).collect();
    Ok(HEXLOWER.encode(&both))
}

/// Whether a form carries its session's token.
fn is_token(app: &App, session: SessionId, carried: &str) -> Result<bool, Problem> {
    let Ok(both) = HEXLOWER.decode(carried.as_bytes()) else {
        return Ok(false);
    };
    let Some((pad, under)) = both.split_at_checked(TOKEN_BYTES) else {
        return Ok(false);
    };
    let carried: Vec<u8> = std::iter::zip(pad, under)
        .map(|(pad, byte)| pad ^ byte)
        .collect();
    let token = token(app, session)?;
    Ok(under.len() == TOKEN_BYTES && bool::from(carried.ct_eq(&token)))
}

/// Refuses whatever another origin sent, before anything is looked up.
///
/// The editor's page is hostile and may share our host name (so its requests are "same-site" and
/// carry our cookie): only our own origin's forms pass. A request with a bearer token needs no
/// cookie, so no browser sends it for somebody else.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let by_token = is_api && bearer(request.headers()).is_some();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let refused = if by_token {
        None
    } else if is_read {
        (!is_own_read(request.headers())).then_some("another site asked for this page")
    } else {
        (!is_own_write(request.headers(), &app.addresses.console_origin))
            .then_some("the form was not sent by a page of this console; open the page again")
    };
    match refused {
        None => next.run(request).await,
        Some(why) if is_api => ApiError(Problem::cross_site(why)).into_response(),
        Some(why) => PageError::from(Problem::cross_site(why)).into_response(),
    }
}

/// A page may be opened by a link from anywhere (the cookie is `SameSite=Strict`), but never be
/// fetched, framed or drawn as an image by another origin's page.
fn is_own_read(headers: &HeaderMap) -> bool {
    match text(headers, "sec-fetch-site") {
        None | Some("same-origin" | "none") => true,
        Some(_) => {
            text(headers, "sec-fetch-mode") == Some("navigate")
                && text(headers, "sec-fetch-dest") == Some("document")
        }
    }
}

fn is_own_write(headers: &HeaderMap, console_origin: &str) -> bool {
    match text(headers, header::ORIGIN.as_str()) {
        Some(origin) => {
            origin == console_origin
                && matches!(text(headers, "sec-fetch-site"), None | Some("same-origin"))
        }
        None => text(headers, "sec-fetch-site") == Some("same-origin"),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("unreadable"))
}

/// A form's fields, in order.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first field of that name, without surrounding space; empty when there is none.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.raw(name).trim()
    }

    /// The same as it was typed (passwords keep their spaces).
    pub(crate) fn raw<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// Takes the fields of these names off.
    pub(crate) fn take(&mut self, names: &[&str]) -> Self {
        let is_named = |(name, _): &(String, String)| names.contains(&name.as_str());
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(is_named);
        self.0 = left;
        Self(taken)
    }

    /// All but those of this name, as they came.
    pub(crate) fn all_but(&self, name: &str) -> Vec<(String, String)> {
        let others = self.0.iter().filter(|(key, _)| key != name);
        others.cloned().collect()
    }

    /// Every field of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A form that needs no session: sign-in and enrolment. The guard has checked its origin.
pub(crate) struct OpenForm(pub(crate) Fields);

impl<S: Send + Sync> FromRequest<S> for OpenForm {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, state)
            .await
            .map_err(|_| Problem::bad_form("the form could not be read; open the page again"))?;
        if pairs.len() > FIELDS_MAX {
            return Err(Problem::bad_form("the form has too many fields").into());
        }
        Ok(Self(Fields(pairs)))
    }
}

/// A form sent by somebody signed in, with the token of their session.
pub(crate) struct Posted {
    pub(crate) by: SignedIn,
    pub(crate) fields: Fields,
}

impl<S> FromRequest<S> for Posted
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        let app = Arc::<crate::Inner>::from_ref(state);
        let (mut parts, body) = request.into_parts();
        let mut by = SignedIn::from_request_parts(&mut parts, state).await?;
        let path = parts.uri.path().to_owned();
        let OpenForm(mut fields) =
            OpenForm::from_request(Request::from_parts(parts, body), state).await?;
        if !is_token(&app, by.session, fields.get("csrf"))? {
            return Err(Problem::cross_site("the form is out of date; open the page again").into());
        }
        step_up::form(&app, &mut by, &path, &mut fields).await?;
        Ok(Self { by, fields })
    }
}
