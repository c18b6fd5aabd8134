//! Files of the editor: compressed on the way, kept by the browser.
//!
//! Only files that are the same for everybody: compressing an answer that mixes a secret with what
//! an attacker chose tells the secret by its length (BREACH).

use async_compression::{
    Level,
    tokio::bufread::{BrotliEncoder, GzipEncoder},
};
use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body as _, Frame};
use http_body_util::{BodyStream, StreamBody};
use tokio_util::io::{ReaderStream, StreamReader};

use crate::{
    body::{Body, boxed},
    gate::Visit,
};

/// Below this a file is sent as it is.
const WORTH_IT: u64 = 1024;
/// Brotli's quality: most of the gain at a fraction of the time.
const QUALITY: i32 = 4;

/// For a file whose address changes with its content.
pub(crate) const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// How an answer can be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

/// A file on its way to the browser.
pub(crate) fn asset(visit: &Visit, mut response: Response<Body>) -> Response<Body> {
    if response.status() == StatusCode::OK && is_versioned(visit.target.query()) {
        // The address changes with the content (`?v=<hash>`), so it need not be asked for again.
        let kept = HeaderValue::from_static(IMMUTABLE);
        response.headers_mut().insert(header::CACHE_CONTROL, kept);
    }
    text(visit, response)
}

/// A text that is the same for everybody, on its way to the browser.
pub(crate) fn text(visit: &Visit, response: Response<Body>) -> Response<Body> {
    let coding = accepted(visit.request.headers());
    let is_whole =
        response.status() == StatusCode::OK && *visit.request.method() == http::Method::GET;
    match coding {
        Some(coding) if is_whole && is_worth_it(&response) => compress(coding, response),
        _ => response,
    }
}

/// Whether the address carries Node-RED's `?v=<hash>`.
pub(crate) fn is_versioned(query: Option<&str>) -> bool {
    query
        .and_then(|query| query.strip_prefix("v="))
        .is_some_and(|version| {
            version.len() >= 8 && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// The best coding the client takes.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let offered = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let takes = |name: &str| {
        offered.split(',').any(|part| {
            let mut words = part.split(';');
            let is_it = words
                .next()
                .is_some_and(|word| word.trim().eq_ignore_ascii_case(name));
            is_it
                && !words.any(|word| matches!(word.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    if takes("br") {
        Some(Coding::Brotli)
    } else {
        takes("gzip").then_some(Coding::Gzip)
    }
}

/// Whether the answer is text, by what it says of itself.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    [
        "text/",
        "application/javascript",
        "application/json",
        "image/svg+xml",
    ]
    .iter()
    .any(|prefix| kind(headers).starts_with(prefix))
}

/// Whether the answer is a page, by what it says of itself.
pub(crate) fn is_html(headers: &HeaderMap) -> bool {
    kind(headers).starts_with("text/html")
}

fn kind(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn is_worth_it(response: &Response<Body>) -> bool {
    let headers = response.headers();
    let is_large = response
        .body()
        .size_hint()
        .exact()
        .is_none_or(|size| size >= WORTH_IT);
    is_text(headers) && is_large && !headers.contains_key(header::CONTENT_ENCODING)
}

fn compress(coding: Coding, response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let bytes = BodyStream::new(body)
        .map_err(std::io::Error::other)
        .try_filter_map(|frame| std::future::ready(Ok(frame.into_data().ok())));
    let reader = StreamReader::new(Box::pin(bytes));
    let body = match coding {
        Coding::Brotli => {
            let encoder = BrotliEncoder::with_quality(reader, Level::Precise(QUALITY));
            boxed(StreamBody::new(
                ReaderStream::with_capacity(encoder, 16 * 1024).map_ok(Frame::data),
            ))
        }
        Coding::Gzip => {
            let encoder = GzipEncoder::new(reader);
            boxed(StreamBody::new(
                ReaderStream::with_capacity(encoder, 16 * 1024).map_ok(Frame::data),
            ))
        }
    };
    let name = match coding {
        Coding::Brotli => "br",
        Coding::Gzip => "gzip",
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::ACCEPT_RANGES);
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    parts
        .headers
        .append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    // The same entity in another coding: a weak tag may stay the same, a strong one may not.
    let is_strong = parts
        .headers
        .get(header::ETAG)
        .is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"));
    if is_strong {
        parts.headers.remove(header::ETAG);
    }
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_takes_is_respected() {
        let of = |text: &'static str| {
            accepted(&HeaderMap::from_iter([(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(of("gzip, deflate, br, zstd"), Some(Coding::Brotli));
        assert_eq!(of("gzip;q=0.5"), Some(Coding::Gzip));
        assert_eq!(of("br;q=0, gzip;q=0"), None);
        assert_eq!(of("identity"), None);
    }

    #[test]
    fn only_a_version_in_the_address_makes_a_file_last() {
        assert!(is_versioned(Some("v=0a1b2c3d4e")));
        for not in [
            None,
            Some("v="),
            Some("v=1"),
            Some("x=0a1b2c3d"),
            Some("v=0a1b2c3d&x"),
        ] {
            assert!(!is_versioned(not), "{not:?}");
        }
    }
}
