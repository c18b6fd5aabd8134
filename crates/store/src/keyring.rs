//! The keys of this installation, and secrets sealed with them.
//!
//! `keys/master.key` (32 random bytes, mode 0600) is the root of all: sub-keys are derived from it
//! per purpose (HKDF-SHA-256), so that no key serves two ends.

use std::{fmt, path::Path};

use model::id::Hash;

use crate::StoreError;

/// A secret in memory: wiped when dropped, never printed.
#[derive(Clone, Default)]
pub struct Secret(zeroize::Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(zeroize::Zeroizing::new(bytes))
    }

    /// The bytes. Look at them, do not keep them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The installation's keys.
#[derive(Debug)]
pub struct Keyring {
    _master: Secret,
}

impl Keyring {
    /// Opens `<dir>/master.key`, or makes it (mode 0600, in a directory of mode 0700).
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let _ = dir;
        unimplemented!()
    }

    /// Seals `plain` (AES-256-GCM, random nonce) for `purpose`; the purpose is authenticated too.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let _ = (purpose, plain);
        unimplemented!()
    }

    /// Opens what [`Keyring::seal`] made for the same purpose.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<Secret, StoreError> {
        let _ = (purpose, sealed);
        unimplemented!()
    }

    /// HMAC-SHA-256 under the key for `purpose`: equal or not, and nothing to guess from.
    pub fn digest(&self, purpose: &str, bytes: &[u8]) -> Hash {
        let _ = (purpose, bytes);
        unimplemented!()
    }

    /// Signs with the Ed25519 key for `purpose`.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 64] {
        let _ = (purpose, message);
        unimplemented!()
    }

    /// The Ed25519 public key for `purpose` (raw, 32 bytes).
    pub fn public_key(&self, purpose: &str) -> [u8; 32] {
        let _ = purpose;
        unimplemented!()
    }

    /// `N` random bytes from the system.
    pub fn random<const N: usize>() -> [u8; N] {
        unimplemented!()
    }
}
