//! Why a text is not a flows file.

use super::parse::{ID_MAX, TYPE_MAX};

/// Why a text is not a flows file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// It is longer than allowed.
    #[error("the flows are {size} bytes long; at most {max} are accepted")]
    TooLarge {
        /// Bytes it has.
        size: usize,
        /// Bytes accepted.
        max: usize,
    },
    /// It has more entries than allowed.
    #[error("the flows have more than {max} entries; split them over several instances")]
    TooMany {
        /// Entries accepted.
        max: usize,
    },
    /// It is nested deeper than allowed.
    #[error("the flows are nested deeper than {max} levels")]
    TooDeep {
        /// Levels accepted.
        max: usize,
    },
    /// It is not UTF-8.
    #[error("the flows are not UTF-8 text; send them as UTF-8")]
    NotText,
    /// It begins with a byte order mark.
    #[error("the flows begin with a byte order mark; send them without one")]
    ByteOrderMark,
    /// It is not JSON that every reader understands alike (lone surrogates and numbers beyond a
    /// double's range included).
    #[error("the flows are not JSON: {reason}")]
    Syntax {
        /// What is wrong and where; never what was read.
        reason: String,
    },
    /// It is JSON, but not an array.
    #[error("the flows are not an array of nodes")]
    NotAnArray,
    /// An entry is not an object.
    #[error("entry {index} of the flows is not an object")]
    NotAnObject {
        /// Its place, from 0.
        index: usize,
    },
    /// An object has a key twice.
    #[error(
        "the key {key:?} stands twice in one object; which of them counts depends on the reader"
    )]
    DuplicateKey {
        /// The key, cut to 64 characters.
        key: String,
    },
    /// An object has the key `__proto__`.
    #[error("an object has the key \"__proto__\", which JavaScript does not treat as data")]
    ProtoKey,
    /// An entry has no usable id.
    #[error("entry {index} of the flows has no id of 1 to {ID_MAX} characters without controls")]
    BadId {
        /// Its place, from 0.
        index: usize,
    },
    /// An entry has no usable type.
    #[error("node {id:?} has no type of 1 to {TYPE_MAX} characters without controls")]
    BadType {
        /// Its id.
        id: String,
    },
    /// Two entries have one id.
    #[error("two nodes have the id {id:?}; give one of them another")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A node's `credentials` are not an object of values.
    #[error("the credentials of node {id:?} are not an object of values")]
    BadCredentials {
        /// The node's id.
        id: String,
    },
    /// A text from the store is not as it was written.
    #[error("the stored flows are not in canonical form; the store may be damaged")]
    NotCanonical,
}
