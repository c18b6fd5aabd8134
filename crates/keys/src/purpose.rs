//! What keys are kept for: the whole list. A purpose that is not here has no key, so that whoever
//! takes the asking process can have nothing made that Redkeep never makes.

use crate::Refusal;

/// What signing keys (Ed25519) are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// Heads of the audit record.
    Audit,
    /// Who acts, told to Node-RED.
    NodeRedIdentity,
    /// Deployments in a file.
    DeploymentExport,
}

impl Signing {
    /// All of them, in the order of their numbers on the wire.
    pub const ALL: [Self; 3] = [Self::Audit, Self::NodeRedIdentity, Self::DeploymentExport];

    /// The name its key is derived by: never changed, or every signature there is would be foreign.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::NodeRedIdentity => "node-red-identity",
            Self::DeploymentExport => "deployment export",
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Audit => 0,
            Self::NodeRedIdentity => 1,
            Self::DeploymentExport => 2,
        }
    }

    pub(crate) fn from_number(number: u8) -> Result<Self, Refusal> {
        let found = Self::ALL.get(usize::from(number));
        found.copied().ok_or(Refusal::UnknownPurpose)
    }
}

/// What may follow a purpose's name.
#[derive(Clone, Copy)]
enum Of {
    /// Nothing.
    All,
    /// A SHA-256 in hexadecimal digits.
    Digest,
    /// A user's name.
    User,
}

/// What secrets are sealed for.
const SEALING: [(&str, Of); 9] = [
    ("credentials ", Of::Digest),
    ("credential-changes ", Of::Digest),
    ("second-factor of ", Of::User),
    ("console-factor", Of::All),
    ("console-enrolment", Of::All),
    ("passkey-question ", Of::Digest),
    ("provider-sign-in", Of::All),
    ("provider-grant", Of::All),
    // Of the secret's name: what was sealed for one webhook opens for no other.
    ("webhook-secret ", Of::Digest),
];

/// What keyed digests are made for.
const DIGESTS: [&str; 6] = [
    "credentials",
    "credential-changes",
    "recovery-code",
    "login-limit",
    "console-csrf",
    "passkey-user",
];

/// Bytes of a user's name, folded.
const USER_BYTES_MAX: usize = 256;

pub(crate) fn check_sealing(purpose: &str) -> Result<(), Refusal> {
    let is_known = SEALING.iter().any(|(name, of)| {
        purpose.strip_prefix(name).is_some_and(|rest| match of {
            Of::All => rest.is_empty(),
            Of::Digest => {
                let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                rest.len() == 64 && rest.bytes().all(is_digit)
            }
            Of::User => !rest.is_empty() && rest.len() <= USER_BYTES_MAX,
        })
    });
    is_known.then_some(()).ok_or(Refusal::UnknownPurpose)
}

pub(crate) fn check_digest(purpose: &str) -> Result<(), Refusal> {
    let is_known = DIGESTS.contains(&purpose);
    is_known.then_some(()).ok_or(Refusal::UnknownPurpose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_has_a_key() {
        let digest = "0f".repeat(32);
        for known in [
            format!("credentials {digest}"),
            format!("credential-changes {digest}"),
            "second-factor of ann".to_owned(),
            "console-factor".to_owned(),
            "console-enrolment".to_owned(),
            format!("passkey-question {digest}"),
            "provider-sign-in".to_owned(),
            "provider-grant".to_owned(),
            format!("webhook-secret {digest}"),
        ] {
            assert_eq!(check_sealing(&known), Ok(()), "{known}");
        }
        for unknown in [
            String::new(),
            "credentials".to_owned(),
            format!("credentials {digest}0"),
            format!("credentials {}", digest.to_uppercase()),
            "second-factor of ".to_owned(),
            "console-factor ".to_owned(),
            "audit".to_owned(),
            format!("second-factor of {}", "a".repeat(257)),
        ] {
            assert_eq!(
                check_sealing(&unknown),
                Err(Refusal::UnknownPurpose),
                "{unknown}"
            );
        }
        assert_eq!(check_digest("login-limit"), Ok(()));
        assert!(check_digest("login-limit ").is_err());
        for (number, purpose) in (0..).zip(Signing::ALL) {
            assert_eq!(purpose.number(), number);
            assert_eq!(Signing::from_number(number), Ok(purpose));
        }
        assert!(Signing::from_number(3).is_err());
    }
}
