//! Pages that are read again and again go compressed over slow lines.
//!
//! Compressed together, what an attacker gets reflected into a page and a secret in it can betray
//! the secret by the answer's length (BREACH). So only answers to `GET` on the pages named here are
//! compressed: none that shows a password, a code, a token or a key. The one secret they all hold,
//! their forms' token, is masked anew in each answer (`csrf::mask`).
//!
//! A review holds whatever its proposer chose beside the flows that run, which may hold secrets in
//! clear: whoever proposes reads those flows anyhow, and a comment is read by all who can write
//! one. Not so `/logs` and `/record`: any stranger puts text into them (a message to a flow, the
//! name of a failed sign-in) beside what they must not read (what a node printed, a password typed
//! as a name). Those two are never compressed.

use std::io::Write as _;

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, write::GzEncoder};

/// The beginnings of the paths whose pages are compressed; the overview is `/` alone.
const PLACES: [&str; 5] = [
    "/assets/",
    "/deployments",
    "/history",
    "/risks",
    "/api/v1/deployments/",
];
/// Shorter answers gain nothing: they fit into one packet.
const FROM_BYTES: usize = 1400;
/// No page is nearly as large; what is larger goes as it is.
const UP_TO_BYTES: usize = 16 << 20;

/// Up to this size compressing takes less than a millisecond; more holds up nobody else.
const INLINE_BYTES: usize = 32 << 10;

/// Compresses an answer where that is safe, wanted and of use.
pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let is_wanted = request.method() == Method::GET
        && is_safe(request.uri().path())
        && accepts_gzip(request.headers());
    let response = next.run(request).await;
    if !is_wanted || response.status() != StatusCode::OK || !is_text(response.headers()) {
        return response;
    }
    let size = response.body().size_hint().exact();
    let fits = |size: u64| {
        usize::try_from(size).is_ok_and(|size| (FROM_BYTES..=UP_TO_BYTES).contains(&size))
    };
    if !size.is_some_and(fits) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = to_bytes(body, UP_TO_BYTES).await else {
        tracing::error!("a page could not be read to its end");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let packed = if plain.len() < INLINE_BYTES {
        gzip(&plain)
    } else {
        let page = plain.clone();
        let packed = tokio::task::spawn_blocking(move || gzip(&page)).await;
        packed.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
    };
    let Ok(packed) = packed else {
        return Response::from_parts(parts, Body::from(plain));
    };
    let gzip = HeaderValue::from_static("gzip");
    parts.headers.insert(header::CONTENT_ENCODING, gzip);
    parts.headers.remove(header::CONTENT_LENGTH);
    let vary = HeaderValue::from_static("accept-encoding");
    parts.headers.append(header::VARY, vary);
    Response::from_parts(parts, Body::from(packed))
}

fn is_safe(path: &str) -> bool {
    path == "/" || PLACES.iter().any(|place| path.starts_with(place))
}

/// Pages, styles and pictures. JSON is read by programs on this machine or its network.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
    is_plain
        && ["text/html", "text/css", "image/svg+xml"]
            .iter()
            .any(|it| kind.starts_with(it))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut named = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    named.any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::new(5));
    encoder.write_all(plain)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_and_not_refused() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip, deflate, br") && accepts("br;q=1.0, GZIP;q=0.5"));
        assert!(!accepts("br") && !accepts("gzip;q=0") && !accepts("gzip; q=0.0, br"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn pages_with_secrets_are_not_named() {
        for path in [
            "/sign-in",
            "/enrol",
            "/account",
            "/access",
            "/settings",
            "/logs",
            "/record",
            "/api/v1/users",
        ] {
            assert!(!is_safe(path), "{path}");
        }
        assert!(is_safe("/deployments/7/steps/1") && is_safe("/"));
    }
}
