//! Names and numbers of things, each a type of its own so that one cannot stand in for another.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Why a text is not an identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: {rule}")]
pub struct InvalidId {
    /// What it should have been.
    pub kind: &'static str,
    /// What was given, cut to 64 characters.
    pub text: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl InvalidId {
    fn new(kind: &'static str, text: &str, rule: &'static str) -> Self {
        Self {
            kind,
            text: text.chars().take(64).collect(),
            rule,
        }
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                match text.parse() {
                    Ok(number) if number > 0 => Ok(Self(number)),
                    _ => Err(InvalidId::new(stringify!($name), text, "a whole number from 1")),
                }
            }
        }
    };
}

number_id!(
    /// A deployment's number, counted over all instances from 1.
    DeploymentId
);
number_id!(
    /// A passkey's number.
    PasskeyId
);
number_id!(
    /// A user's number.
    UserId
);
number_id!(
    /// A session's number (not its secret).
    SessionId
);
number_id!(
    /// A wall display's number.
    KioskId
);
number_id!(
    /// An access token's number (not its secret).
    TokenId
);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal, $allowed:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let allowed: fn(char) -> bool = $allowed;
                let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
                if starts_well && text.len() <= $max && text.chars().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId::new($kind, text, $rule))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_id!(
    /// An instance's name, used in addresses, folder names and on the command line.
    InstanceId,
    "instance name",
    40,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    "1 to 40 of a-z, 0-9 and -, starting with a letter or digit"
);
name_id!(
    /// A user's login name.
    UserName,
    "user name",
    64,
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'),
    "1 to 64 of letters, digits and . _ - @, starting with a letter or digit"
);

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere (an HMAC, say).
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 digits: enough for a person to compare, never for a machine to decide.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.short())
    }
}

impl std::str::FromStr for Hash {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bytes = data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| {
            InvalidId::new("SHA-256 digest", text, "64 lower-case hexadecimal digits")
        })
    }
}

impl TryFrom<String> for Hash {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_names_cannot_leave_their_folder() {
        for bad in [
            "",
            "..",
            "../x",
            "A",
            "a/b",
            "-a",
            ".a",
            "a b",
            &"a".repeat(41),
        ] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!(
            "pump-house-3".parse::<InstanceId>().unwrap().as_str(),
            "pump-house-3"
        );
    }

    #[test]
    fn a_hash_survives_its_text() {
        let hash = Hash::of(b"x");
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        assert!("ABCD".parse::<Hash>().is_err());
    }
}
