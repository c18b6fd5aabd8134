//! Addresses: origins compared, references resolved.

use std::fmt;

use http::Uri;

/// Scheme, host and port: what a token may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an absolute http(s) URL.
    pub(super) fn of(uri: &Uri) -> Result<Self, &'static str> {
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it is not an http(s) URL"),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or("it names no host")?;
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Self {
            https,
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// Whether it is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether a token may travel there: encrypted, or without leaving this machine.
    pub(super) fn keeps_secrets(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
        self.https || is_loopback || host == "localhost"
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// An absolute http(s) URL without user name and password: those would end up in logs and errors.
pub(super) fn parse(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
    Origin::of(&uri)?;
    let authority = uri.authority().ok_or("it names no host")?;
    if authority.as_str().contains('@') {
        return Err("it holds a user name or password, which belong into .npmrc");
    }
    Ok(uri)
}

/// `reference` as seen from `from` (RFC 3986, section 5.2, for what registries send: a URL, or an
/// absolute path with or without a host).
pub(super) fn resolve(from: &Uri, reference: &str) -> Result<Uri, &'static str> {
    let reference = reference.split('#').next().unwrap_or_default();
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().ok_or("it names no host")?;
    if reference.starts_with("//") {
        parse(&format!("{scheme}:{reference}"))
    } else if reference.starts_with('/') {
        parse(&format!("{scheme}://{authority}{reference}"))
    } else {
        parse(reference)
    }
}

/// `scheme://user:password@host` taken apart; user and password are percent-decoded.
pub(super) fn split_userinfo(url: &str) -> (Option<String>, String) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (None, url.to_owned());
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        None => (None, url.to_owned()),
        Some((userinfo, host)) => (
            Some(percent_decoded(userinfo)),
            format!("{scheme}://{host}{path}"),
        ),
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let decoded = tail
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|hex| data_encoding::HEXLOWER_PERMISSIVE.decode(hex).ok());
        if let Some([byte]) = decoded.as_deref() {
            bytes.push(*byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&parse(text).unwrap()).unwrap()
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        assert_eq!(
            origin("https://A.example/x"),
            origin("https://a.example:443/y")
        );
        for other in [
            "http://a.example",
            "https://a.example:8443",
            "https://b.example",
        ] {
            assert_ne!(origin("https://a.example"), origin(other));
        }
        assert_eq!(
            origin("http://a.example:8080/x").to_string(),
            "http://a.example:8080"
        );
    }

    #[test]
    fn a_token_travels_encrypted_or_not_at_all() {
        for safe in [
            "https://a.example",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(origin(safe).keeps_secrets(), "{safe}");
        }
        for open in [
            "http://a.example",
            "http://10.0.0.1",
            "http://127.0.0.1.example",
        ] {
            assert!(!origin(open).keeps_secrets(), "{open}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_used_are_told() {
        for bad in [
            "",
            "/",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://u:p@a.example/",
        ] {
            assert!(parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn references_are_resolved() {
        let from = parse("https://a.example:1/x/y").unwrap();
        for (reference, wanted) in [
            ("/z?q", "https://a.example:1/z?q"),
            ("//b.example/z", "https://b.example/z"),
            ("http://c.example/z#f", "http://c.example/z"),
        ] {
            assert_eq!(resolve(&from, reference).unwrap().to_string(), wanted);
        }
        assert!(resolve(&from, "z").is_err());
        assert!(resolve(&from, "https://user@a.example:1/").is_err());
    }

    #[test]
    fn a_proxys_password_is_taken_out_of_its_address() {
        assert_eq!(
            split_userinfo("http://me:p%40ss@proxy.example:3128/"),
            (
                Some("me:p@ss".to_owned()),
                "http://proxy.example:3128/".to_owned()
            )
        );
        assert_eq!(
            split_userinfo("http://proxy:1/@"),
            (None, "http://proxy:1/@".to_owned())
        );
    }
}
