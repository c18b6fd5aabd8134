//! What a certificate authority gives and wants to see: its certificate beside our own, and the
//! proofs its validators look for at the doors.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use arc_swap::ArcSwapOption;
use rustls::{
    pki_types::CertificateDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// The protocol validators speak (RFC 8737, 6.2). Nothing is served over it.
pub(crate) const VALIDATION: &[u8] = b"acme-tls/1";
/// Where validators look for a file (RFC 8555, 8.3).
const FILES: &str = "/.well-known/acme-challenge/";
/// Where clients find the revocation list of our own authority, over plain HTTP: it is signed, and
/// a certificate that must be checked cannot be what secures the check (RFC 5280, 8).
pub const LIST: &str = "/.redkeep/authority.crl";
/// Proofs shown at a time: one a name, and a certificate has a hundred names at most.
const PROOFS_MAX: usize = 256;

/// The authority's certificate and the proofs, shared by all doors. Changing them touches no open
/// connection.
#[derive(Debug, Default)]
pub struct Issued {
    certificate: ArcSwapOption<Named>,
    files: RwLock<HashMap<String, String>>,
    proofs: RwLock<HashMap<String, Arc<CertifiedKey>>>,
    list: ArcSwapOption<Vec<u8>>,
}

#[derive(Debug)]
struct Named {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

impl Issued {
    /// From now on this certificate for these names (lower case; `*.x` for a wildcard); none: our own
    /// for all.
    pub fn replace(&self, certificate: Option<(Vec<String>, Arc<CertifiedKey>)>) {
        let named = certificate.map(|(names, key)| Arc::new(Named { names, key }));
        self.certificate.store(named);
    }

    /// From now on this answer of its authority (OCSP, DER) is shown with the certificate of this
    /// leaf, if that is in use; none: nothing is.
    pub fn staple(&self, leaf: &CertificateDer<'_>, answer: Option<Vec<u8>>) {
        let Some(named) = self.certificate.load_full() else {
            return;
        };
        if named.key.cert.first() == Some(leaf) {
            let mut key = CertifiedKey::clone(&named.key);
            key.ocsp = answer;
            let names = named.names.clone();
            self.replace(Some((names, Arc::new(key))));
        }
    }

    /// Answers `GET /.well-known/acme-challenge/<token>` over plain HTTP with `answer`.
    pub fn show_file(&self, token: &str, answer: &str) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        if files.len() < PROOFS_MAX {
            files.insert(token.to_owned(), answer.to_owned());
        }
    }

    /// No more.
    pub fn hide_file(&self, token: &str) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.remove(token);
    }

    /// Shows `proof` to whoever asks for `server_name` by the validators' protocol.
    pub fn show_proof(&self, server_name: &str, proof: Arc<CertifiedKey>) {
        let mut proofs = self.proofs.write().unwrap_or_else(PoisonError::into_inner);
        if proofs.len() < PROOFS_MAX {
            proofs.insert(server_name.to_ascii_lowercase(), proof);
        }
    }

    /// No more.
    pub fn hide_proof(&self, server_name: &str) {
        let mut proofs = self.proofs.write().unwrap_or_else(PoisonError::into_inner);
        proofs.remove(&server_name.to_ascii_lowercase());
    }

    /// From now on this is the revocation list of our own authority (DER); none: there is none.
    pub fn show_list(&self, list: Option<Vec<u8>>) {
        self.list.store(list.map(Arc::new));
    }

    /// What a plain request for this target is answered, if it asks for the list.
    pub(crate) fn list(&self, target: &str) -> Option<Arc<Vec<u8>>> {
        if target == LIST {
            self.list.load_full()
        } else {
            None
        }
    }

    /// What a plain request for this target is answered, if it is a validator's.
    pub(crate) fn file(&self, target: &str) -> Option<String> {
        let token = target.strip_prefix(FILES)?;
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.get(token).cloned()
    }

    fn proof(&self, server_name: &str) -> Option<Arc<CertifiedKey>> {
        let proofs = self.proofs.read().unwrap_or_else(PoisonError::into_inner);
        proofs.get(&server_name.to_ascii_lowercase()).cloned()
    }

    fn for_name(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let named = self.certificate.load_full()?;
        let covers = match server_name.map(str::to_ascii_lowercase) {
            Some(wanted) => named.names.iter().any(|name| covers(name, &wanted)),
            // Clients name no address in their handshake (RFC 6066, 3).
            None => named.names.iter().any(|name| is_address(name)),
        };
        covers.then(|| named.key.clone())
    }
}

pub(crate) fn covers(name: &str, wanted: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(base) => wanted
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == base),
        None => name == wanted,
    }
}

fn is_address(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok()
}

/// Which certificate a handshake gets: a proof, the authority's, else our own.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) own: Arc<dyn ResolvesServerCert>,
    pub(crate) issued: Arc<Issued>,
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Validators offer this protocol and no other; nobody else gets a proof, and they get
        // nothing else.
        let mut protocols = hello.alpn().into_iter().flatten();
        if protocols.next() == Some(VALIDATION) && protocols.next().is_none() {
            return self.issued.proof(hello.server_name()?);
        }
        let issued = self.issued.for_name(hello.server_name());
        issued.or_else(|| self.own.resolve(hello))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label_and_no_more() {
        for (name, wanted, is_covered) in [
            ("*.plant.example", "keep.plant.example", true),
            ("*.plant.example", "plant.example", false),
            ("*.plant.example", "a.keep.plant.example", false),
            ("*.plant.example", ".plant.example", false),
            ("plant.example", "plant.example", true),
            ("plant.example", "xplant.example", false),
        ] {
            assert_eq!(covers(name, wanted), is_covered, "{name} {wanted}");
        }
    }

    #[test]
    fn only_a_shown_token_is_answered() {
        let issued = Issued::default();
        issued.show_file("abc", "abc.def");
        let file = |target: &str| issued.file(target);
        assert_eq!(
            file("/.well-known/acme-challenge/abc").as_deref(),
            Some("abc.def")
        );
        for other in [
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/abcd",
            "/.well-known/acme-challenge/../abc",
            "/abc",
        ] {
            assert_eq!(file(other), None, "{other}");
        }
        issued.hide_file("abc");
        assert_eq!(file("/.well-known/acme-challenge/abc"), None);
    }
}
