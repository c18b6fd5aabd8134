//! The certificate that is presented: a leaf of our own authority, which is renewed by itself, or
//! the operator's own files.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{clock::Timestamp, id::Hash};
use rustls::{
    SignatureAlgorithm, SignatureScheme,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::{CertifiedKey, SigningKey},
};
use sandbox::folder::Folder;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    AuthorityState, Refusal,
    authority::{self, Authority},
};

/// Files of the folder `tls`, in the order in which they are handed over: the leaf last.
pub(crate) const FILES: [&str; 4] = ["authority.json", "ca.pem", "ca.pem.old", LEAF];
/// The file that holds the leaf, what is above it, and the leaf's key.
const LEAF: &str = "leaf.pem";
/// Bytes a file of the operator's may have.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Bytes one of our own may have.
const OWN_BYTES_MAX: usize = 256 << 10;

/// Where certificates come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Our own root and leaf, for these host names and addresses.
    Own {
        /// The names.
        names: Vec<String>,
        /// Where clients find the revocation list; none: our leafs name none.
        crl: Option<String>,
    },
    /// The operator's chain and key (PEM).
    Files {
        /// The chain, leaf first.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

impl Source {
    /// Our own, for these names in any case and order.
    pub fn own(names: &[String]) -> Self {
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        Self::Own { names, crl: None }
    }

    /// The same, with a revocation list at this address (`http://…`).
    #[must_use]
    pub fn listing_at(mut self, address: &str) -> Self {
        if let Self::Own { crl, .. } = &mut self {
            *crl = Some(address.to_owned());
        }
        self
    }
}

/// A certificate as everybody may know it. Its key stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Names it: the SHA-256 of the leaf.
    pub id: Hash,
    /// The chain, leaf first (DER).
    pub certificates: Vec<CertificateDer<'static>>,
    /// What its key signs with.
    pub algorithm: SignatureAlgorithm,
    /// The schemes, the best first.
    pub schemes: Vec<SignatureScheme>,
    /// Our root, when it is of our own making (PEM).
    pub root: Option<String>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A file holds no certificate or key, or they do not belong together.
    #[error("{}: {why}; give a PEM file with the whole chain, and its key", path.display())]
    Unusable { path: PathBuf, why: String },
    /// A name cannot stand in a certificate.
    #[error("{name:?} cannot stand in a certificate; give a host name or an address")]
    Name { name: String },
    /// The cryptography failed.
    #[error("no certificate could be made: {0}")]
    Made(String),
    /// The root's key was taken away.
    #[error(
        "the root's key is kept away from this machine: stop Redkeep, bring it back with `redkeep \
         ca import FILE`, and start it again"
    )]
    KeyAway,
    /// It is not done, with the reason.
    #[error("{0}")]
    Refused(String),
}

/// A certificate with its key.
#[derive(Debug)]
struct Held {
    chain: Chain,
    key: Arc<dyn SigningKey>,
}

/// The certificates, in the memory of whoever holds their keys: the present one, and the one before
/// it for handshakes that began with it.
#[derive(Debug)]
pub(crate) struct Certificates {
    source: Place,
    present: Held,
    before: Option<Held>,
}

#[derive(Debug)]
enum Place {
    Own(Box<Own>),
    Files,
}

/// Our own authority, and what its leaf is for.
#[derive(Debug)]
struct Own {
    folder: Folder,
    authority: Authority,
    names: Vec<String>,
    crl: Option<String>,
}

/// The operator's files, read while that is still allowed.
#[derive(Debug)]
pub(crate) struct Read {
    chain: (PathBuf, Vec<u8>),
    key: (PathBuf, Zeroizing<Vec<u8>>),
}

impl Read {
    /// Reads both files; refuses a key that everybody on the machine could read or change.
    pub(crate) fn from(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let (chain, secret) = (read(certificate)?, Zeroizing::new(read(key)?));
        refuse_if_anybody_may_read(key)?;
        Ok(Self {
            chain: (certificate.to_owned(), chain),
            key: (key.to_owned(), secret),
        })
    }
}

impl Certificates {
    /// Our own in `folder` (files 0600), for these host names and addresses. A root that was made
    /// for other names is replaced, and the old one kept as `ca.pem.old`: it must be imported anew.
    pub(crate) fn own(
        folder: Folder,
        names: Vec<String>,
        crl: Option<String>,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let authority = Authority::open(&folder, &names, now)?;
        let mut own = Own {
            folder,
            authority,
            names,
            crl,
        };
        let present = own.present(now)?;
        Ok(Self {
            source: Place::Own(Box::new(own)),
            present,
            before: None,
        })
    }

    /// The operator's.
    pub(crate) fn files(read: &Read) -> Result<Self, CertificateError> {
        let (chain, key) = (&read.chain, &read.key);
        let present = Held::from_pem((&chain.0, &chain.1), (&key.0, &key.1), None)?;
        Ok(Self {
            source: Place::Files,
            present,
            before: None,
        })
    }

    /// The present certificate; a leaf of our own is renewed first when a third of its life is left,
    /// or it was revoked, or what is above it is another.
    pub(crate) fn present(&mut self, now: Timestamp) -> Result<&Chain, CertificateError> {
        if let Place::Own(own) = &mut self.source {
            let fresh = own.present(now)?;
            if fresh.chain.id != self.present.chain.id {
                self.before = Some(std::mem::replace(&mut self.present, fresh));
            }
        }
        Ok(&self.present.chain)
    }

    /// How our own authority stands; none with the operator's files.
    pub(crate) fn authority(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<AuthorityState>, CertificateError> {
        let Place::Own(own) = &mut self.source else {
            return Ok(None);
        };
        own.authority.keep_good(&own.folder, now)?;
        own.authority.state(now).map(Some)
    }

    /// Makes a new root, good together with the old one for some days.
    pub(crate) fn rotate(&mut self, days: u16, now: Timestamp) -> Result<(), CertificateError> {
        let own = self.own_mut()?;
        own.authority.rotate(&own.folder, days, now)
    }

    /// Takes that back.
    pub(crate) fn cancel_rotation(&mut self, now: Timestamp) -> Result<(), CertificateError> {
        let own = self.own_mut()?;
        own.authority.cancel_rotation(&own.folder, now)
    }

    /// Puts a leaf on the revocation list.
    pub(crate) fn revoke(&mut self, serial: &[u8], now: Timestamp) -> Result<(), CertificateError> {
        let own = self.own_mut()?;
        own.authority.revoke(&own.folder, serial, now)
    }

    fn own_mut(&mut self) -> Result<&mut Own, CertificateError> {
        match &mut self.source {
            Place::Own(own) => Ok(own),
            Place::Files => Err(CertificateError::Refused(
                "the certificate comes from your own files ([tls]): whoever issued it revokes it"
                    .to_owned(),
            )),
        }
    }

    /// Signs a handshake with the key of the certificate `id`.
    pub(crate) fn sign(
        &self,
        id: Hash,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        crate::handshake::check(scheme, message)?;
        let mut all = std::iter::once(&self.present).chain(&self.before);
        let held = all.find(|held| held.chain.id == id);
        let held = held.ok_or(Refusal::UnknownCertificate)?;
        let signer = held.key.choose_scheme(&[scheme]).ok_or(Refusal::Scheme)?;
        signer.sign(message).map_err(|_| Refusal::Scheme)
    }
}

impl Own {
    /// The leaf there is, or a new one.
    fn present(&mut self, now: Timestamp) -> Result<Held, CertificateError> {
        self.authority.keep_good(&self.folder, now)?;
        let leaf = authority::Leaf {
            names: &self.names,
            crl: self.crl.as_deref(),
        };
        if !self.is_good(&leaf, now) {
            let text = self.authority.issue(&self.folder, &leaf, now)?;
            // One file: a leaf and a key that do not belong together cannot come to be.
            authority::write(&self.folder, LEAF, text.as_bytes())?;
        }
        let (path, text) = own_file(&self.folder, LEAF)?;
        let root = self.authority.root().to_owned();
        Held::from_pem((&path, &text), (&path, &text), Some(root))
    }

    fn is_good(&self, wanted: &authority::Leaf<'_>, now: Timestamp) -> bool {
        let check = || {
            let (_, text) = own_file(&self.folder, LEAF).ok()?;
            let leaf = authority::find_leaf(&text)?;
            let text = std::str::from_utf8(&text).ok()?;
            // The key follows: a chain that is longer or shorter is of another authority.
            let above = [&self.authority.chain(), "-----BEGIN PRIVATE KEY"].concat();
            let is_ours = text.contains(&above) && !self.authority.has_revoked(&leaf.serial);
            Some(is_ours && leaf.serves(wanted, now))
        };
        check().unwrap_or(false)
    }
}

impl Held {
    /// A chain and its key from PEM texts (which may be one).
    fn from_pem(
        chain: (&Path, &[u8]),
        key: (&Path, &[u8]),
        root: Option<String>,
    ) -> Result<Self, CertificateError> {
        let unusable = |path: &Path, why: String| CertificateError::Unusable {
            path: path.to_owned(),
            why,
        };
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain.1)
            .collect::<Result<_, _>>()
            .map_err(|error| unusable(chain.0, error.to_string()))?;
        let leaf = certificates.first();
        let leaf = leaf.ok_or_else(|| unusable(chain.0, "there is no certificate in it".into()))?;
        let id = Hash::of(leaf);
        let secret = PrivateKeyDer::from_pem_slice(key.1)
            .map_err(|error| unusable(key.0, error.to_string()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let pair = CertifiedKey::from_der(certificates, secret, &provider)
            .map_err(|error| unusable(key.0, error.to_string()))?;
        let schemes = SCHEMES.into_iter();
        let schemes = schemes.filter(|it| pair.key.choose_scheme(&[*it]).is_some());
        let chain = Chain {
            id,
            algorithm: pair.key.algorithm(),
            schemes: schemes.collect(),
            certificates: pair.cert.clone(),
            root,
        };
        Ok(Self {
            chain,
            key: pair.key,
        })
    }
}

/// What a key may sign with, the best first; each key has a few of them.
const SCHEMES: [SignatureScheme; 10] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// Refuses a key that everybody on the machine could read or change. Its group may: Debian keeps keys
/// for the group `ssl-cert`.
fn refuse_if_anybody_may_read(key: &Path) -> Result<(), CertificateError> {
    let found = fs::metadata(key).map_err(|source| CertificateError::File {
        path: key.to_owned(),
        source,
    })?;
    if found.permissions().mode() & 0o007 == 0 {
        return Ok(());
    }
    Err(CertificateError::Unusable {
        path: key.to_owned(),
        why: "everybody on this machine can read or change it; run `chmod o=` on it, and \
              have a new one issued: this one may be known"
            .to_owned(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |source| CertificateError::File {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(CertificateError::Unusable {
            path: path.to_owned(),
            why: format!("it is longer than {FILE_BYTES_MAX} bytes"),
        });
    }
    fs::read(path).map_err(failed)
}

/// One of our own files, with where it lies.
pub(crate) fn own_file(
    folder: &Folder,
    name: &str,
) -> Result<(PathBuf, Zeroizing<Vec<u8>>), CertificateError> {
    let path = folder.path_of(name);
    let mut text = Zeroizing::new(Vec::with_capacity(OWN_BYTES_MAX));
    match folder.read_into(name, &mut text) {
        Ok(()) => Ok((path, text)),
        Err(source) => Err(CertificateError::File { path, source }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
