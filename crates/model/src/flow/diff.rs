//! What differs between two flows: every key of every node.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Flows, change::Change, credentials::CredentialChanges};

/// Everything that differs, in the order of the review: tabs and subflows, nodes added, removed,
/// changed, wires, layout, order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Diff {
    /// The changes, each decided on its own.
    pub changes: Vec<Change>,
}

/// Which credentials a base has: pairs of node id and field, no values.
pub type CredentialNames = BTreeSet<(String, String)>;

/// Compares `base` with `proposal`. `known` tells a credential that is set from one that is
/// changed.
pub fn diff(
    base: &Flows,
    proposal: &Flows,
    credentials: &CredentialChanges,
    known: &CredentialNames,
) -> Diff {
    let _ = (base, proposal, credentials, known);
    Diff::default()
}

impl Diff {
    /// One sentence of what it does: "adds 2 nodes, changes 1, rewires 3 on Boiler".
    pub fn summary(&self) -> String {
        String::new()
    }
}
