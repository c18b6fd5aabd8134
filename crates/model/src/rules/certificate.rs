//! Client certificates in rules: which a rule asks for, and what a connection showed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of an authority's name, and of a name in a certificate.
const AUTHORITY_CHARS: usize = 32;
const NAME_CHARS: usize = 253;

/// The certificate a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bearer {
    /// Of which authority: its name in the configuration.
    pub authority: String,
    /// For which name: the subject's common name, or one of the alternative names (host, address,
    /// mail address, URI), letter for letter; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a connection showed, and an authority vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The authority's name in the configuration.
    pub authority: String,
    /// Every name in the certificate.
    pub names: Vec<String>,
}

impl Bearer {
    /// Whether a connection that showed this is meant.
    pub fn is(&self, shown: &[Shown]) -> bool {
        let named = |it: &Shown| match &self.name {
            Some(name) => it.names.contains(name),
            None => true,
        };
        shown
            .iter()
            .any(|it| it.authority == self.authority && named(it))
    }

    /// One as people write it: `authority`, or `authority:name`; empty: none.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (authority, name) = match text.split_once(':') {
            Some((authority, name)) => (authority, Some(name.to_owned())),
            None => (text, None),
        };
        (!text.is_empty()).then(|| Self {
            authority: authority.to_owned(),
            name,
        })
    }

    /// Whether its parts can be what they should.
    pub(super) fn is_readable(&self) -> bool {
        let name = self.name.as_deref().unwrap_or("any");
        is_authority(&self.authority)
            && !name.is_empty()
            && name.chars().count() <= NAME_CHARS
            && !name.chars().any(char::is_control)
    }
}

/// Whether an authority can go by this name: lower-case letters, digits and hyphens.
pub fn is_authority(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= AUTHORITY_CHARS && name.chars().all(is_plain)
}

impl fmt::Display for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a certificate of {}", self.authority)?;
        match &self.name {
            Some(name) => write!(f, " for {name}"),
            None => Ok(()),
        }
    }
}
