//! What is kept, and under which names.

use model::clock::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{failure::Trouble, keep::Keep, proof::Proof, settings::Authority};

/// The certificate in use: its chain, then its key, in one record, so that a chain and a key that do
/// not belong together cannot come to be.
pub(crate) const CERTIFICATE: &str = "certificate.pem";
/// When to try again.
pub(crate) const SCHEDULE: &str = "schedule.json";

/// An order that was begun.
#[derive(Serialize, Deserialize)]
pub(crate) struct Open {
    /// Where it is at the server.
    pub(crate) url: String,
    /// What it is for.
    pub(crate) names: Vec<String>,
    /// With which profile.
    pub(crate) profile: Option<String>,
    /// The certificate's key (PEM): kept before the order is finalised, or a crash would lose it.
    pub(crate) key: String,
    /// What is shown to validators, to be taken down.
    pub(crate) shown: Vec<Proof>,
    /// When it was begun.
    pub(crate) at: Timestamp,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key);
    }
}

/// A short name for an authority, for records.
pub(crate) fn mark(authority: &Authority) -> String {
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, authority.directory.as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref().get(..8).unwrap_or_default())
}

pub(crate) fn order(authority: &Authority) -> String {
    format!("order-{}.json", mark(authority))
}

pub(crate) fn account(authority: &Authority) -> String {
    format!("account-{}.json", mark(authority))
}

/// A record, or none where it is missing. One that cannot be read is set aside by its next
/// replacement: there is nothing in it that cannot be made anew.
pub(crate) fn load<T: DeserializeOwned>(keep: &dyn Keep, name: &str) -> Result<Option<T>, Trouble> {
    let Some(bytes) = keep.load(name)?.map(Zeroizing::new) else {
        return Ok(None);
    };
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            // Where, not what: there are keys in it.
            tracing::warn!(
                name,
                line = error.line(),
                "a record is damaged and is made anew"
            );
            Ok(None)
        }
    }
}

pub(crate) fn save<T: Serialize>(keep: &dyn Keep, name: &str, value: &T) -> Result<(), Trouble> {
    let bytes = Zeroizing::new(serde_json::to_vec(value).map_err(std::io::Error::other)?);
    Ok(keep.save(name, &bytes)?)
}
