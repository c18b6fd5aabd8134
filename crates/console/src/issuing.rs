//! Certificates as the console sees them: how they stand, having one renewed, and our own authority.

use std::fmt;

use model::{clock::Timestamp, id::Hash};
use serde::Serialize;

/// How a certificate stands. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateState {
    /// Where it comes from: `acme`, `own` (our own authority) or `files` (the operator's).
    pub source: &'static str,
    /// What it is for.
    pub names: Vec<String>,
    /// Who issued it; none: there is none yet, and our own serves meanwhile.
    pub issuer: Option<String>,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// When it is renewed, or tried again; none: not by us.
    pub next: Option<Timestamp>,
    /// What went wrong last, in words for people; none: nothing.
    pub error: Option<String>,
    /// When that was.
    pub error_at: Option<Timestamp>,
    /// Whether an order is under way.
    pub is_ordering: bool,
    /// Until when what its authority says of it (OCSP) is good and shown with it; none: there is no
    /// such answer.
    pub stapled_until: Option<Timestamp>,
}

/// How our own authority stands. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthorityStatus {
    /// The root that devices are to trust.
    pub root: RootStatus,
    /// Whether the root's key lies on this machine.
    pub is_root_key_here: bool,
    /// When the certificate that issues leafs ends.
    pub issuing_until: Timestamp,
    /// The root before this one, while both are good: devices that trust it alone must import the
    /// new one until then.
    pub old_root: Option<RootStatus>,
    /// Until when both are good.
    pub both_until: Option<Timestamp>,
    /// The leafs that are good by their dates, the latest last.
    pub issued: Vec<IssuedStatus>,
    /// The revocation list (RFC 5280, 5; DER).
    #[serde(skip)]
    pub list: Vec<u8>,
}

/// A root as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootStatus {
    /// The certificate (PEM).
    #[serde(skip)]
    pub pem: String,
    /// The certificate (DER).
    #[serde(skip)]
    pub der: Vec<u8>,
    /// SHA-256 of the certificate (DER).
    pub fingerprint: Hash,
    /// When it ends.
    pub until: Timestamp,
}

impl RootStatus {
    /// Its fingerprint as systems show it, in pairs: `AB:CD:…`.
    pub fn readable(&self) -> String {
        let bytes = self.fingerprint.as_bytes().iter();
        let pairs: Vec<String> = bytes.map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }
}

/// A leaf of our own authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssuedStatus {
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// When it ends.
    pub until: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// What browsers are told about HTTPS (HSTS, RFC 6797).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StrictTransport {
    /// What the administrator wants: `auto`, `own-too` or `off`.
    pub setting: &'static str,
    /// Since when a certificate that clients trust serves without fault.
    pub good_since: Option<Timestamp>,
    /// For how many seconds browsers are told to come by HTTPS alone; 0: it is taken back; none:
    /// they are told nothing.
    pub max_age_seconds: Option<u64>,
}

/// What keeps certificates good. Joined in `redkeep`.
pub trait Issuing: Send + Sync + fmt::Debug {
    /// Those that are served, and those that should be.
    fn certificates(&self) -> Vec<CertificateState>;

    /// Has them renewed now; or why that cannot be, in words for people.
    fn renew(&self) -> Result<(), String>;

    /// What browsers are told about HTTPS; none: nobody looks at it.
    fn strict_transport(&self) -> Option<StrictTransport> {
        None
    }

    /// How our own authority stands; none: the certificate comes from the operator's files.
    fn authority(&self) -> Option<AuthorityStatus> {
        None
    }

    /// Has a new root made, good beside the old one for so many days; or why not. Waits for files.
    fn rotate(&self, days: u16) -> Result<(), String> {
        Err(format!(
            "there is no root of our own to be followed within {days} days"
        ))
    }

    /// Takes that back.
    fn cancel_rotation(&self) -> Result<(), String> {
        Err("there is no root of our own".to_owned())
    }

    /// Revokes the leaf with this serial number, in hexadecimal digits; or why not.
    fn revoke(&self, serial: &str) -> Result<(), String> {
        Err(format!("there is no certificate {serial} of our own"))
    }
}
