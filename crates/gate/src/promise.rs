//! What browsers are told about HTTPS (`Strict-Transport-Security`, RFC 6797), by every answer of a
//! door, for the names that the trusted certificate is for.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderValue, Uri, header};

/// What is said now, shared by all doors.
#[derive(Debug, Default)]
pub struct Promise(ArcSwapOption<Said>);

#[derive(Debug)]
struct Said {
    names: Vec<String>,
    value: HeaderValue,
}

impl Promise {
    /// From now on browsers are told to come by HTTPS alone for so many seconds, on these names
    /// (lower case; `*.x` for a wildcard); none: they are told nothing.
    pub fn say(&self, names: &[String], seconds: Option<u64>) {
        // No subdomains: what else lives there is not ours to promise for.
        let value = seconds.and_then(|it| HeaderValue::try_from(format!("max-age={it}")).ok());
        let said = value.map(|value| {
            let names = names.to_vec();
            Arc::new(Said { names, value })
        });
        self.0.store(said);
    }

    /// What a request for this target and with these headers is told.
    pub(crate) fn value(&self, uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
        let said = self.0.load_full()?;
        let host = match uri.host() {
            Some(host) => host,
            None => headers.get(header::HOST)?.to_str().ok()?,
        };
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let host = host.to_ascii_lowercase();
        // RFC 6797, 8.1.1: addresses are no hosts this can be said for.
        let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
        let mut names = said.names.iter();
        let is_ours = !is_address && names.any(|name| crate::issued::covers(name, &host));
        is_ours.then(|| said.value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_the_certificate_is_told_and_never_an_address() {
        let promise = Promise::default();
        let told = |promise: &Promise, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            let value = promise.value(&Uri::from_static("/"), &headers);
            value.map(|it| it.to_str().unwrap().to_owned())
        };
        assert_eq!(told(&promise, "plant.example"), None);
        let names = ["plant.example", "*.plant.example", "10.0.0.5", "::1"].map(str::to_owned);
        promise.say(&names, Some(86_400));
        for host in ["plant.example", "Plant.Example:8443", "keep.plant.example"] {
            assert_eq!(
                told(&promise, host).as_deref(),
                Some("max-age=86400"),
                "{host}"
            );
        }
        for host in [
            "other.example",
            "10.0.0.5",
            "10.0.0.5:8443",
            "[::1]:8443",
            "a.b.plant.example",
        ] {
            assert_eq!(told(&promise, host), None, "{host}");
        }
        let uri = Uri::from_static("https://plant.example:8443/");
        assert!(promise.value(&uri, &HeaderMap::new()).is_some(), "HTTP/2");
        promise.say(&names, Some(0));
        assert_eq!(
            told(&promise, "plant.example").as_deref(),
            Some("max-age=0")
        );
        promise.say(&names, None);
        assert_eq!(told(&promise, "plant.example"), None);
    }
}
