//! Who is it? A session's cookie or a bearer token; both stay at the gate.

pub(crate) mod entry;

use std::net::IpAddr;

use http::{HeaderMap, header};
use model::{
    id::InstanceId,
    principal::{Principal, Via},
};
use store::{SessionKind, Store, StoreError};

use crate::headers::cookies;

/// The gate's session.
pub(crate) const SESSION_COOKIE: &str = "__Host-redkeep-gate";

/// By what somebody was identified; kept by live connections, to look again.
#[derive(Clone)]
pub(crate) enum Credential {
    Session(String),
    Token(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Session(_) => "Session(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// Somebody known.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) principal: Principal,
    pub(crate) credential: Credential,
}

/// What the request says about who sent it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) known: Option<Known>,
    /// An Authorization header that is not ours: an endpoint may have a login of its own.
    pub(crate) is_foreign_login: bool,
}

/// Where a credential is shown: before which instance, from which address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) instance: &'a InstanceId,
    pub(crate) address: IpAddr,
}

/// Looks a request's sender up. A bearer token that is not good does not fall back on a cookie.
/// `password` is an access token that came as one, where that is allowed.
pub(crate) async fn identify(
    store: &Store,
    headers: &HeaderMap,
    password: Option<&str>,
    place: Place<'_>,
) -> Result<Identity, StoreError> {
    let mut is_foreign_login = false;
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(bearer);
        let token = token.or(password.filter(|password| is_token(password)));
        match token {
            Some(token) => {
                let credential = Credential::Token(token.to_owned());
                let known = look_up(store, credential, place).await?;
                return Ok(Identity {
                    known,
                    is_foreign_login: false,
                });
            }
            None => is_foreign_login = true,
        }
    }
    let mut sessions = cookies(headers, SESSION_COOKIE);
    // Two of them: one was planted. Which, nobody can say.
    let known = match (sessions.next(), sessions.next()) {
        (Some(secret), None) if is_secret(secret) => {
            look_up(store, Credential::Session(secret.to_owned()), place).await?
        }
        _ => None,
    };
    Ok(Identity {
        known,
        is_foreign_login,
    })
}

/// Whom a credential stands for at this moment.
pub(crate) async fn look_up(
    store: &Store,
    credential: Credential,
    place: Place<'_>,
) -> Result<Option<Known>, StoreError> {
    let Place { instance, address } = place;
    let principal = match &credential {
        Credential::Session(secret) if Store::is_kiosk_secret(secret) => {
            store.kiosk_principal(secret, instance, address).await?
        }
        Credential::Session(secret) => store.session_principal(secret, SessionKind::Gate).await?,
        Credential::Token(secret) => store.token_principal(secret, Some(address)).await?,
    };
    Ok(principal.map(|principal| Known {
        principal,
        credential,
    }))
}

/// Whether the session or token is still listed as alive. Unlike a look-up it does not count as
/// use, so that an open editor alone does not keep an idle session going for ever. Of a wall display
/// it does: being open is all the use it has.
pub(crate) async fn is_listed(
    store: &Store,
    known: &Known,
    place: Place<'_>,
) -> Result<bool, StoreError> {
    let principal = &known.principal;
    match &principal.via {
        Via::KioskSession { .. } => {
            let found = look_up(store, known.credential.clone(), place).await?;
            Ok(found.is_some())
        }
        Via::GateSession { session } | Via::ConsoleSession { session } => Ok(store
            .sessions(Some(principal.user))
            .await?
            .iter()
            .any(|s| s.id == *session)),
        Via::Token { token, .. } => Ok(store
            .tokens(Some(principal.user))
            .await?
            .iter()
            .any(|t| t.id == *token)),
        Via::ControlSocket => Ok(false),
    }
}

/// Our own tokens begin with `rk_`.
pub(crate) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && is_token(token)).then_some(token)
}

fn is_token(token: &str) -> bool {
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    token.starts_with("rk_") && token.len() <= 256 && is_plain
}

fn is_secret(text: &str) -> bool {
    (16..=256).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
