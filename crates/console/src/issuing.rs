//! Certificates as the console sees them: how they stand, and having one renewed.

use std::fmt;

use model::clock::Timestamp;
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
}

/// What keeps certificates good. Joined in `redkeep`.
pub trait Issuing: Send + Sync + fmt::Debug {
    /// Those that are served, and those that should be.
    fn certificates(&self) -> Vec<CertificateState>;

    /// Has them renewed now; or why that cannot be, in words for people.
    fn renew(&self) -> Result<(), String>;
}
