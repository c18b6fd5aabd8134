//! What can be wrong with a tree, as words for the record.

use std::fmt;

use model::id::Hash;

/// Differences listed by name; the rest is counted.
const LISTED_MAX: usize = 50;

/// One way in which a tree is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm {
    /// A file of the manifest is not there.
    Missing(String),
    /// Something is there that is not in the manifest.
    Extra(String),
    /// A file's content is another.
    Changed(String),
    /// Permission bits differ.
    Mode {
        /// The path; empty for the tree itself.
        path: String,
        /// The bits found.
        found: u32,
    },
    /// Something belongs to another user than the tree does, who could so change it.
    Owner {
        /// The path.
        path: String,
        /// The user id found.
        found: u32,
    },
    /// A link, a pipe or another thing where a file or folder belongs.
    Kind(String),
    /// The manifest is missing, unreadable or one of another lock.
    Manifest(&'static str),
    /// The manifest's digest is not the one remembered.
    Digest {
        /// The remembered digest.
        expected: Hash,
        /// The digest found.
        found: Hash,
    },
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{path:?} is missing"),
            Self::Extra(path) => write!(f, "{path:?} does not belong there"),
            Self::Changed(path) => write!(f, "{path:?} was changed"),
            Self::Mode { path, found } => write!(f, "{path:?} has the mode {found:04o}"),
            Self::Owner { path, found } => write!(f, "{path:?} belongs to user {found}"),
            Self::Kind(path) => write!(f, "{path:?} is neither file nor folder"),
            Self::Manifest(what) => write!(f, "its manifest {what}"),
            Self::Digest { expected, found } => {
                write!(
                    f,
                    "its manifest has the digest {found}, and {expected} is remembered"
                )
            }
        }
    }
}

/// Everything that is wrong with a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first 50 differences, by path.
    pub listed: Vec<Harm>,
    /// How many there are.
    pub count: usize,
}

impl Damage {
    pub(super) fn of(mut harms: Vec<Harm>) -> Self {
        harms.sort_by_key(ToString::to_string);
        let count = harms.len();
        harms.truncate(LISTED_MAX);
        Self {
            listed: harms,
            count,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, harm) in self.listed.iter().take(5).enumerate() {
            write!(f, "{}{harm}", if index == 0 { "" } else { ", " })?;
        }
        match self.count.saturating_sub(5) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}
