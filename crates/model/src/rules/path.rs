//! The beginning of a path, by whole segments, as the gate reads paths.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Bytes of a prefix.
const PATH_MAX: usize = 200;

/// `/api/pump`: covers itself and what is below it, without regard to the case of letters, and
/// not `/api/pumps`. Segments are compared decoded, so that `/%61pi` is no other path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(Vec<String>);

/// It is no such path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no path; write it as /dashboard, plain and without % ? or #")]
pub struct PathPrefixError(String);

impl PathPrefix {
    /// Whether a path of these decoded segments lies at or below it.
    pub fn covers(&self, segments: &[String]) -> bool {
        segments.len() >= self.0.len()
            && self
                .0
                .iter()
                .zip(segments)
                .all(|(own, given)| own.eq_ignore_ascii_case(given))
    }
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let wrong = || PathPrefixError(text.chars().take(64).collect());
        let rest = text.strip_prefix('/').ok_or_else(wrong)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"%?#\\;".contains(c);
        let segments: Vec<String> = match rest {
            "" => Vec::new(),
            rest => rest.split('/').map(str::to_owned).collect(),
        };
        let is_segment = |segment: &String| !matches!(segment.as_str(), "" | "." | "..");
        let is_good =
            text.len() <= PATH_MAX && rest.chars().all(is_plain) && segments.iter().all(is_segment);
        if is_good {
            Ok(Self(segments))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = PathPrefixError;

    fn try_from(text: String) -> Result<Self, PathPrefixError> {
        text.parse()
    }
}

impl From<PathPrefix> for String {
    fn from(prefix: PathPrefix) -> Self {
        prefix.to_string()
    }
}
