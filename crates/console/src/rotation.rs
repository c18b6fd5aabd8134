//! A session's new secret on its way into the answer's cookie.
//!
//! Whoever handles a request has no answer yet when the session gets another secret; it is left here, and
//! laid on the answer whatever that is.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    extract::Request,
    http::{header, request::Parts},
    middleware::Next,
    response::Response,
};
use store::SessionSecret;

use crate::session::set_cookie;

/// Where the secret is left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renewed(Arc<Mutex<Option<SessionSecret>>>);

impl Renewed {
    /// That of a request.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Leaves a secret.
    pub(crate) fn leave(&self, secret: SessionSecret) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    fn take(&self) -> Option<SessionSecret> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Lays it on the answer.
pub(crate) async fn carry(mut request: Request, next: Next) -> Response {
    let renewed = Renewed::default();
    request.extensions_mut().insert(renewed.clone());
    let mut response = next.run(request).await;
    if let Some(secret) = renewed.take()
        && !response.headers().contains_key(header::SET_COOKIE)
    {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, set_cookie(&secret));
    }
    response
}
