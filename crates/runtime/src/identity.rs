//! Who acts, told to Node-RED so that only the gate can say it.
//!
//! A header `x-gate-identity: base64url({"u":name,"p":permissions,"exp":seconds}).base64url(sig)`,
//! signed with Ed25519. Node-RED's settings hold the public key only.

use std::sync::Arc;

use model::{clock::Timestamp, id::UserName};
use store::Keyring;

/// The header's name. The gate takes it off every request that comes from outside.
pub const HEADER: &str = "x-gate-identity";

/// Makes identity headers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signer {
    keyring: Arc<Keyring>,
}

impl Signer {
    /// The purpose of the signing key.
    pub const PURPOSE: &'static str = "node-red-identity";

    /// A signer with this installation's key.
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring }
    }

    /// The header's value for a user, with Node-RED permissions such as `["*.read"]`, good for 60
    /// seconds from `now`.
    pub fn header(&self, user: &UserName, permissions: &[&str], now: Timestamp) -> String {
        let _ = (&self.keyring, user, permissions, now);
        unimplemented!()
    }
}
