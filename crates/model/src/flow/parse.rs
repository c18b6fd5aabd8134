//! Reading flows from hostile text, with limits.

use std::sync::Arc;

use super::credentials::CredentialChanges;
use crate::id::Hash;

/// How large a flows text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes_max: usize,
    /// Entries of the array.
    pub nodes_max: usize,
    /// Depth of nesting.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 64 << 20, nodes_max: 200_000, depth_max: 100 }
    }
}

/// Why a text is not a flows file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// It is longer than allowed.
    #[error("the flows are {size} bytes long; at most {max} are accepted")]
    TooLarge { size: usize, max: usize },
}

/// A flows file in canonical form.
#[derive(Debug, Clone)]
pub struct Flows {
    canonical: Arc<str>,
}

/// A submitted flows file: the flows without credentials, and the credential changes they carried.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The flows, `credentials` objects taken off.
    pub flows: Flows,
    /// What those objects said.
    pub credentials: CredentialChanges,
}

/// One node of a flows file. Its text is a slice of the canonical text.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a> {
    raw: &'a str,
}

impl Flows {
    /// Reads what a client submitted: an array of nodes (with `credentials` objects on some).
    pub fn submitted(text: &[u8], limits: &Limits) -> Result<Submitted, FlowError> {
        let _ = (text, limits);
        unimplemented!()
    }

    /// Reads a canonical text back from the store.
    pub fn from_canonical(text: Arc<str>) -> Result<Self, FlowError> {
        Ok(Self { canonical: text })
    }

    /// The canonical text: what Node-RED's `JSON.stringify` gives.
    pub fn text(&self) -> &Arc<str> {
        &self.canonical
    }

    /// SHA-256 of the canonical text; Node-RED's `rev`.
    pub fn hash(&self) -> Hash {
        Hash::of(self.canonical.as_bytes())
    }

    /// The nodes in file order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        std::iter::empty()
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The node with this id.
    pub fn get(&self, id: &str) -> Option<NodeRef<'_>> {
        let _ = id;
        None
    }
}

impl<'a> NodeRef<'a> {
    /// Its id.
    pub fn id(&self) -> &'a str {
        ""
    }

    /// Its type.
    pub fn kind(&self) -> &'a str {
        ""
    }

    /// The tab or subflow it is on (`z`); none or empty for tabs and global config nodes.
    pub fn tab(&self) -> Option<&'a str> {
        None
    }

    /// Its canonical JSON text.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Its properties, parsed.
    pub fn properties(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::Map::new()
    }
}
