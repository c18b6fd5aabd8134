//! Answers of the gate's own: as a page for a person, as JSON for a program.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::body::{Body, empty, full};

/// What a page of the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The status it is sent with.
    pub status: StatusCode,
    /// A few words.
    pub title: String,
    /// What happened and what to do; plain text.
    pub text: String,
    /// Ways on: label and address.
    pub links: Vec<(String, String)>,
}

/// Renders the gate's few pages. The console does; joined in the binary.
pub trait Pages: Send + Sync + std::fmt::Debug {
    /// A whole HTML page that needs nothing else (no script, no other file).
    fn message(&self, message: &Message) -> String;
}

/// Whether a person's browser asks for a page, rather than a script or a program for data.
pub(crate) fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let takes_html = text("accept").is_some_and(|accept| accept.contains("text/html"));
    let is_navigation = text("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
    *method == Method::GET && takes_html && is_navigation && text("x-requested-with").is_none()
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error as Node-RED's own API gives it. The editor shows it as HTML, so that `message` is
/// escaped.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    json(status, &json!({ "code": code, "message": escape(message) }))
}

/// A redirect by GET.
pub(crate) fn see_other(location: &str) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Text that means nothing to HTML, nor to the editor's i18next (`__name__`, `$t(`).
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '_' => escaped.push_str("&#95;"),
            '$' => escaped.push_str("&#36;"),
            '{' => escaped.push_str("&#123;"),
            '`' => escaped.push_str("&#96;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_is_markup() {
        let text = escape("<img src=x onerror='a()'> __user__ $t(x) \u{0}\n");
        for bad in ['<', '>', '\'', '"', '_', '$', '\n', '\u{0}'] {
            assert!(!text.contains(bad), "{bad:?} in {text}");
        }
    }

    #[test]
    fn a_script_is_not_sent_to_a_page() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
                .collect::<HeaderMap>()
        };
        assert!(wants_page(
            &Method::GET,
            &headers(&[("accept", "text/html,*/*")])
        ));
        assert!(!wants_page(
            &Method::GET,
            &headers(&[("accept", "text/html"), ("sec-fetch-mode", "cors")])
        ));
        assert!(!wants_page(
            &Method::POST,
            &headers(&[("accept", "text/html")])
        ));
        assert!(!wants_page(&Method::GET, &headers(&[("accept", "*/*")])));
    }
}
