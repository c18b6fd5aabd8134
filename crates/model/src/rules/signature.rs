//! Signed requests in rules: how a webhook's sender signs, and what a header claims. What is compared
//! with what, and with which key, is the gate's.

use std::{fmt, num::NonZeroU16, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::access::UnknownWord;

/// Seconds a timestamp may be away, where a rule does not say.
const TOLERANCE_SECONDS: u16 = 300;
/// Characters of a secret's name, a header's name and a prefix.
const NAME_CHARS: usize = 32;
const HEADER_CHARS: usize = 64;
const PREFIX_CHARS: usize = 32;
/// Bytes of a header's value that is looked at, and signatures in it.
const VALUE_BYTES: usize = 1024;
const CLAIMS_MAX: usize = 4;
/// Bytes of an HMAC-SHA-256.
const MAC_BYTES: usize = 32;

/// How a request must be signed (HMAC-SHA-256) to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBy {
    /// The header that carries the signature, in lower case.
    pub header: String,
    /// The name of the secret that is kept for it.
    pub secret: String,
    /// How it is written.
    #[serde(default)]
    pub form: Form,
    /// What stands before it, such as `sha256=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Seconds a signed timestamp may be away; none: five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_seconds: Option<NonZeroU16>,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Hexadecimal digits, over the body.
    #[default]
    Hex,
    /// Base64, over the body.
    Base64,
    /// `t=SECONDS,v1=HEX`, over the seconds, a dot and the body: a request that was overheard is
    /// worth nothing later.
    Timestamped,
}

impl Form {
    /// All, in the order of a form.
    pub const ALL: [Self; 3] = [Self::Hex, Self::Base64, Self::Timestamped];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Timestamped => "timestamped",
        }
    }
}

impl FromStr for Form {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut all = Self::ALL.into_iter();
        all.find(|form| form.as_str() == text)
            .ok_or_else(|| UnknownWord {
                text: text.chars().take(64).collect(),
                expected: "hex, base64 or timestamped",
            })
    }
}

/// What a header claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The signatures, of which one must fit: senders that change their secret send two.
    pub signatures: Vec<[u8; MAC_BYTES]>,
    /// The seconds since 1970 that were signed with the body, as they stand there.
    pub timestamp: Option<String>,
}

impl SignedBy {
    /// Reads a header's value. Errors: why it is no signature of this kind, for people.
    pub fn read(&self, value: &str) -> Result<Claim, &'static str> {
        if value.len() > VALUE_BYTES {
            return Err("the signature is too long");
        }
        let value = value.trim();
        let value = value.strip_prefix(self.prefix.as_str());
        let value = value.ok_or("the signature does not begin as the rule says")?;
        let mut claim = Claim {
            signatures: Vec::new(),
            timestamp: None,
        };
        match self.form {
            Form::Hex => claim.signatures.push(hex(value)?),
            Form::Base64 => {
                let bytes = data_encoding::BASE64.decode(value.as_bytes());
                let bytes = bytes.map_err(|_| "the signature is no base64")?;
                claim.signatures.push(whole(&bytes)?);
            }
            Form::Timestamped => {
                for part in value.split(',') {
                    match part.trim().split_once('=') {
                        Some(("t", seconds))
                            if claim.timestamp.is_some() || !is_seconds(seconds) =>
                        {
                            return Err("the signature's timestamp cannot be read");
                        }
                        Some(("t", seconds)) => claim.timestamp = Some(seconds.to_owned()),
                        Some(("v1", text)) => claim.signatures.push(hex(text)?),
                        // Other schemes beside: not ours to judge.
                        _ => {}
                    }
                }
                if claim.timestamp.is_none() {
                    return Err("the signature carries no timestamp");
                }
            }
        }
        match claim.signatures.len() {
            0 => Err("the header carries no signature"),
            1..=CLAIMS_MAX => Ok(claim),
            _ => Err("the header carries too many signatures"),
        }
    }

    /// Seconds a timestamp may be away.
    pub fn tolerance(&self) -> i64 {
        let seconds = self
            .tolerance_seconds
            .map_or(TOLERANCE_SECONDS, NonZeroU16::get);
        seconds.into()
    }

    /// Whether its parts can be what they should.
    pub(super) fn is_readable(&self) -> bool {
        let is_token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_header = !self.header.is_empty()
            && self.header.len() <= HEADER_CHARS
            && self.header.chars().all(is_token);
        let is_prefix = self.prefix.len() <= PREFIX_CHARS
            && self.prefix.bytes().all(|byte| byte.is_ascii_graphic());
        is_header && is_prefix && is_secret(&self.secret)
    }
}

/// Whether a secret can go by this name: lower-case letters, digits and hyphens.
pub fn is_secret(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= NAME_CHARS && name.chars().all(is_plain)
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signed in {} with {}", self.header, self.secret)
    }
}

fn hex(text: &str) -> Result<[u8; MAC_BYTES], &'static str> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    whole(&bytes.map_err(|_| "the signature is no hexadecimal number")?)
}

fn whole(bytes: &[u8]) -> Result<[u8; MAC_BYTES], &'static str> {
    let whole = <[u8; MAC_BYTES]>::try_from(bytes);
    whole.map_err(|_| "the signature has not the 32 bytes of HMAC-SHA-256")
}

fn is_seconds(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed_by(form: Form, prefix: &str) -> SignedBy {
        SignedBy {
            header: "x-signature".to_owned(),
            secret: "shop".to_owned(),
            form,
            prefix: prefix.to_owned(),
            tolerance_seconds: None,
        }
    }

    #[test]
    fn a_header_is_read_in_one_way_or_refused_with_the_reason() {
        let digits = "0f".repeat(32);
        let github = signed_by(Form::Hex, "sha256=");
        let claim = github.read(&format!("sha256={digits}")).unwrap();
        assert_eq!(
            (claim.signatures, claim.timestamp),
            (vec![[0x0f; 32]], None)
        );
        for wrong in [
            digits.clone(),
            format!("sha1={digits}"),
            format!("sha256={}", &digits[2..]),
            format!("sha256={digits}00"),
            format!("sha256={}zz", &digits[2..]),
            "sha256=".to_owned(),
            String::new(),
            format!("sha256={}", "0".repeat(2000)),
        ] {
            assert!(github.read(&wrong).is_err(), "{wrong}");
        }
        let base64 = signed_by(Form::Base64, "");
        let text = data_encoding::BASE64.encode(&[7; 32]);
        assert_eq!(base64.read(&text).unwrap().signatures, [[7; 32]]);
        assert!(base64.read(&text[1..]).is_err());
        let stripe = signed_by(Form::Timestamped, "");
        let claim = stripe
            .read(&format!("t=1800000000,v1={digits},v0=x"))
            .unwrap();
        assert_eq!(claim.timestamp.as_deref(), Some("1800000000"));
        for wrong in [
            format!("v1={digits}"),
            "t=1800000000".to_owned(),
            format!("t=1,t=2,v1={digits}"),
            format!("t=-1,v1={digits}"),
            format!("t=1,{}", vec![format!("v1={digits}"); 5].join(",")),
        ] {
            assert!(stripe.read(&wrong).is_err(), "{wrong}");
        }
    }
}
