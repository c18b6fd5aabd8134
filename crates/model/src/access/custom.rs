//! Roles an administrator makes: a name and the permissions it stands for.

use serde::{Deserialize, Serialize};

use super::{Permission, UnknownWord};

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 32;

/// A custom role's name: 1 to 32 of a-z, 0-9 and -, starting with a letter. Kept in place, so that a
/// role is as light as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName {
    bytes: [u8; NAME_BYTES_MAX],
    length: u8,
}

impl RoleName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        let bytes = self
            .bytes
            .get(..usize::from(self.length))
            .unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RoleName({})", self.as_str())
    }
}

impl std::str::FromStr for RoleName {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let length = u8::try_from(text.len()).ok();
        let length = length.filter(|it| usize::from(*it) <= NAME_BYTES_MAX);
        match length {
            Some(length) if starts_well && text.chars().all(is_plain) => {
                let mut bytes = [0; NAME_BYTES_MAX];
                for (place, byte) in bytes.iter_mut().zip(text.bytes()) {
                    *place = byte;
                }
                Ok(Self { bytes, length })
            }
            _ => Err(UnknownWord {
                text: text.chars().take(64).collect(),
                expected: "viewer, editor, reviewer, administrator or auditor, or the name of a \
                           role made here: 1 to 32 of a-z, 0-9 and -, starting with a letter",
            }),
        }
    }
}

impl TryFrom<String> for RoleName {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> Self {
        name.as_str().to_owned()
    }
}

/// A role that was made here, with what it permits at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomRole {
    /// Its name.
    pub name: RoleName,
    /// What it permits.
    pub permissions: Permissions,
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Permission>", into = "Vec<Permission>")]
pub struct Permissions(u16);

impl Permissions {
    /// Whether `permission` is in it.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    /// All that are in it, in the order people list them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        let all = Permission::ALL.into_iter();
        all.filter(move |it| self.contains(*it))
    }

    /// Whether none is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Each permission's place in the set. Never kept: sets are written as words.
fn bit(permission: Permission) -> u16 {
    1 << (permission as u16)
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |set, it| set | bit(it)))
    }
}

impl From<Vec<Permission>> for Permissions {
    fn from(all: Vec<Permission>) -> Self {
        all.into_iter().collect()
    }
}

impl From<Permissions> for Vec<Permission> {
    fn from(set: Permissions) -> Self {
        set.iter().collect()
    }
}

impl std::fmt::Debug for Permissions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
