//! What a server's validators must find, and who shows it to them.

use std::{fmt, future::Future, net::IpAddr, pin::Pin};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::{pki_types::PrivatePkcs8KeyDer, sign::CertifiedKey};
use serde::{Deserialize, Serialize};

use crate::settings::{Method, Name};

/// A future that crosses threads.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What must be found. Nothing of it is secret: it is made to be read by strangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Proof {
    /// `GET http://NAME/.well-known/acme-challenge/TOKEN` is answered `answer`.
    Http {
        /// The token.
        token: String,
        /// The answer's body.
        answer: String,
    },
    /// A handshake for `server_name` with the protocol `acme-tls/1` shows a certificate for `name`
    /// that holds `digest`: [`alpn_certificate`].
    Tls {
        /// The name that is proven, or the address.
        name: String,
        /// As it stands in the handshake (RFC 8738, 6 for addresses).
        server_name: String,
        /// SHA-256 of the key authorization.
        digest: [u8; 32],
    },
    /// The TXT record `record` has `value` among its values.
    Dns {
        /// The record's whole name, without a dot at its end.
        record: String,
        /// The value.
        value: String,
    },
}

/// Who shows proofs.
pub trait Show: Send + Sync + fmt::Debug {
    /// From when this returns until [`Show::remove`], validators find the proof. The same proof may
    /// be shown again, after a crash. The error is for people and says the way out.
    fn present<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>>;
    /// The proof is needed no more.
    fn remove<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>>;
}

impl Proof {
    /// The proof for `name`. None for a token that is none (RFC 8555, 8.1): a server does not choose
    /// what stands in our maps and headers.
    pub(crate) fn new(
        method: Method,
        name: &Name,
        token: &str,
        authorization: &str,
        digest: &[u8],
    ) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if token.is_empty() || token.len() > 256 || !token.bytes().all(is_plain) {
            return None;
        }
        Some(match method {
            Method::Http01 => Self::Http {
                token: token.to_owned(),
                answer: authorization.to_owned(),
            },
            Method::TlsAlpn01 => Self::Tls {
                name: name.to_string(),
                server_name: server_name(name),
                digest: digest.try_into().ok()?,
            },
            Method::Dns01 => {
                let (Name::Host(base) | Name::Wildcard(base)) = name else {
                    return None;
                };
                Self::Dns {
                    record: format!("_acme-challenge.{base}"),
                    value: data_encoding::BASE64URL_NOPAD.encode(digest),
                }
            }
        })
    }
}

/// What a validator names in its handshake; for an address its reverse name (RFC 8738, 6).
fn server_name(name: &Name) -> String {
    match name {
        Name::Host(host) | Name::Wildcard(host) => host.clone(),
        Name::Address(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Name::Address(IpAddr::V6(address)) => {
            let nibbles = address.octets().into_iter().rev();
            let text: Vec<String> = nibbles
                .map(|octet| format!("{:x}.{:x}", octet & 15, octet >> 4))
                .collect();
            format!("{}.ip6.arpa", text.join("."))
        }
    }
}

/// The certificate that shows a [`Proof::Tls`], with a throw-away key (RFC 8737, 3).
///
/// Errors: the cryptography failed.
pub fn alpn_certificate(name: &str, digest: &[u8; 32]) -> Result<CertifiedKey, String> {
    let made = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new([name.to_owned()]).map_err(made)?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let pair = KeyPair::generate().map_err(made)?;
    let certificate = params.self_signed(&pair).map_err(made)?;
    let key = PrivatePkcs8KeyDer::from(pair.serialize_der());
    // Not `CertifiedKey::from_der`: it reads the certificate, and the extension is critical so that
    // whoever does not know it refuses it.
    let key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&key.into())
        .map_err(|error| error.to_string())?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_by_its_reverse_name() {
        let of = |text: &str| server_name(&text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert_eq!(
            of("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
        assert_eq!(of("plant.example"), "plant.example");
    }

    #[test]
    fn a_token_that_is_none_is_not_taken() {
        let name = Name::Host("plant.example".to_owned());
        for bad in ["", "a/b", "..", "a b", "a\r\nX: y", &"a".repeat(300)] {
            for method in [Method::Http01, Method::TlsAlpn01, Method::Dns01] {
                let proof = Proof::new(method, &name, bad, "x.y", &[0; 32]);
                assert_eq!(proof, None, "{bad:?}");
            }
        }
        let wildcard = Name::Wildcard("plant.example".to_owned());
        let Some(Proof::Dns { record, value }) =
            Proof::new(Method::Dns01, &wildcard, "abc", "x.y", &[0; 32])
        else {
            panic!("a proof");
        };
        assert_eq!(record, "_acme-challenge.plant.example");
        assert_eq!(value.len(), 43);
    }
}
