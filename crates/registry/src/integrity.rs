//! Subresource Integrity as npm writes it: `sha512-` and the digest in base64.
//!
//! SHA-512 is required. npm still accepts SHA-1 and others for packages from before 2017; nothing
//! in our locks is that old, and a weaker digest would decide what runs.

use std::{fmt, str::FromStr};

use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

/// The SHA-512 a tarball must have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Integrity([u8; 64]);

/// Why a text is not an integrity we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIntegrity {
    /// Another algorithm than SHA-512, or no algorithm at all.
    #[error("the integrity is not a sha512: {0:?}")]
    NotSha512(String),
    /// Not the base64 of 64 bytes, or more than one digest.
    #[error("the integrity is not one sha512 in base64: {0:?}")]
    Malformed(String),
}

impl Integrity {
    /// The integrity of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha512::digest(bytes).into())
    }

    /// 128 lower-case hexadecimal digits: the tarball's name in the cache.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl FromStr for Integrity {
    type Err = InvalidIntegrity;

    fn from_str(text: &str) -> Result<Self, InvalidIntegrity> {
        let shown = || text.chars().take(120).collect();
        let digest = text
            .strip_prefix("sha512-")
            .ok_or_else(|| InvalidIntegrity::NotSha512(shown()))?;
        BASE64
            .decode(digest.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| InvalidIntegrity::Malformed(shown()))
    }
}

impl TryFrom<String> for Integrity {
    type Error = InvalidIntegrity;

    fn try_from(text: String) -> Result<Self, InvalidIntegrity> {
        text.parse()
    }
}

impl From<Integrity> for String {
    fn from(integrity: Integrity) -> Self {
        integrity.to_string()
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha512-{}", BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An integrity being computed over bytes as they come.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha512);

impl Hasher {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The integrity of everything taken in.
    pub fn finish(self) -> Integrity {
        Integrity(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integrity_survives_its_text() {
        let integrity = Integrity::of(b"a tarball");
        assert_eq!(integrity.to_string().parse(), Ok(integrity));
        assert_eq!(integrity.hex().len(), 128);

        let mut hasher = Hasher::default();
        hasher.update(b"a tar");
        hasher.update(b"ball");
        assert_eq!(hasher.finish(), integrity);
    }

    #[test]
    fn only_one_sha512_is_accepted() {
        let good = Integrity::of(b"").to_string();
        let (double, option) = (format!("{good} {good}"), format!("{good}?x"));
        for bad in [
            "",
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "SHA512-AAAA",
            "sha512-AAAA",
            "sha512-",
            &double,
            &option,
            good.trim_end_matches('='),
        ] {
            assert!(bad.parse::<Integrity>().is_err(), "{bad:?} was accepted");
        }
    }
}
