//! Who acts, told to Node-RED so that only the gate can say it.
//!
//! A header `x-gate-identity: base64url({"u":name,"p":permissions,"exp":seconds}).base64url(sig)`,
//! signed with Ed25519 over the first part's text. Node-RED's settings hold the public key only.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use model::{clock::Timestamp, id::UserName};
use store::{Keyring, KeysError, Signing};

/// The header's name. The gate takes it off every request that comes from outside.
pub const HEADER: &str = "x-gate-identity";

/// How long a header is good, in seconds. Long enough for a slow request, too short to be worth
/// stealing: Node-RED's own code sees every header.
const LIFETIME_SECONDS: i64 = 60;

/// Makes identity headers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signer {
    keyring: Arc<Keyring>,
}

impl Signer {
    /// The purpose of the signing key.
    pub const PURPOSE: Signing = Signing::NodeRedIdentity;

    /// A signer with this installation's key.
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring }
    }

    /// The header's value for a user, with Node-RED permissions such as `["*.read"]`, good for 60
    /// seconds from `now`. The keys are asked each time: whoever needs one for every request keeps
    /// it for a while.
    pub fn header(
        &self,
        user: &UserName,
        permissions: &[&str],
        now: Timestamp,
    ) -> Result<String, KeysError> {
        let said = serde_json::json!({
            "u": user.as_str(),
            "p": permissions,
            "exp": now.unix_seconds() + LIFETIME_SECONDS,
        });
        let mut token = BASE64URL_NOPAD.encode(said.to_string().as_bytes());
        let signature = self.keyring.sign(Self::PURPOSE, token.as_bytes())?;
        token.push('.');
        token.push_str(&BASE64URL_NOPAD.encode(&signature));
        Ok(token)
    }

    /// The public key in base64url, for Node-RED's settings.
    pub(crate) fn public_key(&self) -> String {
        BASE64URL_NOPAD.encode(&self.keyring.public_key(Self::PURPOSE))
    }

    /// The header with which Redkeep itself speaks to Node-RED: every permission.
    pub(crate) fn own_header(&self, now: Timestamp) -> Result<String, KeysError> {
        let redkeep: UserName = "redkeep".parse().expect("it is letters only");
        self.header(&redkeep, &["*"], now)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_header_is_signed_and_says_who_what_and_until_when() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Arc::new(Keyring::open(&dir.path().join("keys")).unwrap());
        let signer = Signer::new(keyring);
        let header = signer
            .header(
                &"ann".parse().unwrap(),
                &["*.read", "inject.write"],
                Timestamp(5_999),
            )
            .unwrap();

        let (payload, signature) = header.split_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let key = BASE64URL_NOPAD
            .decode(signer.public_key().as_bytes())
            .unwrap();
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(payload.as_bytes(), &signature).unwrap();
        assert!(key.verify(b"something else", &signature).is_err());

        let said: serde_json::Value =
            serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
        let expected = serde_json::json!({"u": "ann", "p": ["*.read", "inject.write"], "exp": 65});
        assert_eq!(said, expected);
    }
}
