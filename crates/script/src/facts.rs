//! What reading gives back, and what it must be told.

use serde::{Deserialize, Serialize};

use crate::Fact;

/// How a function node's code is run: which of its three parts it is, and what it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct How {
    /// Which part of the node.
    pub part: Part,
    /// The node's `libs`: modules Node-RED loads and hands to the code under a name.
    pub libs: Vec<Lib>,
}

/// A part of a function node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// `func`: runs for each message.
    #[default]
    Message,
    /// `initialize`: runs once at the start.
    Setup,
    /// `finalize`: runs once at the end.
    Close,
}

/// A module that a function node asks Node-RED to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lib {
    /// The name it has in the code (`var` in the flow).
    pub name: String,
    /// What is loaded (`module` in the flow): a package, possibly with a version or an address.
    pub module: String,
}

/// What a source says.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Facts {
    /// Whether it could be read at all. The other fields are empty when it was refused, and hold what
    /// could be seen when it has an error.
    pub parsed: Parsed,
    /// What it mentions, in the order of the source.
    pub uses: Vec<Use>,
    /// Its text constants, folded where that is possible (for addresses and secrets).
    pub strings: Vec<Text>,
    /// Its comments.
    pub comments: Vec<Comment>,
    /// A limit was met, so more may be in it than is said here. A reader who needs to be sure treats
    /// this like a refusal.
    pub is_cut: bool,
}

impl Facts {
    /// Whether everything was read, without error and within the limits.
    pub fn is_complete(&self) -> bool {
        self.parsed == Parsed::Ok && !self.is_cut
    }

    /// The first use whose fact fits.
    pub fn find(&self, mut fits: impl FnMut(&Fact) -> bool) -> Option<&Use> {
        self.uses.iter().find(|one| fits(&one.fact))
    }
}

/// Whether a source could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Parsed {
    /// It is JavaScript.
    #[default]
    Ok,
    /// It is not: Node.js would refuse it too. What could be seen is still said.
    Error {
        /// What the parser says, for people.
        message: String,
        /// Where it stopped.
        place: Place,
    },
    /// It was not read, because reading it would not be safe.
    Refused(Refused),
}

/// Why a source was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Refused {
    /// It is too long.
    #[error("the code is {bytes} bytes long, and at most {max} are read")]
    Size {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// It is nested too deeply: brackets, operators, members, `else if`, arrows.
    #[error(
        "the code is nested more than {max} levels deep (line {line}); no one writes that by hand"
    )]
    Nesting {
        /// How deep it may be.
        max: usize,
        /// Where it gets too deep.
        line: u32,
    },
    /// Reading it ended in a fault of ours or of the machine.
    #[error("the code could not be read: {reason}")]
    Ended {
        /// What happened.
        reason: String,
    },
}

/// Where something stands in the source that was given.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Place {
    /// Byte offset of its first byte.
    pub start: usize,
    /// Byte offset after its last byte.
    pub end: usize,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A fact and where it shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Use {
    /// What is true.
    pub fact: Fact,
    /// Where.
    pub place: Place,
    /// The code there, cut to a readable length.
    pub snippet: String,
}

/// A text constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The text, cut at 4 kB. Half surrogates are replaced.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    /// The name it is given, if any: the variable, property or parameter (`password` in `{password: "x"}`).
    pub name: Option<String>,
    /// Whether it was put together from pieces.
    pub is_folded: bool,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// Its text without the marks, cut at 1 kB.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}
