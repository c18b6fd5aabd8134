//! What headers pass, in and out.

use std::{borrow::Cow, collections::HashSet};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Names of cookies that are ours, as lower-case prefixes.
const OURS: [&str; 4] = [
    "__host-redkeep",
    "__secure-redkeep",
    "__http-redkeep",
    "redkeep",
];

/// RFC 9110, 7.6.1, and those that never belong to the next hop.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Headers by which a client could say who it is, where it comes from or what it really wants.
const CLAIMS: [&str; 22] = [
    "forwarded",
    "via",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "x-original-url",
    "x-rewrite-url",
    // Method override: Express middleware of a node may honour it.
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    runtime::identity::HEADER,
];

/// What Node-RED must know of the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    /// The peer address.
    pub(crate) address: std::net::IpAddr,
    /// The host it asked for.
    pub(crate) host: &'a str,
}

/// The headers that go to Node-RED. `keep_authorization`: it is not ours and the path is an
/// endpoint's, which may have a login of its own.
pub(crate) fn upstream(
    from: &HeaderMap,
    client: &Client<'_>,
    keep_authorization: bool,
) -> HeaderMap {
    let named = named_by_connection(from);
    let mut to = HeaderMap::with_capacity(from.len() + 4);
    for (name, value) in from {
        // An underscore twin reads the same to whatever maps `-` to `_`.
        let plain = dashed(name);
        let plain = plain.as_ref();
        let dropped = HOP_BY_HOP.contains(&plain)
            || CLAIMS.contains(&plain)
            || plain.starts_with("x-gate-")
            || plain.starts_with("x-redkeep-")
            || named.contains(name)
            // Set anew from the body itself, or from what was checked.
            || matches!(plain, "content-length" | "host" | "cookie" | "expect")
            || (plain == "authorization" && !keep_authorization);
        if !dropped {
            to.append(name.clone(), value.clone());
        }
    }
    if let Some(cookies) = foreign_cookies(from) {
        to.insert(header::COOKIE, cookies);
    }
    let mut set = |name: &'static str, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            to.insert(name, value);
        }
    };
    set("host", client.host);
    set("x-forwarded-host", client.host);
    set("x-forwarded-proto", "https");
    set("x-forwarded-for", &client.address.to_string());
    to
}

/// The headers of Node-RED's answer that go to the client.
pub(crate) fn downstream(from: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(from);
    let mut to = HeaderMap::with_capacity(from.len() + 8);
    for (name, value) in from {
        let text = name.as_str();
        let dropped = HOP_BY_HOP.contains(&text)
            || named.contains(name)
            // RFC 9112, 6.3: beside a Transfer-Encoding it is not the length of what goes on.
            || (name == header::CONTENT_LENGTH && from.contains_key(header::TRANSFER_ENCODING))
            // No other origin reads anything through the gate, whatever Node-RED says.
            || text.starts_with("access-control-")
            || matches!(
                text,
                "server" | "x-powered-by" | "alt-svc" | "strict-transport-security"
                    | "clear-site-data" | "service-worker-allowed"
            )
            || (name == header::SET_COOKIE && sets_ours(value));
        if !dropped {
            to.append(name.clone(), value.clone());
        }
    }
    to
}

fn dashed(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    if name.contains('_') {
        Cow::Owned(name.replace('_', "-"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Names the Connection header makes hop-by-hop.
fn named_by_connection(headers: &HeaderMap) -> HashSet<HeaderName> {
    let values = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

fn is_ours(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    OURS.iter().any(|prefix| name.starts_with(prefix))
}

/// Every cookie but ours; none when nothing is left or the header is not text.
fn foreign_cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut kept = Vec::new();
    for value in headers.get_all(header::COOKIE) {
        // A value that is not text could hide one of ours.
        let Ok(text) = value.to_str() else { continue };
        for pair in text.split(';') {
            let name = pair.split('=').next().unwrap_or("");
            if !pair.trim().is_empty() && !is_ours(name) && !is_ours(pair) {
                kept.push(pair.trim());
            }
        }
    }
    if kept.is_empty() {
        None
    } else {
        HeaderValue::from_str(&kept.join("; ")).ok()
    }
}

/// Whether Node-RED tries to set one of our cookies, or one a browser could take for it.
fn sets_ours(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return true;
    };
    let pair = text.split(';').next().unwrap_or("");
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    // A nameless cookie `=__Host-redkeep-gate=x` is sent back looking like ours.
    is_ours(name) || (name.trim().is_empty() && is_ours(value))
}

/// The values of a cookie by its exact name.
pub(crate) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// Which policy a page gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The editor and everything that belongs to it.
    Editor,
    /// A page of the flows' own: a dashboard, an http-in node.
    Endpoint,
    /// A page of ours.
    Own,
}

/// Sets what protects the browser.
pub(crate) fn protect(headers: &mut HeaderMap, sort: Sort, host: &str) {
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "same-origin");
    match sort {
        Sort::Editor => {
            set("content-security-policy", &editor_policy(host));
            set("cross-origin-opener-policy", "same-origin");
            set("cross-origin-resource-policy", "same-origin");
            set("x-frame-options", "SAMEORIGIN");
        }
        // An approved endpoint's page decides for itself what it loads, but not who frames it.
        Sort::Endpoint => {
            headers.append(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(
                    "frame-ancestors 'self'; object-src 'none'; base-uri 'self'",
                ),
            );
        }
        Sort::Own => {
            set(
                "content-security-policy",
                "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                 form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            );
            set("cross-origin-opener-policy", "same-origin");
            set("cache-control", "no-store");
        }
    }
}

/// Node-RED's editor needs inline script and `eval`; nothing it loads or sends leaves its origin.
fn editor_policy(host: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; \
         style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
         connect-src 'self' wss://{host}; worker-src 'self' blob:; frame-src 'self'; \
         form-action 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn client() -> Client<'static> {
        Client {
            address: [192, 0, 2, 1].into(),
            host: "localhost:8443",
        }
    }

    #[test]
    fn nothing_a_client_claims_reaches_node_red() {
        let from = map(&[
            ("host", "evil.example"),
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("x-gate-identity", "forged"),
            ("x_gate_identity", "forged"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("x_forwarded_for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("x-http-method-override", "DELETE"),
            ("authorization", "Bearer rk_x"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("accept", "text/html"),
            (
                "cookie",
                "a=1; __Host-redkeep-gate=s; b=2; __host-REDKEEP-x=1; redkeep-y=2",
            ),
        ]);
        let to = upstream(&from, &client(), false);
        let mut names: Vec<_> = to.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "cookie",
                "host",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto"
            ]
        );
        assert_eq!(to["cookie"], "a=1; b=2");
        assert_eq!(to["host"], "localhost:8443");
        assert_eq!(to["x-forwarded-for"], "192.0.2.1");
    }

    #[test]
    fn a_foreign_login_passes_to_endpoints_only() {
        let from = map(&[("authorization", "Basic eDp5")]);
        assert!(upstream(&from, &client(), true).contains_key("authorization"));
        assert!(!upstream(&from, &client(), false).contains_key("authorization"));
    }

    #[test]
    fn answers_cannot_set_our_cookies_nor_open_the_origin() {
        let from = map(&[
            ("set-cookie", "__Host-redkeep-gate=x; Path=/; Secure"),
            ("set-cookie", " __HOST-Redkeep-console=x"),
            ("set-cookie", "=__Host-redkeep-gate=x"),
            ("set-cookie", "__Host-redkeep-gate"),
            ("set-cookie", "redkeep=1"),
            ("set-cookie", "session=1"),
            ("access-control-allow-origin", "*"),
            ("x-powered-by", "Express"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("etag", "x"),
        ]);
        let to = downstream(&from);
        assert_eq!(to.len(), 2, "{to:?}");
        assert_eq!(to["set-cookie"], "session=1");
        assert_eq!(to["etag"], "x");
    }

    #[test]
    fn the_editor_can_talk_to_its_own_origin_alone() {
        let mut headers = HeaderMap::new();
        protect(&mut headers, Sort::Editor, "localhost:8443");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("wss://localhost:8443"));
        assert!(
            !policy.contains("http:") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
    }
}
