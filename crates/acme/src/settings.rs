//! What is wanted: names, how they are proven, and from whom.

use std::{fmt, net::IpAddr, str::FromStr};

use instant_acme::Identifier;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Names in one certificate; what public authorities allow.
const NAMES_MAX: usize = 100;

/// A name a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// `plant.example`
    Host(String),
    /// `*.plant.example`, held without the `*.`
    Wildcard(String),
    /// `192.0.2.1` (RFC 8738)
    Address(IpAddr),
}

/// How control of a name is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A file over plain HTTP on port 80 (RFC 8555, 8.3).
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate over TLS on port 443 (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// A TXT record (RFC 8555, 8.4); the only one for wildcards.
    #[serde(rename = "dns-01")]
    Dns01,
}

/// An account at the authority outside ACME (RFC 8555, 7.3.4).
#[derive(Clone)]
pub struct ExternalAccount {
    /// Its key's name.
    pub key_id: String,
    /// The key's bytes, decoded.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// One certificate authority.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Its directory, an `https://` URL.
    pub directory: String,
    /// Whom to trust for the connection to it, in place of the system's roots.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// Where it wants one.
    pub external_account: Option<ExternalAccount>,
    /// The certificate profile asked for, such as `shortlived`.
    pub profile: Option<String>,
}

/// Everything that is wanted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the certificate is for.
    pub names: Vec<Name>,
    /// How that is shown.
    pub method: Method,
    /// Where the authority may write to, as `mailto:` URLs.
    pub contact: Vec<String>,
    /// In the order they are tried.
    pub authorities: Vec<Authority>,
}

/// What cannot work is said before anything is asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not a name.
    #[error("{0:?} is no host name, wildcard or address a certificate can be for")]
    Name(String),
    /// None or too many.
    #[error("a certificate is for 1 to {NAMES_MAX} names, not {0}")]
    Count(usize),
    /// RFC 8555, 7.1.3 and every authority's rules.
    #[error(
        "*.{0} can be proven by dns-01 only: set the challenge to dns-01 with a hook, or list the \
         names one by one"
    )]
    Wildcard(String),
    /// RFC 8738, 7.
    #[error("{0} is an address: it can be proven by http-01 or tls-alpn-01, not by dns-01")]
    Address(IpAddr),
    /// No authority, or one that is not reached over TLS.
    #[error("{0:?} is no directory of an ACME server: give its https:// URL")]
    Directory(String),
}

impl Settings {
    /// Whether this can work at all.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.names.is_empty() || self.names.len() > NAMES_MAX {
            return Err(SettingsError::Count(self.names.len()));
        }
        for name in &self.names {
            match name {
                Name::Wildcard(base) if self.method != Method::Dns01 => {
                    return Err(SettingsError::Wildcard(base.clone()));
                }
                Name::Address(address) if self.method == Method::Dns01 => {
                    return Err(SettingsError::Address(*address));
                }
                Name::Host(_) | Name::Wildcard(_) | Name::Address(_) => {}
            }
        }
        if self.authorities.is_empty() {
            return Err(SettingsError::Directory(String::new()));
        }
        for Authority { directory, .. } in &self.authorities {
            let uri: Option<http::Uri> = directory.parse().ok();
            let is_https = uri.is_some_and(|uri| {
                uri.scheme_str() == Some("https")
                    && uri.authority().is_some_and(|it| !it.as_str().contains('@'))
            });
            if !is_https {
                return Err(SettingsError::Directory(directory.clone()));
            }
        }
        Ok(())
    }

    /// The names as text, sorted, each once.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        texts.sort();
        texts.dedup();
        texts
    }
}

impl Authority {
    /// For people: the server's name.
    pub(crate) fn host(&self) -> String {
        let uri: Option<http::Uri> = self.directory.parse().ok();
        let host = uri.and_then(|uri| uri.authority().map(ToString::to_string));
        host.unwrap_or_else(|| self.directory.clone())
    }
}

impl Name {
    /// As it stands in an order.
    pub(crate) fn identifier(&self) -> Identifier {
        match self {
            Self::Host(host) => Identifier::Dns(host.clone()),
            Self::Wildcard(base) => Identifier::Dns(format!("*.{base}")),
            Self::Address(address) => Identifier::Ip(*address),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Wildcard(base) => write!(f, "*.{base}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl FromStr for Name {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let lower = text.to_ascii_lowercase();
        let (base, is_wildcard) = match lower.strip_prefix("*.") {
            Some(base) => (base, true),
            None => (lower.as_str(), false),
        };
        let is_label = |label: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(is_plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if base.len() > 253 || !base.split('.').all(is_label) {
            return Err(SettingsError::Name(text.to_owned()));
        }
        Ok(if is_wildcard {
            Self::Wildcard(base.to_owned())
        } else {
            Self::Host(base.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(names: &[&str], method: Method) -> Settings {
        Settings {
            names: names.iter().map(|name| name.parse().unwrap()).collect(),
            method,
            contact: Vec::new(),
            authorities: vec![Authority {
                directory: "https://ca.example/dir".to_owned(),
                roots: None,
                external_account: None,
                profile: None,
            }],
        }
    }

    #[test]
    fn what_no_server_could_prove_is_said_at_once() {
        let wildcard = |method| settings(&["plant.example", "*.plant.example"], method).check();
        for method in [Method::Http01, Method::TlsAlpn01] {
            let refused = wildcard(method).unwrap_err();
            assert_eq!(refused, SettingsError::Wildcard("plant.example".to_owned()));
            assert!(refused.to_string().contains("dns-01"), "{refused}");
        }
        assert_eq!(wildcard(Method::Dns01), Ok(()));
        let address = |method| settings(&["192.0.2.1"], method).check();
        assert!(matches!(
            address(Method::Dns01),
            Err(SettingsError::Address(_))
        ));
        assert_eq!(address(Method::TlsAlpn01), Ok(()));
        assert_eq!(
            settings(&[], Method::Http01).check(),
            Err(SettingsError::Count(0))
        );
    }

    #[test]
    fn a_directory_is_an_https_url_without_a_password() {
        for bad in [
            "http://ca.example/dir",
            "ca.example",
            "",
            "https://u:p@ca.example/dir",
        ] {
            let mut settings = settings(&["plant.example"], Method::Http01);
            settings.authorities[0].directory = bad.to_owned();
            assert!(
                matches!(settings.check(), Err(SettingsError::Directory(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn names_are_host_names_and_nothing_a_hook_could_trip_over() {
        for bad in [
            "",
            "*",
            "*.",
            "a b",
            "-x.example",
            "x-.example",
            "x..example",
            "*.*.example",
            "x.example;reboot",
            "../x",
            "x_y.example",
            "ümlaut.example",
            "--version",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        let name: Name = "*.Plant.Example".parse().unwrap();
        assert_eq!(name.to_string(), "*.plant.example");
        assert_eq!(
            "2001:db8::1".parse::<Name>().unwrap().to_string(),
            "2001:db8::1"
        );
    }
}
