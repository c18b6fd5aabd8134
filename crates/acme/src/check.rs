//! Whether a certificate may be put to use: a renewal must never replace a good one by a broken one.

use std::{net::IpAddr, sync::Arc, time::Duration};

use model::clock::Timestamp;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    sign::CertifiedKey,
};
use serde::Serialize;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use zeroize::Zeroizing;

/// The server's clock may be ahead of ours.
const SKEW_SECONDS: i64 = 3600;

/// What stands in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Its names and addresses, sorted.
    pub names: Vec<String>,
    /// Who issued it, for people.
    pub issuer: String,
    /// From when it is good.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl Facts {
    /// When a third of its life is left.
    pub fn third_left(&self) -> Timestamp {
        let life = self.not_after.seconds_since(self.not_before);
        self.not_after.plus_seconds(-life / 3)
    }

    /// How much of its life is left; at most 1, negative when it is over.
    pub fn left(&self, now: Timestamp) -> f64 {
        let life = self.not_after.seconds_since(self.not_before).max(1);
        #[expect(clippy::cast_precision_loss, reason = "a share of a life, not a time")]
        let left = self.not_after.seconds_since(now) as f64 / life as f64;
        left.min(1.0)
    }
}

/// A certificate that passed every check, with its key.
#[derive(Clone)]
pub struct Certificate {
    /// What stands in it.
    pub facts: Facts,
    /// For TLS.
    pub certified: Arc<CertifiedKey>,
    /// The chain, leaf first, then the key: as it is kept.
    pub(crate) pem: Arc<Zeroizing<String>>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// Checks a chain with its key (PEM) against what is wanted of it now.
    ///
    /// Errors: what is wrong, for people.
    pub(crate) fn new(pem: &str, wanted: &[String], now: Timestamp) -> Result<Self, String> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("its chain cannot be read: {error}"))?;
        let leaf = chain.first().ok_or("there is no certificate in it")?;
        let facts = facts(leaf)?;
        if now.plus_seconds(SKEW_SECONDS) < facts.not_before {
            return Err(format!("it is good from {} only", facts.not_before));
        }
        if facts.not_after <= now {
            return Err(format!("it was good until {} only", facts.not_after));
        }
        if let Some(missing) = wanted.iter().find(|name| !facts.names.contains(name)) {
            return Err(format!("it is not for {missing}"));
        }
        holds_together(&chain, &facts, now)?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| format!("its key cannot be read: {error}"))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider)
            .map_err(|error| format!("it does not belong to our key: {error}"))?;
        Ok(Self {
            facts,
            certified: Arc::new(certified),
            pem: Arc::new(Zeroizing::new(pem.to_owned())),
        })
    }

    /// The leaf.
    pub(crate) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.certified.cert.first()
    }
}

/// Each certificate is signed by the next, and the leaf is for servers. Whether its last issuer is
/// trusted is the visitors' to say.
fn holds_together(
    chain: &[CertificateDer<'static>],
    facts: &Facts,
    now: Timestamp,
) -> Result<(), String> {
    let [leaf, between @ .., last] = chain else {
        // An authority whose root signs leaves itself sends the leaf alone.
        return Ok(());
    };
    let broken = |error: rustls::Error| format!("its chain does not hold together: {error}");
    let mut roots = RootCertStore::empty();
    roots.add(last.clone()).map_err(broken)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| error.to_string())?;
    let seconds = now.unix_seconds().max(facts.not_before.unix_seconds());
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap_or(0)));
    let any = facts.names.first().ok_or("it is for no name")?;
    // A wildcard is asked for by a name it covers.
    let any = any
        .strip_prefix("*.")
        .map_or_else(|| any.clone(), |base| format!("any.{base}"));
    let name = ServerName::try_from(any).map_err(|error| error.to_string())?;
    verifier
        .verify_server_cert(leaf, between, &name, &[], at)
        .map(|_| ())
        .map_err(broken)
}

/// What stands in a certificate.
///
/// Errors: it cannot be read.
pub fn facts(leaf: &[u8]) -> Result<Facts, String> {
    let (_, leaf) =
        X509Certificate::from_der(leaf).map_err(|error| format!("it cannot be read: {error}"))?;
    let names = leaf
        .subject_alternative_name()
        .map_err(|error| format!("its names cannot be read: {error}"))?;
    let names = names.map_or(&[][..], |it| &it.value.general_names);
    let mut names: Vec<String> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|it| it.to_string()),
            _ => None,
        })
        .collect();
    names.sort();
    names.dedup();
    let words = |name: &x509_parser::x509::X509Name<'_>| {
        let common = name.iter_common_name().next();
        let organization = name.iter_organization().next();
        let mut parts = [organization, common].into_iter().flatten();
        let text: Vec<&str> = parts.by_ref().filter_map(|it| it.as_str().ok()).collect();
        crate::failure::said(&text.join(" "))
    };
    let validity = leaf.validity();
    let at = |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
    Ok(Facts {
        names,
        issuer: words(leaf.issuer()),
        not_before: at(validity.not_before),
        not_after: at(validity.not_after),
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or(sixteen).ok()
}

#[cfg(test)]
mod tests;
