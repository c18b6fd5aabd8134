//! What every answer carries: no framing, nothing kept, nothing told elsewhere, and no script but
//! on the few pages that ask for a passkey, which run one file of ours.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// The content security policy of every answer. No `script-src`: no script runs at all.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The same for a page that asks for a passkey: files of our own origin run, and nothing inline.
const WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Marks an answer as one of these pages. A review page never is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunsScript;

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not "no-referrer": with it a browser sends `Origin: null` with a form, and no form would pass.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Sets them on every answer, errors included.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = match response.extensions().get::<RunsScript>() {
        Some(RunsScript) => WITH_SCRIPT,
        None => POLICY,
    };
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kept = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(kept);
    response
}
