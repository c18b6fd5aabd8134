//! The second factor: TOTP (RFC 6238: SHA-1, 6 digits, 30 s).

use model::{clock::Timestamp, id::UserName};
use totp_rs::{Algorithm, Builder, Totp};

use crate::{Keyring, Secret};

/// Bytes of a secret, as RFC 4226 recommends for SHA-1.
const SECRET_LEN: usize = 20;
/// Seconds a code stands for.
const STEP_SECONDS: u64 = 30;
/// Steps a phone's clock may be off, either way.
const SKEW: u16 = 1;
/// Digits of a code.
const DIGITS: u8 = 6;

/// A TOTP second factor (RFC 6238: SHA-1, 6 digits, 30 s).
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// The shared secret, 20 bytes.
    pub secret: Secret,
}

impl SecondFactor {
    /// A new random factor.
    pub fn generate() -> Self {
        Self {
            secret: Secret::new(Keyring::random::<SECRET_LEN>().to_vec()),
        }
    }

    /// The `otpauth://` address for the QR code.
    pub fn uri(&self, user: &UserName, issuer: &str) -> String {
        // The label is `issuer:user`: a colon within would move the border.
        let issuer = issuer.replace(':', " ");
        let totp = self
            .builder()
            .with_account_name(user.as_str())
            .with_issuer(Some(issuer));
        totp.build_noncompliant()
            .to_url()
            .expect("a user name is not empty and has no colon")
    }

    /// The secret in base32, for typing.
    pub fn base32(&self) -> String {
        data_encoding::BASE32_NOPAD.encode(self.secret.expose())
    }

    /// Whether `code` is right at `now` (one step either way).
    pub fn accepts(&self, code: &str, now: Timestamp) -> bool {
        self.step_of(code, now).is_some()
    }

    /// The step for which `code` is right, if it is one near `now`.
    pub(super) fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let code: String = code
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(16)
            .collect();
        if code.len() != usize::from(DIGITS) || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let now = u64::try_from(now.unix_seconds()).ok()?;
        self.totp()
            .check(&code, now)
            .and_then(|step| i64::try_from(step).ok())
    }

    fn totp(&self) -> Totp {
        self.builder().build_noncompliant()
    }

    fn builder(&self) -> Builder {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW)
            .with_step_duration(STEP_SECONDS)
            .with_secret(self.secret.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let factor = SecondFactor {
            secret: Secret::new(b"12345678901234567890".to_vec()),
        };
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            assert!(factor.accepts(code, Timestamp(seconds * 1000)), "{seconds}");
            assert!(
                factor.accepts(code, Timestamp((seconds + 30) * 1000)),
                "{seconds}"
            );
            assert!(
                !factor.accepts(code, Timestamp((seconds + 90) * 1000)),
                "{seconds}"
            );
        }
        assert!(!factor.accepts("", Timestamp(59_000)));
        assert!(!factor.accepts("28708２", Timestamp(59_000)));
    }

    #[test]
    fn the_address_names_issuer_and_user() {
        let factor = SecondFactor {
            secret: Secret::new(b"12345678901234567890".to_vec()),
        };
        let uri = factor.uri(&"ann@site".parse().unwrap(), "Redkeep: plant 7");
        assert_eq!(
            uri,
            format!(
                "otpauth://totp/Redkeep%20%20plant%207:ann%40site?secret={}&issuer=Redkeep%20%20plant%207",
                factor.base32()
            )
        );
    }
}
