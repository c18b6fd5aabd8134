//! The first look: is this one request, for us, that can be read in one way only?

use http::{Method, Request, Uri, Version, header};

use super::{ConfigError, Denial};
use crate::{listen::Peer, route::Target};

/// The host (and port) of an origin, as browsers send it.
pub(super) fn host_of(origin: &str) -> Result<String, ConfigError> {
    let wrong = || ConfigError {
        origin: origin.to_owned(),
    };
    let host = origin.strip_prefix("https://").ok_or_else(wrong)?;
    let uri: Uri = origin.parse().map_err(|_| wrong())?;
    let is_plain = uri
        .authority()
        .is_some_and(|authority| authority.as_str() == host);
    let is_lower = !host
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || byte == b'@');
    if is_plain && is_lower {
        Ok(host.to_owned())
    } else {
        Err(wrong())
    }
}

/// Reads a request's target, and whether it asks for a WebSocket.
pub(super) fn check<B>(
    request: &Request<B>,
    peer: &Peer,
    host: &str,
    hosts: &[String],
) -> Result<(Target, bool), Denial> {
    let malformed = |why: &str| Denial::Malformed(why.to_owned());
    if peer.is_ambiguous() {
        return Err(malformed("the request's length can be read in two ways"));
    }
    check_host(request, host, hosts)?;
    let is_upgrade = upgrade(request)?;
    let target =
        Target::parse(request.uri()).map_err(|error| Denial::Malformed(error.to_string()))?;
    // Node-RED would take a token from the address too, where logs and histories keep it.
    if target.has_parameter("access_token") {
        return Err(malformed(
            "an access token belongs in the Authorization header",
        ));
    }
    if request
        .headers()
        .get_all(header::AUTHORIZATION)
        .iter()
        .count()
        > 1
    {
        return Err(malformed("there are two Authorization headers"));
    }
    Ok((target, is_upgrade))
}

/// Every name the request gives for its host must be ours: else a foreign name that resolves to us
/// (DNS rebinding) reaches the gate as its own origin.
fn check_host<B>(request: &Request<B>, host: &str, hosts: &[String]) -> Result<(), Denial> {
    let is_ours = |name: &str| {
        let plain = |host: &str| {
            host.strip_suffix(":443")
                .unwrap_or(host)
                .to_ascii_lowercase()
        };
        let name = plain(name);
        plain(host) == name || hosts.iter().any(|host| plain(host) == name)
    };
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let mut named = request.headers().get_all(header::HOST).iter();
    let (first, second) = (named.next(), named.next());
    let first = first.map(|value| value.to_str().unwrap_or("?"));
    let agrees = match (authority, first) {
        (Some(authority), Some(first)) => authority.eq_ignore_ascii_case(first),
        (None, None) => false,
        _ => true,
    };
    let is_https = request
        .uri()
        .scheme_str()
        .is_none_or(|scheme| scheme == "https");
    let all_ours = authority.is_none_or(is_ours) && first.is_none_or(is_ours);
    if second.is_none() && agrees && is_https && all_ours {
        Ok(())
    } else {
        Err(Denial::Misdirected)
    }
}

/// Whether the request asks for a WebSocket (RFC 6455, RFC 8441). Other upgrades and tunnels are
/// refused.
fn upgrade<B>(request: &Request<B>) -> Result<bool, Denial> {
    let malformed = |why: &str| Err(Denial::Malformed(why.to_owned()));
    match *request.method() {
        Method::CONNECT => {
            let protocol = request.extensions().get::<hyper::ext::Protocol>();
            return match protocol.map(hyper::ext::Protocol::as_str) {
                Some("websocket") => Ok(true),
                _ => malformed("the gate is no tunnel"),
            };
        }
        Method::TRACE => return malformed("TRACE is not answered here"),
        _ => {}
    }
    let headers = request.headers();
    let has_token = |name: header::HeaderName, token: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(token))
    };
    let is_asked =
        headers.contains_key(header::UPGRADE) && has_token(header::CONNECTION, "upgrade");
    if !is_asked || request.version() != Version::HTTP_11 {
        return Ok(false);
    }
    let mut wanted = headers.get_all(header::UPGRADE).iter();
    let is_websocket = wanted
        .next()
        .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && wanted.next().is_none();
    if !is_websocket {
        // h2c offers are optional; the request goes on without.
        return Ok(false);
    }
    let has_version = headers
        .get("sec-websocket-version")
        .is_some_and(|v| v.as_bytes() == b"13");
    let key = headers
        .get("sec-websocket-key")
        .map(http::HeaderValue::as_bytes);
    let has_key = key
        .and_then(|key| data_encoding::BASE64.decode(key).ok())
        .is_some_and(|key| key.len() == 16);
    // A body behind the handshake would be the first frames of the tunnel to us, and a request to
    // who reads on.
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0");
    if *request.method() == Method::GET && has_version && has_key && !has_body {
        Ok(true)
    } else {
        malformed("the WebSocket handshake is not one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Body, empty};

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let mut builder = Request::builder().uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(empty()).unwrap()
    }

    fn look(request: &Request<Body>) -> Result<(Target, bool), Denial> {
        let peer = Peer::at(([127, 0, 0, 1], 1).into());
        check(
            request,
            &peer,
            "localhost:8443",
            &["127.0.0.1:8443".to_owned()],
        )
    }

    #[test]
    fn an_origin_is_checked() {
        assert_eq!(host_of("https://localhost:8443").unwrap(), "localhost:8443");
        for bad in [
            "http://localhost",
            "https://",
            "https://a/",
            "https://a/b",
            "https://u@a",
            "https://A",
        ] {
            assert!(host_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_our_own_names_are_answered() {
        assert!(look(&request("/", &[("host", "LOCALHOST:8443")])).is_ok());
        assert!(look(&request("/", &[("host", "127.0.0.1:8443")])).is_ok());
        assert!(look(&request("https://localhost:8443/", &[])).is_ok());
        for (uri, headers) in [
            ("/", vec![]),
            ("/", vec![("host", "evil.example")]),
            ("/", vec![("host", "localhost")]),
            (
                "/",
                vec![("host", "localhost:8443"), ("host", "localhost:8443")],
            ),
            ("https://evil.example/", vec![("host", "localhost:8443")]),
            ("https://localhost:8443/", vec![("host", "evil.example")]),
            ("http://localhost:8443/", vec![("host", "localhost:8443")]),
        ] {
            let result = look(&request(uri, &headers));
            assert!(
                matches!(result, Err(Denial::Misdirected)),
                "{uri} {headers:?}"
            );
        }
    }

    #[test]
    fn only_websockets_are_upgrades() {
        let host = ("host", "localhost:8443");
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let version = ("sec-websocket-version", "13");
        let (connection, upgrade) = (
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        );
        let asked = |headers: &[(&str, &str)]| look(&request("/comms", headers)).map(|(_, is)| is);
        assert!(asked(&[host, connection, upgrade, key, version]).unwrap());
        assert!(!asked(&[host, connection, ("upgrade", "h2c")]).unwrap());
        assert!(!asked(&[host, upgrade, key, version]).unwrap());
        let body = ("content-length", "1");
        assert!(asked(&[host, connection, upgrade, key, version, body]).is_err());
        assert!(asked(&[host, connection, upgrade, version]).is_err());
        assert!(asked(&[host, connection, upgrade, key]).is_err());
    }

    #[test]
    fn a_token_in_the_address_is_refused() {
        assert!(
            look(&request(
                "/flows?access_token=x",
                &[("host", "localhost:8443")]
            ))
            .is_err()
        );
    }
}
