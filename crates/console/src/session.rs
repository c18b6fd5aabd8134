//! Who asks: the one place where a cookie, a token or the control socket becomes a caller.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use deploy::Caller;
use model::{
    access::{Permission, Role, may},
    id::{SessionId, UserId},
    principal::{Principal, Via},
};
use store::{SessionKind, SessionSecret};

use crate::{
    App, csrf,
    problem::{ApiError, PageError, Problem},
    rules,
};

/// The console's cookie. `__Host-`: set by this host alone, over TLS, for every path.
pub(crate) const COOKIE: &str = "__Host-redkeep-console";

/// The user number that stands for the local administrator.
const LOCAL_ADMINISTRATOR: UserId = UserId(0);

/// Marks a request that came over the local control socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ControlSocket;

/// Somebody signed in to the console in a browser. Pages take nothing else: no token, no socket.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) caller: Caller,
    pub(crate) session: SessionId,
    /// What this session's forms carry.
    pub(crate) csrf: String,
}

impl SignedIn {
    pub(crate) fn may(&self, permission: Permission) -> bool {
        may(&self.caller.principal, permission)
    }
}

/// Somebody who may call the API: by cookie, by token or by the control socket.
#[derive(Debug, Clone)]
pub(crate) struct Authenticated(pub(crate) Caller);

/// The peer's address.
pub(crate) fn address(parts: &Parts) -> Option<std::net::IpAddr> {
    parts
        .extensions
        .get::<SocketAddr>()
        .map(|peer| peer.ip().to_canonical())
}

/// The browser, as it names itself.
pub(crate) fn agent(parts: &Parts) -> String {
    let value = parts
        .headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or_default().chars().take(200).collect()
}

/// The bearer token of a request, if it carries one.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

fn cookie(parts: &Parts) -> Option<&str> {
    cookie_named(parts, COOKIE)
}

/// The value of a cookie of ours.
pub(crate) fn cookie_named<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let headers = parts.headers.get_all(header::COOKIE).iter();
    headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, secret)| secret)
}

/// The cookie that carries a new session.
pub(crate) fn set_cookie(secret: &SessionSecret) -> HeaderValue {
    let text = format!(
        "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict",
        secret.0
    );
    HeaderValue::from_str(&text).expect("a session secret is base64url")
}

/// The cookie that ends one.
pub(crate) fn clear_cookie() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-redkeep-console=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    )
}

/// The one place where a request becomes a [`Caller`].
async fn identify(parts: &Parts, app: &App) -> Result<Option<Caller>, Problem> {
    if parts.extensions.get::<ControlSocket>().is_some() {
        return Ok(Some(Caller {
            principal: local_administrator(),
            address: None,
        }));
    }
    let principal = if parts.headers.contains_key(header::AUTHORIZATION) {
        // A request that brings a token acts by it alone: never by a cookie beside it.
        match bearer(&parts.headers) {
            Some(secret) => app.store.token_principal(secret).await?,
            None => None,
        }
    } else {
        match cookie(parts) {
            Some(secret) => {
                app.store
                    .session_principal(secret, SessionKind::Console)
                    .await?
            }
            None => None,
        }
    };
    let Some(principal) = principal else {
        return Ok(None);
    };
    let caller = Caller {
        principal,
        address: address(parts),
    };
    // Whoever may use a gate signs in here, also where the console itself is for others: from where
    // has been looked at already.
    if parts.uri.path().starts_with("/sign-") {
        return Ok(Some(caller));
    }
    let kept = app.store.access_rules().await?;
    rules::check(&kept.rules, caller.address, Some(&caller.principal))?;
    Ok(Some(caller))
}

fn local_administrator() -> Principal {
    Principal {
        user: LOCAL_ADMINISTRATOR,
        name: "local-administrator".parse().expect("a valid user name"),
        role: Role::Administrator,
        via: Via::ControlSocket,
    }
}

/// Who is signed in to the console on this request, if anybody.
pub(crate) async fn signed_in(parts: &Parts, app: &App) -> Result<Option<SignedIn>, Problem> {
    let Some(caller) = identify(parts, app).await? else {
        return Ok(None);
    };
    let Via::ConsoleSession { session } = caller.principal.via else {
        return Ok(None);
    };
    let csrf = csrf::mask(app, session)?;
    Ok(Some(SignedIn {
        caller,
        session,
        csrf,
    }))
}

/// Where somebody may go whose role signs in with a passkey, and who has none yet. Nothing else under
/// `/account`: a token made there would go round it.
fn leads_to_a_passkey(path: &str) -> bool {
    path == "/sign-out" || path == "/account/passkeys" || path.starts_with("/account/passkeys/")
}

/// Whether this person's role signs in with a passkey here, and they have none yet.
pub(crate) async fn lacks_passkey(app: &App, principal: &Principal) -> Result<bool, Problem> {
    let is_session = matches!(principal.via, Via::ConsoleSession { .. });
    if !is_session || !app.passkey_required.iter().any(|it| it.is(&principal.role)) {
        return Ok(false);
    }
    let user = app.store.user(principal.user).await?;
    // Who signs in by a provider has their second factor there.
    Ok(user.passkeys == 0 && user.provider.is_none())
}

/// Where somebody may go who has to choose another password first.
fn leads_to_a_password(path: &str) -> bool {
    matches!(path, "/account" | "/account/password" | "/sign-out")
}

/// Whether this person brought a password along that is too weak, and has not chosen another yet.
pub(crate) async fn needs_password(app: &App, principal: &Principal) -> Result<bool, Problem> {
    let is_session = matches!(principal.via, Via::ConsoleSession { .. });
    Ok(is_session && app.store.user(principal.user).await?.must_change_password)
}

impl<S> FromRequestParts<S> for SignedIn
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let app = Arc::<crate::Inner>::from_ref(state);
        if let Some(signed_in) = signed_in(parts, &app).await? {
            let is_open = leads_to_a_passkey(parts.uri.path());
            if !is_open && lacks_passkey(&app, &signed_in.caller.principal).await? {
                return Err(PageError::NeedsPasskey);
            }
            let is_open = leads_to_a_password(parts.uri.path());
            if !is_open && needs_password(&app, &signed_in.caller.principal).await? {
                return Err(PageError::NeedsPassword);
            }
            return Ok(signed_in);
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        // A form cannot be sent again: from there the way leads to the overview.
        let next = if parts.method == http::Method::GET {
            path
        } else {
            "/"
        };
        Err(PageError::SignIn {
            next: next.to_owned(),
        })
    }
}

impl<S> FromRequestParts<S> for Authenticated
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<crate::Inner>::from_ref(state);
        match identify(parts, &app).await? {
            Some(caller) if lacks_passkey(&app, &caller.principal).await? => {
                let why = "your role signs in with a passkey here, and you have none yet; add one \
                           on the console under Account";
                let status = http::StatusCode::FORBIDDEN;
                Err(ApiError(Problem::new(status, "passkey-required", why)))
            }
            Some(caller) if needs_password(&app, &caller.principal).await? => {
                let why = "your password was brought along and is too weak; choose another on the \
                           console under Account";
                let status = http::StatusCode::FORBIDDEN;
                Err(ApiError(Problem::new(status, "password-required", why)))
            }
            Some(caller) => Ok(Self(caller)),
            None => Err(ApiError(Problem::unauthenticated())),
        }
    }
}
