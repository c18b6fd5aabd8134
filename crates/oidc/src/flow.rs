//! What goes to the browser and comes back, and what is known of somebody afterwards.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What must come back, and what must not be known to others: sealed, and carried by the browser that
/// began, so that an answer in another browser is nobody's.
#[derive(Clone, Serialize, Deserialize)]
pub struct Flow {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flow(…)")
    }
}

/// A sign-in that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Where the browser goes, at the provider.
    pub address: String,
    /// What it brings back.
    pub flow: Flow,
}

/// What stood behind the question mark when the browser came back.
#[derive(Clone, Default)]
pub struct Returned {
    /// The code.
    pub code: Option<String>,
    /// The state.
    pub state: Option<String>,
    /// Whose answer it says it is (RFC 9207).
    pub iss: Option<String>,
    /// The provider's word for a refusal.
    pub error: Option<String>,
}

impl fmt::Debug for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.error;
        f.debug_struct("Returned")
            .field("error", error)
            .finish_non_exhaustive()
    }
}

/// By what the provider is asked again about somebody, and told that they leave.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    pub(crate) refresh: Option<String>,
    pub(crate) access: String,
    pub(crate) id_token: String,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant(…)")
    }
}

/// Somebody the provider stands for.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Who it is there, for ever. Never a mail address: those are given to others.
    pub subject: String,
    /// What they may be called, best first.
    pub names: Vec<String>,
    /// Their groups; none: it says nothing of groups.
    pub groups: Option<Vec<String>>,
    /// For later.
    pub grant: Grant,
}

/// Somebody the provider still stands for.
#[derive(Debug, Clone)]
pub struct Still {
    /// Their groups by now; none: it says nothing of groups.
    pub groups: Option<Vec<String>>,
    /// For the next time.
    pub grant: Grant,
}
