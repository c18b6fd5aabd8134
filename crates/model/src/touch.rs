//! A touch: an approval signed with a passkey, so that no stolen session and no script can give it.
//!
//! What is signed is a [`TouchStatement`]: its digest is the challenge the authenticator signs
//! (WebAuthn Level 2, section 7.2, step 12). The statement is kept beside the signature, so that
//! anybody can work the challenge out again.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    deployment::Decision,
    id::{DeploymentId, Hash, InstanceId, UserId, UserName},
};

/// How old a touch may be when the deployment is confirmed with it, in seconds.
pub const TOUCH_SECONDS_MAX: i64 = 300;

/// What a reviewer says with a touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TouchStatement {
    /// The instance it would change.
    pub instance: InstanceId,
    /// Which deployment.
    pub deployment: DeploymentId,
    /// The digest of its proposal that was shown.
    pub shown: Hash,
    /// The baseline it starts from.
    pub base: Hash,
    /// [`decisions_digest`] of the decisions that stood then.
    pub decisions: Hash,
    /// Who.
    pub reviewer: UserId,
    /// Their name.
    pub name: UserName,
    /// When they were asked.
    pub at: Timestamp,
    /// 256 random bits: no challenge is asked twice.
    pub nonce: Hash,
}

impl TouchStatement {
    /// The text that is signed by its digest: each part on a line with its name.
    pub fn text(&self) -> String {
        let Self {
            instance,
            deployment,
            shown,
            base,
            decisions,
            reviewer,
            name,
            at,
            nonce,
        } = self;
        format!(
            "redkeep-touch-1\ninstance {instance}\ndeployment {deployment}\nshown {shown}\n\
             base {base}\ndecisions {decisions}\nreviewer {reviewer} {name}\nat {}\nnonce {nonce}\n",
            at.0
        )
    }

    /// SHA-256 of the text: the challenge.
    pub fn challenge(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }
}

/// One digest over a set of decisions, in the order of their changes.
pub fn decisions_digest(decisions: &[Decision]) -> Hash {
    let mut marks: Vec<(&str, Hash)> = decisions
        .iter()
        .map(|it| (it.change.0.as_str(), it.mark()))
        .collect();
    marks.sort();
    let mut text = String::from("redkeep-decisions-1\n");
    for (_, mark) in marks {
        text.push_str(&mark.to_string());
        text.push('\n');
    }
    Hash::of(text.as_bytes())
}

/// A statement with everything needed to check again that a passkey signed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    /// What was signed.
    pub statement: TouchStatement,
    /// What its owner calls the passkey.
    pub passkey: String,
    /// The passkey's public key (COSE, RFC 9053, as JSON), as it was registered.
    pub public_key: serde_json::Value,
    /// The relying party the passkey was made for: the console's host name.
    pub rp_id: String,
    /// The origin the touch was given on.
    pub origin: String,
    /// Whether the authenticator also verified who touched it (fingerprint, PIN).
    pub is_verified: bool,
    /// The credential's id, base64url.
    pub credential: String,
    /// What the authenticator says of itself and its state, base64url.
    pub authenticator_data: String,
    /// What the browser says it asked for, base64url of JSON.
    pub client_data: String,
    /// The signature over both, base64url.
    pub signature: String,
}

impl Touch {
    /// A digest of the whole, which the record names.
    pub fn hash(&self) -> Hash {
        let text = serde_json::to_string(self).unwrap_or_default();
        Hash::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> TouchStatement {
        TouchStatement {
            instance: "pump-house-3".parse().unwrap(),
            deployment: DeploymentId(12),
            shown: Hash::of(b"shown"),
            base: Hash::of(b"base"),
            decisions: decisions_digest(&[]),
            reviewer: UserId(3),
            name: "ben".parse().unwrap(),
            at: Timestamp(1_800_000_000_000),
            nonce: Hash::of(b"nonce"),
        }
    }

    #[test]
    fn every_part_changes_the_challenge() {
        let one = statement();
        let others = [
            TouchStatement {
                instance: "pump-house-4".parse().unwrap(),
                ..statement()
            },
            TouchStatement {
                deployment: DeploymentId(13),
                ..statement()
            },
            TouchStatement {
                shown: Hash::of(b"other"),
                ..statement()
            },
            TouchStatement {
                base: Hash::of(b"other"),
                ..statement()
            },
            TouchStatement {
                decisions: Hash::of(b"other"),
                ..statement()
            },
            TouchStatement {
                reviewer: UserId(4),
                ..statement()
            },
            TouchStatement {
                name: "eve".parse().unwrap(),
                ..statement()
            },
            TouchStatement {
                at: Timestamp(1_800_000_000_001),
                ..statement()
            },
            TouchStatement {
                nonce: Hash::of(b"other"),
                ..statement()
            },
        ];
        for other in others {
            assert_ne!(other.challenge(), one.challenge(), "{other:?}");
        }
        assert_eq!(statement().challenge(), one.challenge());
    }
}
