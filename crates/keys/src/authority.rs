//! Our own certificate authority: a root that devices import, an issuing certificate below it, and
//! leafs of some days.
//!
//! The root's key is needed once a year, when the issuing certificate is made anew, and when a root
//! takes another's place. It can be kept away from the machine (`away`) meanwhile. Root and issuing
//! certificate may vouch for the names of this installation and for no others.
//!
//! **Invariant:** everything but the leaf lies in one file that is written whole, so that no two
//! parts of it can come from different moments.

pub(crate) mod away;
mod make;
mod revoke;
mod rotate;

use model::clock::Timestamp;
use model::id::Hash;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sandbox::folder::Folder;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::certificate::{CertificateError, own_file};

pub(crate) use make::{Leaf, find_leaf, hex};
pub(crate) use revoke::SERIAL_BYTES_MAX;

/// The file that holds it.
const FILE: &str = "authority.json";
/// The root alone, for people and clients on this machine.
const ROOT: &str = "ca.pem";
pub(crate) const DAY: i64 = 24 * 3600;

/// How our own authority stands. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityState {
    /// The root that devices are to trust.
    pub root: RootState,
    /// Whether the root's key lies on this machine.
    pub is_root_key_here: bool,
    /// When the issuing certificate ends.
    pub issuing_until: Timestamp,
    /// The root before this one, while both are good.
    pub rotation: Option<RotationState>,
    /// The leafs that were issued and are good by their dates, the latest last.
    pub issued: Vec<IssuedState>,
    /// The revocation list (RFC 5280, 5; DER).
    #[serde(with = "der_as_text")]
    pub crl: Vec<u8>,
}

/// A root as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootState {
    /// The certificate.
    pub pem: String,
    /// SHA-256 of the certificate (DER): what is compared before it is trusted.
    pub fingerprint: Hash,
    /// When it was made.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
}

/// A root that is about to be retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationState {
    /// The root before. Devices that trust it alone must import the new one.
    pub old: RootState,
    /// By when.
    pub until: Timestamp,
}

/// A leaf that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedState {
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// When it ends.
    pub until: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// As PEM in JSON: a list of numbers would be four times as long.
mod der_as_text {
    use rustls::pki_types::CertificateRevocationListDer;
    use rustls::pki_types::pem::PemObject as _;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(der: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::make::pem("X509 CRL", der))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let der = CertificateRevocationListDer::from_pem_slice(text.as_bytes());
        der.map(|der| der.as_ref().to_vec())
            .map_err(|_| D::Error::custom("no revocation list"))
    }
}

/// A certificate of ours and its key.
#[derive(Serialize, Deserialize)]
struct Pair {
    pem: String,
    /// None: it was taken away.
    key: Option<Key>,
}

/// A private key (PKCS #8, PEM): wiped when dropped.
#[derive(Clone)]
struct Key(Zeroizing<String>);

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(from)?)))
    }
}

/// The root before, until the new one is on every device.
#[derive(Serialize, Deserialize)]
struct Rotation {
    old: Pair,
    /// The new root, vouched for by the old one.
    cross: String,
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// What root and issuing certificate may vouch for.
    names: Vec<String>,
    root: Pair,
    issuing: Pair,
    rotation: Option<Rotation>,
    issued: Vec<IssuedState>,
}

/// The authority, in the memory of whoever holds its keys.
pub(crate) struct Authority {
    kept: Kept,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(…)")
    }
}

impl Authority {
    /// Reads it; made anew when there is none that may vouch for all of `names`. Devices must import
    /// that one; the root before is kept as `ca.pem.old`.
    pub(crate) fn open(
        folder: &Folder,
        names: &[String],
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        if let Some(kept) = read(folder)? {
            let covers = names.iter().all(|name| kept.names.contains(name));
            if covers && make::validity(&kept.root.pem)?.1 > now {
                let mut authority = Self { kept };
                authority.keep_good(folder, now)?;
                return Ok(authority);
            }
        }
        if folder.has(ROOT) {
            crate::process::say(
                "the names have changed, or the root has ended: a new root certificate is made, \
                 import it anew",
            );
            let path = folder.path_of("ca.pem.old");
            let moved = folder.rename(ROOT, "ca.pem.old");
            moved.map_err(|source| CertificateError::File { path, source })?;
        }
        let root = make::root(names, now)?;
        let issuing = make::issuing(names, &root, now, make::ISSUING_SECONDS)?;
        let kept = Kept {
            names: names.to_vec(),
            root,
            issuing,
            rotation: None,
            issued: Vec::new(),
        };
        let authority = Self { kept };
        authority.save(folder)?;
        Ok(authority)
    }

    /// Ends what is over, and renews the issuing certificate when a third of its life is left.
    pub(crate) fn keep_good(
        &mut self,
        folder: &Folder,
        now: Timestamp,
    ) -> Result<(), CertificateError> {
        let mut has_changed = false;
        if self
            .kept
            .rotation
            .as_ref()
            .is_some_and(|it| it.until <= now)
        {
            // The old root's key goes with it: nothing can be made with it any more.
            self.kept.rotation = None;
            has_changed = true;
        }
        let (from, until) = make::validity(&self.kept.issuing.pem)?;
        let is_due = until.seconds_since(now) * 3 <= until.seconds_since(from);
        if is_due && self.kept.root.key.is_some() {
            let (names, root) = (&self.kept.names, &self.kept.root);
            self.kept.issuing = make::issuing(names, root, now, make::ISSUING_SECONDS)?;
            has_changed = true;
        }
        let before = self.kept.issued.len();
        self.kept.issued.retain(|leaf| leaf.until > now);
        if has_changed || before != self.kept.issued.len() {
            self.save(folder)?;
        }
        Ok(())
    }

    /// The root (PEM).
    pub(crate) fn root(&self) -> &str {
        &self.kept.root.pem
    }

    /// What follows a leaf on the wire: the issuing certificate, and while a rotation is under way
    /// the new root as the old one vouches for it.
    pub(crate) fn chain(&self) -> String {
        let cross = self.kept.rotation.as_ref().map(|it| it.cross.as_str());
        [&self.kept.issuing.pem, cross.unwrap_or_default()].concat()
    }

    /// A new leaf: chain and key in one text. Its number is kept before it exists.
    pub(crate) fn issue(
        &mut self,
        folder: &Folder,
        leaf: &Leaf<'_>,
        now: Timestamp,
    ) -> Result<Zeroizing<String>, CertificateError> {
        let serial = make::serial();
        let until = now.plus_seconds(make::LEAF_SECONDS);
        self.kept.issued.push(IssuedState {
            serial: hex(&serial),
            until,
            revoked: None,
        });
        let excess = self.kept.issued.len().saturating_sub(revoke::ISSUED_MAX);
        self.kept.issued.drain(..excess);
        self.save(folder)?;
        let (pem, key) = make::leaf(leaf, &self.kept.issuing, &serial, now)?;
        let all = [pem.as_str(), &self.chain(), &key].concat();
        Ok(Zeroizing::new(all))
    }

    /// Whether this leaf's number was revoked.
    pub(crate) fn has_revoked(&self, serial: &str) -> bool {
        let mut issued = self.kept.issued.iter();
        issued.any(|leaf| leaf.serial == serial && leaf.revoked.is_some())
    }

    /// How it stands.
    pub(crate) fn state(&self, now: Timestamp) -> Result<AuthorityState, CertificateError> {
        let rotation = self.kept.rotation.as_ref().map(|it| {
            Ok::<_, CertificateError>(RotationState {
                old: root_state(&it.old.pem)?,
                until: it.until,
            })
        });
        Ok(AuthorityState {
            root: root_state(&self.kept.root.pem)?,
            is_root_key_here: self.kept.root.key.is_some(),
            issuing_until: make::validity(&self.kept.issuing.pem)?.1,
            rotation: rotation.transpose()?,
            issued: self.kept.issued.clone(),
            crl: revoke::list(&self.kept.issuing, &self.kept.issued, now)?,
        })
    }

    fn save(&self, folder: &Folder) -> Result<(), CertificateError> {
        let text = serde_json::to_vec(&self.kept);
        let text = text.map_err(|error| CertificateError::Made(error.to_string()))?;
        write(folder, FILE, &Zeroizing::new(text))?;
        write(folder, ROOT, self.kept.root.pem.as_bytes())
    }
}

fn root_state(pem: &str) -> Result<RootState, CertificateError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes());
    let der = der.map_err(|error| CertificateError::Made(error.to_string()))?;
    let (from, until) = make::validity(pem)?;
    Ok(RootState {
        pem: pem.to_owned(),
        fingerprint: Hash::of(&der),
        from,
        until,
    })
}

fn read(folder: &Folder) -> Result<Option<Kept>, CertificateError> {
    if !folder.has(FILE) {
        return Ok(None);
    }
    let (path, text) = own_file(folder, FILE)?;
    let read = serde_json::from_slice(&text);
    read.map(Some).map_err(|error| CertificateError::Unusable {
        path,
        why: format!(
            "it is damaged ({error}). Restore a backup of it, or remove it to have a new root made"
        ),
    })
}

/// Writes a file of mode 0600 whole or not at all.
pub(crate) fn write(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), CertificateError> {
    let written = folder.write_whole(name, bytes);
    written.map_err(|source| CertificateError::File {
        path: folder.path_of(name),
        source,
    })
}

#[cfg(test)]
mod tests;
