//! What an access token is limited to.

use serde::{Deserialize, Serialize};

use super::{Permission, UnknownWord};

/// What a bearer token is limited to. A token never exceeds its user's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Read runtime, queue and logs.
    Read,
    /// Propose deployments and trigger effects.
    Propose,
    /// Decide and apply.
    Review,
    /// Read the audit record.
    Audit,
    /// Everything the user may do.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Propose,
        Self::Review,
        Self::Audit,
        Self::Admin,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Propose => "propose",
            Self::Review => "review",
            Self::Audit => "audit",
            Self::Admin => "admin",
        }
    }

    /// Whether this scope covers `permission`.
    pub fn covers(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Read => {
                matches!(
                    permission,
                    P::UseEndpoints | P::ReadRuntime | P::ReadQueue | P::ReadLogs
                )
            }
            Self::Propose => matches!(
                permission,
                P::UseEndpoints | P::ReadRuntime | P::ReadQueue | P::Propose | P::Trigger
            ),
            Self::Review => matches!(
                permission,
                P::ReadRuntime | P::ReadQueue | P::Decide | P::Apply
            ),
            Self::Audit => matches!(permission, P::ReadRecord | P::ReadQueue),
            Self::Admin => true,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownWord {
                text: text.chars().take(64).collect(),
                expected: "read, propose, review, audit or admin",
            })
    }
}
